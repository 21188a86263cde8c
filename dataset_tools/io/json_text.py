"""JSON text: rows read strictly, values written compactly, and JSON objects in files.

Reading is strict: duplicate keys, integers over 64 bits and excessive depth are errors, as is anything else invalid.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import orjson

from dataset_tools.arabic.encodings import guess_bytes_encoding
from dataset_tools.errors import InputError, RowError
from schemas.record import JsonObject

__all__ = [
    "MAX_ROW_BYTES", "UNREADABLE", "RawLine", "dump_line", "dump_text", "few_brackets", "parse_json", "parse_row",
    "read_object", "require_lossless",
]  # fmt: skip

MAX_ROW_BYTES = 16 << 20
"""Size of the longest row that is read; a longer one is rejected."""

UNREADABLE = "unreadable-row"

_MAX_DEPTH = 254  # levels that orjson can write
_FEW_BRACKETS = 100  # two texts with fewer brackets each stay below the depth limit, even one inside the other
_FEWEST_DIGITS = 19  # of an integer over 64 bits
_DIGITS = bytes(48 if 48 <= byte < 58 else 32 for byte in range(256))  # noqa: PLR2004 - every ASCII digit to 0
_NOT_A_NUMBER = re.compile(r"-?(NaN|Infinity|inf\b|nan\b)")
_ICONV = {"utf-16": "UTF-16", "windows-1256": "WINDOWS-1256", "cp864": "CP864"}


@dataclass(slots=True)
class RawLine:
    """One line or element of a text file.

    Attributes:
        number: line or element number, from 1.
        raw: the bytes; empty if ``size`` is over :data:`MAX_ROW_BYTES`.
        size: number of bytes.
        fault: the reason why the rest of the file cannot be read; the last line only.
    """

    number: int
    raw: bytes
    size: int
    fault: str = ""


def dump_text(value: Any) -> str:  # noqa: ANN401 - JSON is any value
    """Return ``value`` as compact JSON text, with its keys in order."""
    return _dump(value).decode("utf-8")


def dump_line(value: Any) -> bytes:  # noqa: ANN401 - JSON is any value
    """Return ``value`` as one line of a JSON Lines file: UTF-8, keys in order, with a newline."""
    return _dump(value, orjson.OPT_APPEND_NEWLINE)


def _dump(value: Any, option: int | None = None) -> bytes:  # noqa: ANN401
    try:
        return orjson.dumps(value, option=option)
    except TypeError:
        # orjson is limited to 254 levels and 64-bit integers; JSON text inside a row may exceed both.
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-8") + (b"\n" if option else b"")


def read_object(path: Path, hint: str = "") -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Not by orjson: it turns an integer of more than 64 bits into a float, and some configurations hold one.

    Raises:
        InputError: the file is missing, cannot be read, or holds anything else; ``hint`` says what to do.
    """
    try:
        value = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", where=str(path), hint=hint) from error
    if not isinstance(value, dict):
        raise InputError("not a JSON object", where=str(path), hint=hint)
    return value


def parse_row(raw: bytes) -> JsonObject:
    """Return the object that a line holds.

    Raises:
        RowError: the line is not an object, or reading it would lose something.
    """
    value = parse_json(raw)
    if type(value) is not dict:
        kind = {list: "a list", str: "text", bool: "true or false", type(None): "null"}.get(type(value), "a number")
        hint = "write one object per line" + ("; a file that is one array is named .json" if kind == "a list" else "")
        raise RowError(UNREADABLE, f"the row is {kind}, not an object", hint=hint)
    return value


def few_brackets(raw: bytes) -> bool:
    """Return whether ``raw`` has too few brackets to be nested deeply, including JSON text inside strings."""
    return raw.count(b"[") + raw.count(b"{") < _FEW_BRACKETS


