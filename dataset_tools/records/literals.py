"""Decoding of arguments and other values that are stored as text.

Public datasets store arguments as JSON text, as JSON text of JSON text, and as Python literals. Each step beyond plain
JSON is logged.
"""

import math
import re
from contextlib import suppress
from typing import Any

import orjson

from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError
from dataset_tools.io.json_text import require_lossless
from schemas.record import JsonObject

__all__ = ["LiteralError", "decode_json", "read_arguments", "read_literal", "skip_space"]

_ENCODINGS = 3
_EXCERPT = 60
# The reader recurses on nesting: far above real values, far below Python's recursion limit.
_NESTING = 60
# JSON writers and readers disagree beyond 64 bits.
_DIGITS = 20
_INTEGERS = range(-(2**63), 2**64)

# Possessive quantifiers keep every pattern linear on hostile text.
_SPACE = re.compile(r"\s*+")
_STRING = re.compile(r"""'((?:[^'\\]++|\\.)*+)'|"((?:[^"\\]++|\\.)*+)\"""", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*+)(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?(?![\w.])")
_WORD = re.compile(r"[A-Za-z]++(?![\w.])")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\n": ""} | {mark: mark for mark in "\\'\"/"}


class LiteralError(ValueError):
    """Text that is not a literal; the message has the fault and its character, counted from 1."""

    def __init__(self, what: str, at: int) -> None:
        """Store a fault and its character, counted from 0."""
        super().__init__(f"{what} at character {at + 1}")
        self.at = at


def decode_json(text: str, log: Log, path: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of ``text`` as JSON, else as a Python literal (logged as ``python-literal``).

    Raises:
        RowError: ``unreadable-json``: the text is neither.
    """
    with suppress(orjson.JSONDecodeError, UnicodeEncodeError):
        value = orjson.loads(text)
        try:
            require_lossless(text.encode(), value)
        except RowError as error:
            raise RowError("unreadable-json", f"{path}: {error.what}", hint=error.hint) from None
        return value
    try:
        value, end = read_literal(text)
        _end_of_text(text, end)
    except LiteralError as error:
        excerpt = text if len(text) <= _EXCERPT else text[: _EXCERPT - 3] + "..."
        raise RowError(
            "unreadable-json", f"{path} is neither JSON nor a Python literal ({error}): {excerpt!r}"
        ) from error
    log.append(Change("python-literal", path, text, value))
    return value


def read_arguments(value: Any, log: Log, path: str) -> JsonObject:  # noqa: ANN401 - foreign data
    """Return arguments as an object, decoded as often as they were encoded (logged as ``decode-arguments``).

    None means a call without arguments and becomes an empty object.

    Raises:
        RowError: ``arguments-not-object``, or ``unreadable-json`` from :func:`decode_json`.
    """
    if isinstance(value, dict):
        return value
    if value is None:
        log.append(Change("empty-arguments", path, None, {}))
        return {}
    before = value
    for _ in range(_ENCODINGS):
        if not isinstance(value, str):
            break
        literals = len(log)
        value = decode_json(value or "{}", log, path)
        if len(log) == literals:
            log.append(Change("decode-arguments", path, before, value))
        before = value
    if isinstance(value, dict):
        return value
    raise RowError("arguments-not-object", f"{path} is {_kind(value)}, not an object")


def skip_space(text: str, at: int) -> int:
    """Return the index of the first character from ``at`` that is not white space."""
    match = _SPACE.match(text, at)
    return match.end() if match else at


def read_literal(text: str, at: int = 0, depth: int = 0) -> tuple[Any, int]:
    """Return the Python or JSON value that starts at ``at``, and its end.

    Accepts both languages mixed, as in public datasets: ``{'city': "دبي", "now": true}``. Tuples and sets become
    lists, keys become text. Runs in linear time.

    Raises:
        LiteralError: there is no value, or JSON cannot hold it (infinity, more than 64 bits, a lone surrogate).
    """
    at = skip_space(text, at)
    opening = text[at : at + 1]
    if opening in ("'", '"'):
        return _string(text, at)
    if opening in ("[", "(", "{"):
        if depth >= _NESTING:
            raise LiteralError(f"nesting deeper than {_NESTING} levels", at)
        return _object(text, at + 1, depth + 1) if opening == "{" else _list(text, at, depth + 1)
    number = _NUMBER.match(text, at)
    if number is not None:
        return _number(number[0], at), number.end()
    word = _WORD.match(text, at)
    if word is not None and word[0] in _WORDS:
        return _WORDS[word[0]], word.end()
    raise LiteralError("no value" if opening else "the text ends before a value", at)


def _end_of_text(text: str, at: int) -> None:
    at = skip_space(text, at)
    if at < len(text):
        raise LiteralError("text after the value", at)


def _string(text: str, at: int) -> tuple[str, int]:
    match = _STRING.match(text, at)
    if match is None:
        raise LiteralError("a string that is not closed", at)
    body = match[1] if match[1] is not None else match[2]
    if "\\" in body:
        try:
            body = _ESCAPE.sub(_unescape, body)
            body = body.encode("utf-16", "surrogatepass").decode("utf-16")
        except (ValueError, OverflowError) as error:
            raise LiteralError("an invalid escape", at) from error
    return body, match.end()


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code:
        return chr(int(code, 16))
    # Python keeps unknown escapes.
    return _ESCAPES.get(match[4], match[0])


def _number(written: str, at: int) -> int | float:
    if written.lstrip("+-").isdigit():
        if len(written) <= _DIGITS and int(written) in _INTEGERS:
            return int(written)
        raise LiteralError("a number beyond 64 bits", at)
    value = float(written)
    if math.isinf(value):
        raise LiteralError("a number beyond 64 bits", at)
    return value


def _list(text: str, at: int, depth: int) -> tuple[Any, int]:
    """Read a list or tuple that opens at ``at``; parentheses around one value without a comma only group it."""
    closing = "]" if text[at] == "[" else ")"
    items: list[Any] = []
    comma = False
    at = skip_space(text, at + 1)
    while text[at : at + 1] != closing:
        if items and not comma:
            raise LiteralError(f"a missing comma or {closing}", at)
        item, at = read_literal(text, at, depth)
        items.append(item)
        at, comma = _after_item(text, at)
    if closing == ")" and len(items) == 1 and not comma:
        return items[0], at + 1
    return items, at + 1


def _object(text: str, at: int, depth: int) -> tuple[Any, int]:
    """Read a dictionary or a set whose first item starts at ``at``; the first item decides which."""
    keyed: JsonObject = {}
    items: list[Any] = []
    comma = True
    at = skip_space(text, at)
    while text[at : at + 1] != "}":
        if not comma:
            raise LiteralError("a missing comma or }", at)
        key, at = read_literal(text, at, depth)
        at = skip_space(text, at)
        if text[at : at + 1] == ":" and not items and not isinstance(key, (list, dict)):
            if str(key) in keyed:
                raise LiteralError(f"the repeated key {str(key)!r}", at)
            keyed[str(key)], at = read_literal(text, at + 1, depth)
        elif keyed or text[at : at + 1] == ":":
            raise LiteralError("an unpaired key or value", at)
        else:
            items.append(key)
        at, comma = _after_item(text, at)
    return items or keyed, at + 1


def _after_item(text: str, at: int) -> tuple[int, bool]:
    """Return the start of the next item or closing bracket, and whether there was a comma."""
    at = skip_space(text, at)
    if text[at : at + 1] == ",":
        return skip_space(text, at + 1), True
    return at, False


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", type(None): "null"}
    return names.get(type(value), type(value).__name__)
