"""Rows of a shard, in any format; an unreadable row is returned as an error, never raised."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dataset_tools.errors import DamagedError, RowError
from dataset_tools.io.jsonl import MAX_ROW_BYTES, RawLine, dump_line
from dataset_tools.readers.parquet_reader import iter_rows
from dataset_tools.readers.shards import Shard
from dataset_tools.readers.sources import DataFile
from dataset_tools.readers.strict_json import UNREADABLE, few_brackets, parse_json, parse_row
from dataset_tools.readers.tool_cache import ToolCache
from schemas.record import JsonObject

__all__ = ["DAMAGED", "POISON", "RawRow", "read_rows", "reject_line", "row_batches"]

DAMAGED = "damaged-file"
"""Code of the reject for the unreadable rest of a file."""

POISON = "poison-row"
"""Code of a row that crashed or blocked the process that read it."""

_BATCH_ROWS, _BATCH_BYTES = 128, 1 << 20
_MOST_BYTES = 10_000  # of a row that is not JSON
_tool_cache = ToolCache()


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
    poison = dict(shard.poison)
    if file.format == "parquet":
        number = shard.first_line
        begin = (lambda number, _: number not in poison) if poison else None
        try:
            for number, value, error in iter_rows(file.path, shard.start, shard.stop, shard.first_line, begin):
                fatal = poison.get(number)
                yield RawRow(number, None, _poisonous(fatal), b"") if fatal else RawRow(number, value, error, b"")
                number += 1  # noqa: PLW2901 - the number of the next row, in case it is damaged
        except DamagedError as damage:
            yield RawRow(number, None, _damaged(damage.what), b"")
        return
    for line in shard.read_lines():
        fatal = poison.get(line.number)
        yield RawRow(line.number, None, _poisonous(fatal), line.raw) if fatal else _row(line)


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
    row = raw.value if raw.value is not None else raw.raw[:_MOST_BYTES].decode("utf-8", "backslashreplace")
    repeats = {"repeats": error.repeats} if error.repeats else {}
    return dump_line(
        {
            "file": file.name,
            "line": raw.line,
            "code": error.code,
            "reason": error.what,
            "hint": error.hint,
            **repeats,
            "row": row,
        }
    )


def _poisonous(what: str) -> RowError:
    return RowError(POISON, what, hint="the run continues without it; please report such a row")


def _damaged(what: str) -> RowError:
    return RowError(DAMAGED, f"{what}; the rows from here on are lost", hint="download or write it again")


def _row(line: RawLine) -> RawRow:
    if line.fault:
        return RawRow(line.number, None, _damaged(line.fault), b"")
    if line.size > MAX_ROW_BYTES:
        limit = MAX_ROW_BYTES >> 20
        what = f"the row has {max(line.size >> 20, limit)} MB, more than {limit} MB"
        error = RowError(UNREADABLE, what, hint="check for missing newlines between rows")
        return RawRow(line.number, None, error, b"")
    raw = line.raw
    cut = _tool_cache.cut(raw)
    if cut is not None:
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
