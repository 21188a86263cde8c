"""The rows of a shard, whatever the file's format; a bad row is told, never raised and never silently mended."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

import orjson

from dataset_tools.errors import RowError
from dataset_tools.jsonl import MAX_ROW_BYTES, Line
from dataset_tools.lines import read_lines
from dataset_tools.parquet_rows import iter_rows
from dataset_tools.repeats import Repeats
from dataset_tools.shards import Shard
from schemas.record import JsonObject

__all__ = ["MAX_ROW_BYTES", "RawRow", "parse_json", "parse_row", "read_rows"]

UNREADABLE = "unreadable-row"

_MAX_DEPTH = 254  # the depth that orjson writes
_FEWEST_DIGITS = 19  # of an integer that 64 bits do not hold
_DIGITS = bytes(48 if 48 <= byte < 58 else 32 for byte in range(256))  # noqa: PLR2004 - every ASCII digit to 0
_NOT_A_NUMBER = re.compile(r"-?(NaN|Infinity|inf\b|nan\b)")
_ICONV = {"utf-16": "UTF-16", "windows-1256": "WINDOWS-1256", "cp864": "CP864"}


_repeats = Repeats()


class RawRow(NamedTuple):
    """One row as it was read: a value or an error, never both.

    Attributes:
        line: its line in a text file, or its number in an array or a table, from 1.
        value: the row.
        error: why there is no row.
        raw: the row's bytes in a text file, empty for Parquet and for a row too long to hold.
    """

    line: int
    value: JsonObject | None
    error: RowError | None
    raw: bytes


def read_rows(shard: Shard) -> Iterator[RawRow]:
    """Every row of a shard, readable or not; blank lines are no rows.

    Raises:
        InputError: the file itself cannot be read on; the rows before that have been given.
    """
    file = shard.file
    if file.format == "parquet":
        for number, value, error in iter_rows(file.path, shard.start, shard.stop, shard.first_line):
            yield RawRow(number, value, error, b"")
        return
    lines = read_lines(file, shard.start, shard.stop, shard.first_line) if shard.lines is None else shard.lines
    for line in lines:
        yield _row(line)


def parse_row(raw: bytes) -> JsonObject:
    """The object that a line holds.

    Raises:
        RowError: it holds none, or one that would not survive being read.
    """
    value = parse_json(raw)
    if type(value) is not dict:
        kind = {list: "a list", str: "text", bool: "true or false", type(None): "null"}.get(type(value), "a number")
        hint = "one object a line" + ("; a file that is one array is named .json" if kind == "a list" else "")
        raise RowError(UNREADABLE, f"the row is {kind}, not an object", hint=hint)
    return value


def parse_json(raw: bytes) -> Any:  # noqa: ANN401 - JSON is any value
    """The JSON value that ``raw`` holds, if reading it loses nothing.

    Raises:
        RowError: it is not JSON, or has a key twice, an integer of more than 64 bits, or too many levels.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        _explain(raw, error)
    try:
        written = orjson.dumps(value)
    except TypeError as error:
        raise RowError(UNREADABLE, f"nested deeper than {_MAX_DEPTH} levels") from error
    if written != raw and _suspect(raw, written):
        _require_exact(raw)
    return value


def _suspect(raw: bytes, written: bytes) -> bool:
    """Whether a key may stand twice or an integer be too long; never wrong when it says no.

    orjson keeps the last of equal keys, so what it writes back has fewer quotes than what it read; only a quote written
    as an escape could hide that. Of 19 digits in a row, two must stand 9 apart.
    """
    if raw.count(b'"') != written.count(b'"'):
        return True
    if b"\\" in raw and b"\\u0022" in raw:
        return True
    return b"00" in raw[:: _FEWEST_DIGITS // 2].translate(_DIGITS)


def _require_exact(raw: bytes) -> None:
    """Read again, slowly, for what orjson passes over in silence.

    Raises:
        RowError: a key stands twice in one object, or an integer would be rounded.
    """
    json.loads(raw, object_pairs_hook=_unique, parse_int=_exact)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for position, key in enumerate(keys) if key in keys[:position])
        raise RowError(UNREADABLE, f"the key {twice!r} stands twice in one object", hint="remove one of the two")
    return found


