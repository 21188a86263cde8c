"""Tool results: objects keep their structure, and JSON text that is an object can be decoded."""

from contextlib import suppress
from typing import Any, NamedTuple

import orjson

from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError
from dataset_tools.io.json_text import require_lossless
from dataset_tools.prompt.round_trip import result_problem
from schemas.record import JsonObject, Message

__all__ = ["Decoded", "decode_result", "decoded", "json_text", "result_content", "text_of"]


class Decoded(NamedTuple):
    """Text of a tool result, decoded.

    Attributes:
        value: the object; None if the text is not JSON of an object, or must stay text.
        problem: the reason why the JSON text of an object must stay text; else empty.
    """

    value: JsonObject | None
    problem: str


_NO_OBJECT = Decoded(None, "")


def result_content(value: Any, path: str) -> str | JsonObject:  # noqa: ANN401 - foreign data
    """Return the result of a tool as content: text and objects unchanged, anything else as JSON text.

    Raises:
        RowError: ``unsupported-content``: it is nested too deeply.
    """
    return value if isinstance(value, (str, dict)) else json_text(value, path)


def json_text(value: Any, path: str) -> str:  # noqa: ANN401 - foreign data
    """Return a value as JSON text.

    Raises:
        RowError: ``unsupported-content``: it is nested too deeply.
    """
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise RowError("unsupported-content", f"{path} cannot be written as JSON: {error}") from error


def text_of(message: Message) -> str:
    """Return the content of a message as text, for comparison and search; empty if there is none.

    An object becomes JSON text with sorted keys, so equal objects give equal text.
    """
    content = message.get("content", "")
    return content if isinstance(content, str) else orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()


def decoded(text: str) -> Decoded:
    """Decode the text of a tool result if it is JSON of an object and the prompt expresses the object exactly.

    Python literals, lists and other JSON are text.
    """
    if not text.lstrip().startswith("{"):
        return _NO_OBJECT
    with suppress(orjson.JSONDecodeError):
        value: JsonObject = orjson.loads(text)
        try:
            require_lossless(text.encode(), value)
        except RowError as error:
            return Decoded(None, error.what)
        problem = result_problem(value)
        return Decoded(None, problem) if problem else Decoded(value, "")
    return _NO_OBJECT


def decode_result(message: Message, path: str, log: Log) -> None:
    """Replace the JSON text of an object in a tool message by the object, logged as ``decode-result``.

    Args:
        message: a message of any role; only tool messages change.
        path: the path of the message in the record.
        log: receives the change.
    """
    content = message.get("content")
    if message["role"] != "tool" or not isinstance(content, str):
        return
    value = decoded(content).value
    if value is not None:
        log.append(Change("decode-result", f"{path}.content", content, value))
        message["content"] = value
