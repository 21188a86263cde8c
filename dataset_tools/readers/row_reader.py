"""The rows of a shard, whatever the file's format; a bad row is told, never raised and never silently mended."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dataset_tools.errors import DamagedError, RowError
from dataset_tools.io.jsonl import MAX_ROW_BYTES, Line
from dataset_tools.readers.line_reader import read_lines
from dataset_tools.readers.parquet_reader import iter_rows
from dataset_tools.readers.shards import Shard
from dataset_tools.readers.strict_json import UNREADABLE, few_brackets, parse_json, parse_row
from dataset_tools.readers.tool_cache import Repeats
from schemas.record import JsonObject

__all__ = ["DAMAGED", "POISON", "RawRow", "batches", "read_rows"]

DAMAGED = "damaged-file"
"""The code of a row that stands for the rest of a file, which cannot be read."""

POISON = "poison-row"
"""The code of a row that ended the process that read it, or would not let it go on."""

_BATCH_ROWS, _BATCH_BYTES = 128, 1 << 20
_repeats = Repeats()


@dataclass(slots=True)
class RawRow:
    """One row as it was read: a value or an error, never both.

    Attributes:
        line: its line in a text file, or its number in an array or a table, from 1.
        value: the row.
        error: why there is no row.
        raw: the row's bytes in a text file, empty for Parquet and for a row too long to hold.
        shallow: whether it is certain that nothing in the row is nested deeply, JSON text inside of text included.
    """

    line: int
    value: JsonObject | None
    error: RowError | None
    raw: bytes
    shallow: bool = False


def read_rows(shard: Shard) -> Iterator[RawRow]:
    """Every row of a shard, readable or not; blank lines are no rows.

    Where a file is damaged or cut off, the rows before are given, and one with an error for the rest.

    Raises:
        InputError: the file itself cannot be read on; the rows before that have been given.
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
                number += 1  # noqa: PLW2901 - the next row's, should it be out of reach
        except DamagedError as damage:
            yield RawRow(number, None, _damaged(damage.what), b"")
        return
    lines = read_lines(file, shard.start, shard.stop, shard.first_line) if shard.lines is None else shard.lines
    for line in lines:
        fatal = poison.get(line.number)
        yield RawRow(line.number, None, _poisonous(fatal), line.raw) if fatal else _row(line)


def batches(rows: Iterable[RawRow]) -> Iterator[list[RawRow]]:
    """Rows a batch at a time: at most 128, and fewer where they are long, so that a batch fits in memory."""
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


def _poisonous(what: str) -> RowError:
    return RowError(POISON, what, hint="the run can do without it; a report of such a row is welcome")


def _damaged(what: str) -> RowError:
    return RowError(DAMAGED, f"{what}; the rows from here on are lost", hint="download or write it again")


def _row(line: Line) -> RawRow:
    if line.fault:
        return RawRow(line.number, None, _damaged(line.fault), b"")
    if line.size > MAX_ROW_BYTES:
        limit = MAX_ROW_BYTES >> 20
        what = f"row of {max(line.size >> 20, limit)} MB is longer than {limit} MB"
        error = RowError(UNREADABLE, what, hint="are the newlines between the rows missing?")
        return RawRow(line.number, None, error, b"")
    raw = line.raw
    # Declarations that were parsed before are not parsed again.
    cut = _repeats.cut(raw)
    if cut is not None:
        short, tools = cut
        try:
            value = parse_json(short)
        except RowError:
            value = None  # the whole row will say what is wrong, and where
        if _repeats.restore(value, tools):
            return RawRow(line.number, value, None, raw, few_brackets(short))
    try:
        row = parse_row(raw)
    except RowError as error:
        return RawRow(line.number, None, error, raw)
    _repeats.learn(raw, row)
    return RawRow(line.number, row, None, raw, few_brackets(raw))
