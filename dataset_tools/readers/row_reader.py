"""Rows of a shard, in any format; an unreadable row is returned as an error, never raised."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dataset_tools.errors import DamagedError, RowError
from dataset_tools.io.json_text import (
    MAX_ROW_BYTES,
    UNREADABLE,
    RawLine,
    dump_line,
    few_brackets,
    parse_json,
    parse_row,
)
from dataset_tools.readers.parquet_reader import iter_rows
from dataset_tools.readers.shards import Shard
from dataset_tools.readers.sources import DataFile
from schemas.record import JsonObject

__all__ = ["DAMAGED", "POISON", "RawRow", "ToolCache", "read_rows", "reject_line", "row_batches"]

DAMAGED = "damaged-file"
"""Code of the reject for the unreadable rest of a file."""

POISON = "poison-row"
"""Code of a row that crashed or blocked the process that read it."""

_BATCH_ROWS, _BATCH_BYTES = 128, 1 << 20
_SHOWN = 10_000  # bytes of a row that is not JSON
_FIELDS = {field: f'"{field}":'.encode() for field in ("tools", "tools_sampled")}
_MARK = "\ue000declarations\ue000"  # a row that contains this text is parsed whole
_MARK_JSON = json.dumps(_MARK, ensure_ascii=False).encode()
_PREFIX = 64  # bytes that select the candidates; they usually include the name
_LONGEST = 1 << 16
_COMMA, _BRACKET = b",]"
_MOST, _MOST_BYTES = 4096, 4 << 20  # declarations
_PATIENCE = 2000  # lines without a hit after which the cache is switched off


@dataclass(slots=True)
class RawRow:
    """One row: a value or an error, never both.

    Attributes:
        line: line in a text file, or number in an array or a table, from 1.
        value: the row.
        error: the reason why there is no value.
        raw: bytes of the row in a text file; empty for Parquet and for a row that is too long.
        shallow: True if nothing in the row can be nested deeply, including JSON text inside strings.
    """

    line: int
    value: JsonObject | None
    error: RowError | None
    raw: bytes
    shallow: bool = False


def read_rows(shard: Shard) -> Iterator[RawRow]:
    """Yield every row of a shard, readable or not; blank lines are skipped.

    In a damaged or truncated file, one last row has the error of the rest.

    Raises:
        InputError: the file cannot be read; earlier rows have been yielded.
    """
    file = shard.file
    hint = "the run continues without it; please report such a row"
    poison = {number: RowError(POISON, what, hint=hint) for number, what in shard.poison}
    if file.format == "parquet":
        number = shard.first_line
        begin = (lambda number, _: number not in poison) if poison else None
        try:
            for number, value, error in iter_rows(file.path, shard.start, shard.stop, shard.first_line, begin):
                fatal = poison.get(number)
                yield RawRow(number, None, fatal, b"") if fatal else RawRow(number, value, error, b"")
                number += 1  # noqa: PLW2901 - the number of the next row, in case it is damaged
        except DamagedError as damage:
            yield _damaged(number, damage.what)
        return
    for line in shard.read_lines():
        fatal = poison.get(line.number)
        yield RawRow(line.number, None, fatal, line.raw) if fatal else _row(line)


def row_batches(rows: Iterable[RawRow]) -> Iterator[list[RawRow]]:
    """Yield rows in batches of at most 128, fewer if they are long, so that a batch fits in memory."""
    batch: list[RawRow] = []
    held = 0
    for row in rows:
        batch.append(row)
        held += len(row.raw)
        if len(batch) >= _BATCH_ROWS or held >= _BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def reject_line(raw: RawRow, error: RowError, file: DataFile) -> bytes:
    """Return a rejected row as one line of JSON: place, reason, and the row itself so that a person can repair it."""
    row = raw.value if raw.value is not None else raw.raw[:_SHOWN].decode("utf-8", "backslashreplace")
    reject = {"file": file.name, "line": raw.line, "code": error.code, "reason": error.what, "hint": error.hint}
    return dump_line({**reject, **({"repeats": error.repeats} if error.repeats else {}), "row": row})


def _damaged(number: int, what: str) -> RawRow:
    what = f"{what}; the rows from here on are lost"
    return RawRow(number, None, RowError(DAMAGED, what, hint="download or write it again"), b"")


def _row(line: RawLine) -> RawRow:
    if line.fault:
        return _damaged(line.number, line.fault)
    if line.size > MAX_ROW_BYTES:
        what = f"the row has {max(line.size, MAX_ROW_BYTES) >> 20} MB, more than {MAX_ROW_BYTES >> 20} MB"
        error = RowError(UNREADABLE, what, hint="check for missing newlines between rows")
        return RawRow(line.number, None, error, b"")
    raw = line.raw
    if cut := _tool_cache.cut(raw):
        short, tools = cut
        try:
            value = parse_json(short)
        except RowError:
            value = None  # parsing the whole row below finds the reason and the column
        if _tool_cache.restore(value, tools):
            return RawRow(line.number, value, None, raw, few_brackets(short))
    try:
        row = parse_row(raw)
    except RowError as error:
        return RawRow(line.number, None, error, raw)
    _tool_cache.learn(raw, row)
    return RawRow(line.number, row, None, raw, few_brackets(raw))


class ToolCache:
    """Cache of parsed tool declarations, keyed by their bytes; rows share the objects, which must not be changed.

    Most bytes of a row are its declarations, and a file of a million rows has a few hundred distinct ones. In a line
    whose list of tools consists of known declarations, a mark replaces the list, the short line is parsed, and the
    cached objects replace the mark.
    A declaration matches by all of its bytes and only where an element of the list starts; any other line is parsed
    whole. Declarations with many brackets are not cached, so a cached one is never deep.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, list[tuple[bytes, Any]]] = {}
        self._fields: dict[str, bytes] = {}  # the fields of the line that was cached last
        self._count = self._bytes = self._misses = 0

    def cut(self, line: bytes) -> tuple[bytes, list[tuple[str, list[Any]]]] | None:
        """Return the line with marks in place of its lists of cached declarations, and those lists; None for no hit."""
        if self._misses > _PATIENCE:
            return None
        found: list[tuple[str, list[Any]]] = []
        for field, key in self._fields.items():
            start = _list_start(line, key)
            if start < 0:
                continue
            tools: list[Any] = []
            stop = self._match(line, start, tools)
            if stop < 0:
                return None
            line = line[:start] + _MARK_JSON + line[stop:]
            found.append((field, tools))
        return (line, found) if found else None

    @staticmethod
    def restore(row: Any, found: list[tuple[str, list[Any]]]) -> bool:  # noqa: ANN401 - any JSON value
        """Replace the marks by the lists; return False if a mark is not in the row's own field."""
        if not isinstance(row, dict):
            return False
        for field, tools in found:
            if row.get(field) != _MARK:
                return False
            row[field] = tools
        return True

    def learn(self, line: bytes, row: JsonObject) -> None:
        """Cache the declarations of a line that was parsed whole."""
        if self._misses > _PATIENCE or self._count >= _MOST or self._bytes >= _MOST_BYTES:
            return
        self._misses += 1
        self._fields = {field: key for field, key in _FIELDS.items() if isinstance(row.get(field), list)}
        for field, key in self._fields.items():
            start = _list_start(line, key)
            if row[field] and start >= 0:
                self._learn_list(line[start:], row[field])

    def _match(self, line: bytes, start: int, tools: list[Any]) -> int:
        """Append the cached declarations of the list at ``start`` to ``tools``.

        Return the position after the list; -1 if a declaration is not cached.
        """
        known = self._known
        position = start + 1
        while candidates := known.get(line[position : position + _PREFIX]):
            span, tool = candidates[0]
            if not line.startswith(span, position):
                span, tool = next((found for found in candidates if line.startswith(found[0], position)), (b"", None))
            if not span:
                return -1
            tools.append(tool)
            position += len(span)
            # A single byte is compared as a number, for speed; a truncated line may end here.
            after = line[position] if position < len(line) else 0
            if after == _COMMA:
                position += 2 if line.startswith(b" ", position + 1) else 1
            elif after == _BRACKET:
                self._misses = 0
                return position + 1
            else:
                return -1
        return -1

    def _learn_list(self, text: bytes, tools: list[Any]) -> None:
        decoder = json.JSONDecoder()
        try:
            characters = text[: _LONGEST * 8].decode("utf-8", "ignore")
            position = 1
            for tool in tools:
                while characters[position] in " ,\t":
                    position += 1
                _, stop = decoder.raw_decode(characters, position)
                span = characters[position:stop].encode()
                if _PREFIX <= len(span) <= _LONGEST and few_brackets(span):
                    candidates = self._known.setdefault(span[:_PREFIX], [])
                    if all(span != known for known, _ in candidates):
                        candidates.append((span, tool))
                        self._count += 1
                        self._bytes += len(span)
                position = stop
        except (ValueError, IndexError, RecursionError):
            return  # not compact JSON of one line, or too long to cache


def _list_start(line: bytes, key: bytes) -> int:
    """Return the position of the list under ``key``, or -1. A quoted name before a colon is always a key."""
    start = line.find(key)
    if start < 0:
        return -1
    start += len(key) + line.startswith(b" ", start + len(key))
    return start if line.startswith(b"[", start) else -1


_tool_cache = ToolCache()