def _exact(digits: str) -> int:
    if len(digits) < _FEWEST_DIGITS:
        return 0
    number = int(digits) if len(digits) <= 400 else None  # noqa: PLR2004 - longer ones are no double either
    if number is None or not (-(2**63) <= number < 2**64 or int(float(number)) == number):
        shown = digits if len(digits) <= 40 else f"{digits[:40]}…"  # noqa: PLR2004 - fits a line
        what = f"the number {shown} does not fit 64 bits and would be rounded"
        raise RowError(UNREADABLE, what, hint="write it as text")
    return 0


def _row(line: Line) -> RawRow:
    if line.size > MAX_ROW_BYTES:
        limit = MAX_ROW_BYTES >> 20
        what = f"row of {max(line.size >> 20, limit)} MB is longer than {limit} MB"
        error = RowError(UNREADABLE, what, hint="are the newlines between the rows missing?")
        return RawRow(line.number, None, error, b"")
    try:
        return RawRow(line.number, _parse(line.raw), None, line.raw)
    except RowError as error:
        return RawRow(line.number, None, error, line.raw)


def _parse(raw: bytes) -> JsonObject:
    """What :func:`parse_row` gives, without parsing declarations that were parsed before."""
    cut = _repeats.cut(raw)
    if cut is not None:
        with suppress(RowError):  # the whole row will say what is wrong, and where
            value = parse_json(cut[0])
            if _repeats.restore(value, cut[1]):
                found: JsonObject = value
                return found
    row = parse_row(raw)
    _repeats.learn(raw, row)
    return row


def _explain(raw: bytes, error: orjson.JSONDecodeError) -> NoReturn:
    """Say why a row is not JSON.

    Raises:
        RowError: always.
    """
    _require_utf8(raw)
    text, position = raw.decode("utf-8"), error.pos
    place = f"line {error.lineno} column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
    what, hint = _reason(text, position, error.msg, f"at {place}")
    raise RowError(UNREADABLE, what, hint=hint) from None


def _reason(text: str, position: int, message: str, place: str) -> tuple[str, str]:
    if not text:
        return "nothing between two commas", ""
    if "\0" in text[position : position + 1]:
        return f"a NUL byte {place}", "is the file damaged, or not text?"
    # orjson points past the sign of -Infinity.
    start = position - 1 if text[max(position - 1, 0) : position] == "-" else position
    if number := _NOT_A_NUMBER.match(text, start):
        return f"{number[0]} {place} is not JSON; write null or a number", ""
    if "surrogate" in message:
        hint = "text was cut inside an emoji before it was written"
        return f"half of a surrogate pair {place}, which is no character", hint
    if "depth" in message:
        return f"nested deeper than {_MAX_DEPTH} levels {place}", ""
    if "unexpected end" in message:
        return f"the row ends too early {place}", "is the file cut off, or a row split over several lines?"
    if text[position : position + 1] == "'":
        return f"not JSON: {message} {place}", "single quotes are Python, not JSON: write rows with json.dumps"
    if position == 0:
        return f"not JSON: {text[:20]!r} {place}", "one JSON object a line; CSV and the like must be converted first"
    return f"not JSON: {message} {place}", ""


def _require_utf8(raw: bytes) -> None:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        from dataset_tools.arabic.mojibake import guess_bytes_encoding  # noqa: PLC0415 - rarely needed

        surrogate = raw[error.start : error.start + 1] == b"\xed"
        what = f"not UTF-8: byte 0x{raw[error.start]:02X} at offset {error.start}"
        guess = None if surrogate else guess_bytes_encoding(raw)
        hint = f"it looks like {guess}" if guess else "save the file as UTF-8"
        if guess in _ICONV:
            hint += f": iconv -f {_ICONV[guess]} -t UTF-8 FILE > NEW"
        raise RowError(UNREADABLE, what, hint=hint) from None