def parse_json(raw: bytes) -> Any:  # noqa: ANN401 - JSON is any value
    """Return the JSON value of ``raw`` if reading it loses nothing.

    Raises:
        RowError: not JSON, a duplicate key, an integer over 64 bits, or too many levels.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        _explain(raw, error)
    require_lossless(raw, value)
    return value


def require_lossless(raw: bytes, value: object) -> None:
    """Check that orjson lost nothing when it read ``value`` from ``raw``.

    Raises:
        RowError: a duplicate key, an integer over 64 bits, or more levels than can be written.
    """
    try:
        written = orjson.dumps(value)
    except TypeError as error:
        raise RowError(UNREADABLE, f"nested deeper than {_MAX_DEPTH} levels") from error
    if written != raw and _suspect(raw, written):
        _require_exact(raw)


def _suspect(raw: bytes, written: bytes) -> bool:
    """Return whether a key may be duplicate or an integer too long; False is certain.

    orjson keeps the last of equal keys, so it writes fewer quotes than it read; only an escaped quote could hide that.
    Of 19 digits in a row, two are 9 bytes apart.
    """
    if raw.count(b'"') != written.count(b'"'):
        return True
    if b"\\" in raw and b"\\u0022" in raw:
        return True
    return b"00" in raw[:: _FEWEST_DIGITS // 2].translate(_DIGITS)


def _require_exact(raw: bytes) -> None:
    """Parse again and reject a duplicate key, or an integer that would be rounded."""
    json.loads(raw, object_pairs_hook=_unique, parse_int=_exact)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for position, key in enumerate(keys) if key in keys[:position])
        raise RowError(UNREADABLE, f"duplicate key {twice!r} in one object", hint="remove one of the two")
    return found


def _exact(digits: str) -> int:
    if len(digits) < _FEWEST_DIGITS:
        return 0
    number = int(digits) if len(digits) <= 400 else None  # noqa: PLR2004 - longer ones exceed a double
    if number is None or not (-(2**63) <= number < 2**64 or int(float(number)) == number):
        shown = digits if len(digits) <= 40 else f"{digits[:40]}…"  # noqa: PLR2004 - fits a line
        what = f"the number {shown} exceeds 64 bits and would be rounded"
        raise RowError(UNREADABLE, what, hint="write it as text")
    return 0


def _explain(raw: bytes, error: orjson.JSONDecodeError) -> NoReturn:
    """Raise the reason why a row is not JSON."""
    _require_utf8(raw)
    text, position = raw.decode("utf-8"), error.pos
    place = f"line {error.lineno} column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
    what, hint = _reason(text, position, error.msg, f"at {place}")
    raise RowError(UNREADABLE, what, hint=hint) from None


def _reason(  # noqa: PLR0911 - one result per cause
    text: str, position: int, message: str, place: str
) -> tuple[str, str]:
    if not text:
        return "nothing between two commas", ""
    if "\0" in text[position : position + 1]:
        return f"a NUL byte {place}", "the file may be damaged, or not text"
    # orjson points past the sign of -Infinity.
    start = position - 1 if text[max(position - 1, 0) : position] == "-" else position
    if number := _NOT_A_NUMBER.match(text, start):
        return f"{number[0]} {place} is not JSON; write null or a number", ""
    if "surrogate" in message:
        hint = "the text was cut inside an emoji before it was written"
        return f"a lone surrogate {place}, which is not a character", hint
    if "depth" in message:
        return f"nested deeper than {_MAX_DEPTH} levels {place}", ""
    if "unexpected end" in message:
        return f"the row ends too early {place}", "the file may be truncated, or a row split over several lines"
    if text[position : position + 1] == "'":
        return f"not JSON: {message} {place}", "single quotes are Python, not JSON: write rows with json.dumps"
    if position == 0:
        return f"not JSON: {text[:20]!r} {place}", "write one JSON object per line; convert CSV and other formats first"
    return f"not JSON: {message} {place}", ""


def _require_utf8(raw: bytes) -> None:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        surrogate = raw[error.start : error.start + 1] == b"\xed"
        what = f"not UTF-8: byte 0x{raw[error.start]:02X} at offset {error.start}"
        guess = None if surrogate else guess_bytes_encoding(raw)
        hint = f"it looks like {guess}" if guess else "save the file as UTF-8"
        if guess in _ICONV:
            hint += f": iconv -f {_ICONV[guess]} -t UTF-8 FILE > NEW"
        raise RowError(UNREADABLE, what, hint=hint) from None
