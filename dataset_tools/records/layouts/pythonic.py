"""Calls in pythonic text: ``[Get Weather(city="مسقط"), geo/area(b=4, opts={"x": true})]``.

Not Python: names hold spaces, slashes and dots, and values mix Python's literals with JSON's. Linear in the text.
"""

import re

from dataset_tools.records.literals import LiteralError, read_literal, skip_space
from schemas.record import JsonObject

__all__ = ["parse_calls"]

_NAME = re.compile(r"""([^()\[\]{}"'=,][^()\[\]{}"=,]*+)\(""")
_KEY = re.compile(r"""([^=(),'"\[\]{}\s]++)\s*+=""")


def parse_calls(text: str) -> list[tuple[str, JsonObject]] | None:
    """Return names and arguments of the calls in ``text``; None for ordinary content.

    Text that starts with ``[name(key=`` or ``[name()`` is a list of calls, in which every fault is an error.

    Raises:
        LiteralError: the list of calls is broken; the message has the fault and its place.
    """
    at = skip_space(text, 0)
    if text[at : at + 1] != "[" or not _starts_call(text, at + 1):
        return None
    calls: list[tuple[str, JsonObject]] = []
    at += 1
    while True:
        name, at = _name(text, at)
        arguments, at = _arguments(text, at)
        calls.append((name, arguments))
        at = skip_space(text, at)
        mark = text[at : at + 1]
        if mark == "]":
            break
        if mark != ",":
            raise LiteralError("a missing comma or ] after a call", at)
        at = skip_space(text, at + 1)
        if text[at : at + 1] == "]":
            break
    at = skip_space(text, at + 1)
    if at < len(text):
        raise LiteralError("text after the list of calls", at)
    return calls


def _starts_call(text: str, at: int) -> bool:
    name = _NAME.match(text, skip_space(text, at))
    if name is None:
        return False
    at = skip_space(text, name.end())
    return text[at : at + 1] == ")" or _KEY.match(text, at) is not None


def _name(text: str, at: int) -> tuple[str, int]:
    at = skip_space(text, at)
    match = _NAME.match(text, at)
    if match is None:
        raise LiteralError("a missing function name", at)
    return match[1].strip(), match.end()


def _arguments(text: str, at: int) -> tuple[JsonObject, int]:
    """Return the arguments that start at ``at``, and the end of their closing bracket."""
    arguments: JsonObject = {}
    at = skip_space(text, at)
    while text[at : at + 1] != ")":
        key = _KEY.match(text, at)
        if key is None:
            raise LiteralError("an argument without a name", at)
        if key[1] in arguments:
            raise LiteralError(f"the repeated argument {key[1]}", at)
        arguments[key[1]], at = read_literal(text, key.end())
        at = skip_space(text, at)
        if text[at : at + 1] == ",":
            at = skip_space(text, at + 1)
        elif text[at : at + 1] != ")":
            raise LiteralError("a missing comma or ) after an argument", at)
    return arguments, at + 1
