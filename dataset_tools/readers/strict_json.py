"""One row's bytes as a JSON object, or the precise reason why it is none; what is read loses nothing."""

import json
import re
from typing import Any, NoReturn

import orjson

from dataset_tools.arabic.mojibake import guess_bytes_encoding
from dataset_tools.errors import RowError
from schemas.record import JsonObject

__all__ = ["UNREADABLE", "few_brackets", "parse_json", "parse_row", "require_lossless"]

UNREADABLE = "unreadable-row"

_MAX_DEPTH = 254  # the depth that orjson writes
_FEW_BRACKETS = 100  # a row and a declaration with fewer each nest less deep together than JSON is read and written
_FEWEST_DIGITS = 19  # of an integer that 64 bits do not hold
_DIGITS = bytes(48 if 48 <= byte < 58 else 32 for byte in range(256))  # noqa: PLR2004 - every ASCII digit to 0
_NOT_A_NUMBER = re.compile(r"-?(NaN|Infinity|inf\b|nan\b)")
_ICONV = {"utf-16": "UTF-16", "windows-1256": "WINDOWS-1256", "cp864": "CP864"}


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


def few_brackets(raw: bytes) -> bool:
    """Whether so few brackets open that nothing in ``raw`` is deep, not even JSON text inside of text."""
    return raw.count(b"[") + raw.count(b"{") < _FEW_BRACKETS


def parse_json(raw: bytes) -> Any:  # noqa: ANN401 - JSON is any value
    """The JSON value that ``raw`` holds, if reading it loses nothing.

    Raises:
        RowError: it is not JSON, or has a key twice, an integer of more than 64 bits, or too many levels.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        _explain(raw, error)
    require_lossless(raw, value)
    return value


def require_lossless(raw: bytes, value: object) -> None:
    """Refuse ``value`` if orjson lost something of ``raw`` when it read it.

    Raises:
        RowError: a key stands twice, an integer has more than 64 bits, or there are more levels than can be written.
    """
    try:
        written = orjson.dumps(value)
    except TypeError as error:
        raise RowError(UNREADABLE, f"nested deeper than {_MAX_DEPTH} levels") from error
    if written != raw and _suspect(raw, written):
        _require_exact(raw)


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


def _reason(  # noqa: PLR0911 - one answer for each cause
    text: str, position: int, message: str, place: str
) -> tuple[str, str]:
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
        surrogate = raw[error.start : error.start + 1] == b"\xed"
        what = f"not UTF-8: byte 0x{raw[error.start]:02X} at offset {error.start}"
        guess = None if surrogate else guess_bytes_encoding(raw)
        hint = f"it looks like {guess}" if guess else "save the file as UTF-8"
        if guess in _ICONV:
            hint += f": iconv -f {_ICONV[guess]} -t UTF-8 FILE > NEW"
        raise RowError(UNREADABLE, what, hint=hint) from None
