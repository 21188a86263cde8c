"""JSON inside prose, found in time linear in the length of the text."""

import json
import re
from typing import Any, NamedTuple

from dataset_tools.changes import Log
from dataset_tools.errors import RowError
from dataset_tools.records.literals import LiteralError, decode_json, read_literal
from schemas.record import JsonObject

__all__ = ["EmbeddedJson", "find_tool_list", "read_json_at", "read_objects", "split_tags"]

_DECODER = json.JSONDecoder(strict=False)
_LIST_OPENS = re.compile(r"\[\s*+(?=\{)")
_SPACE_OR_COMMA = re.compile(r"[\s,]*+")


class EmbeddedJson(NamedTuple):
    """A value in a text, with its start and end."""

    value: Any
    start: int
    end: int


def find_tool_list(text: str, log: Log, path: str) -> EmbeddedJson | None:
    """Return the first list of objects with names in ``text``, as JSON or as a Python literal; None if there is none.

    After a list that cannot be read, the search continues behind the fault: so it stays linear, and a list inside a
    broken one is never taken for the list of tools.
    """
    opening = _LIST_OPENS.search(text)
    while opening is not None:
        start = opening.start()
        end = _json_end(text, start)
        after = abs(end)
        if end < 0:
            try:
                _, end = read_literal(text, start)
            except LiteralError as error:
                after = max(after, error.at)
        if end > 0:
            value = decode_json(text[start:end], log, path)
            if all(isinstance(item, dict) and _named(item) for item in value):
                return EmbeddedJson(value, start, end)
            after = end
        opening = _LIST_OPENS.search(text, max(after, start + 1))
    return None


def read_json_at(text: str, start: int, log: Log, path: str) -> EmbeddedJson:
    """Return the JSON value or Python literal that starts at ``start``.

    Raises:
        RowError: ``unreadable-json``.
    """
    end = _json_end(text, start)
    if end < 0:
        try:
            _, end = read_literal(text, start)
        except LiteralError:
            end = len(text)
    return EmbeddedJson(decode_json(text[start:end], log, path), start, end)


def read_objects(text: str, start: int, log: Log, path: str) -> list[JsonObject]:
    """Return the JSON objects from ``start`` to the end, separated by white space or commas.

    Raises:
        RowError: ``unreadable-json``, also for other text between them.
    """
    objects: list[JsonObject] = []
    at = _skip(text, start)
    while at < len(text):
        found = read_json_at(text, at, log, f"{path}[{len(objects)}]")
        if not isinstance(found.value, dict):
            raise RowError("unreadable-json", f"{path}[{len(objects)}] is not an object")
        objects.append(found.value)
        at = _skip(text, found.end)
    return objects


def _skip(text: str, at: int) -> int:
    match = _SPACE_OR_COMMA.match(text, at)
    return match.end() if match else at


def _json_end(text: str, start: int) -> int:
    """Return the end of the JSON value at ``start``, or the negative position of the fault."""
    try:
        return _DECODER.raw_decode(text, start)[1]
    except json.JSONDecodeError as error:
        return -max(error.pos, start + 1)
    except (RecursionError, ValueError):  # nested too deeply, or a number of thousands of digits
        return -len(text) - 1


def _named(item: JsonObject) -> bool:
    function = item.get("function")
    return isinstance((function if isinstance(function, dict) else item).get("name"), str)


def split_tags(text: str, name: str, path: str) -> tuple[str, list[str]]:
    """Return the trimmed text outside of the tags ``<name>`` and ``</name>``, and the texts inside each pair.

    Raises:
        RowError: ``unclosed-tag``.
    """
    opening, closing = f"<{name}>", f"</{name}>"
    if opening not in text:
        return text, []
    outside: list[str] = []
    inside: list[str] = []
    at = 0
    while (start := text.find(opening, at)) >= 0:
        end = text.find(closing, start)
        if end < 0:
            raise RowError("unclosed-tag", f"{path} does not close {opening}")
        outside.append(text[at:start].strip())
        inside.append(text[start + len(opening) : end].strip())
        at = end + len(closing)
    outside.append(text[at:].strip())
    return "\n".join(filter(None, outside)), inside
