"""Round trip check: the calls of a record, parsed from its prompt, must be equal to the record's calls.

Otherwise the model would learn output that the parser reads differently. A result must be as unambiguous, although no
model writes it: the model reads it. A cache saves most parsing: the parser takes
any text between two ``<escape>`` as data, so a call whose remaining text (its shape) was parsed before needs no parser.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dataset_tools.prompt.parser import ParseError, parse
from dataset_tools.prompt.render import TRAINED, Kind, RenderError, Segment, segments, write_result

__all__ = ["result_problem", "round_trip_problem"]

_ESCAPE = "<escape>"
# Characters that the parser does not read as part of a key.
_DELIMITERS = frozenset(":,{}[]")
_MOST_SHAPES, _LONGEST_SHAPE = 10_000, 1_000


class _Shape(NamedTuple):
    """A parsed call without its texts: name, keys of the texts in order, and all other arguments."""

    name: str
    keys: list[str]
    others: dict[str, Any]


_shape_cache: dict[str, _Shape] = {}  # by the text outside of escapes; only calls that passed the check


def round_trip_problem(row: Mapping[str, Any], parts: Sequence[Segment] | None = None) -> str | None:
    """Return why the calls of a row differ when parsed from its prompt; None if they are equal.

    Args:
        row: a record, or any object with ``messages`` and ``tools``.
        parts: the row's segments, if they exist already.
    """
    try:
        trained = [part for part in parts or segments(row) if part.kind in TRAINED]
    except RenderError as error:
        return str(error)
    start = 0
    for position, message in enumerate(row["messages"]):
        if message["role"] != "assistant":
            continue
        stop = start
        while trained[stop].kind is not Kind.STOP:
            stop += 1
        turn = trained[start:stop]
        start = stop + 1
        if not _passes_by_cache(message, turn):
            problem = _problem(message, [*turn, trained[stop]])
            if problem:
                return f"messages[{position}]{problem}"
    return None


def result_problem(result: Mapping[str, Any]) -> str:
    """Return why the prompt cannot express a tool result exactly, with the path in it; empty if it can.

    Keys are written bare, so a key with a delimiter of the format is ambiguous.
    """
    try:
        write_result(result)
    except RenderError as error:
        return str(error)
    left: list[tuple[str, Any]] = [("", result)]
    while left:
        place, value = left.pop()
        if isinstance(value, list):
            left.extend((f"{place}[{position}]", inner) for position, inner in enumerate(value))
        elif isinstance(value, dict):
            for key, inner in value.items():
                if _is_ambiguous(key):
                    return f"{place}: the key {key!r} is ambiguous in the prompt".removeprefix(": ")
                if type(inner) is not str:
                    left.append((f"{place}.{key}", inner))
    return ""


def _passes_by_cache(message: Mapping[str, Any], turn: Sequence[Segment]) -> bool:
    """Return whether cached shapes prove that a message passes the check; False if the parser is needed."""
    text, calls = "", turn
    if turn and turn[0].kind is Kind.ANSWER:
        text, calls = turn[0].text, turn[1:]
    # Text without a control token is parsed as it is.
    if "<" in text or text.strip() != (message.get("content") or "").strip():
        return False
    given = message.get("tool_calls") or ()
    if len(calls) != len(given):
        return False
    for segment, call in zip(calls, given, strict=True):
        if segment.kind is not Kind.CALL or not _matches_shape(segment.text, call["function"]):
            return False
    return True


def _matches_shape(text: str, call: Mapping[str, Any]) -> bool:
    """Return whether the text of a call has a cached shape that yields exactly this call."""
    pieces = text.split(_ESCAPE)
    shape = _shape_cache.get(_ESCAPE.join(pieces[::2]))
    if shape is None or shape.name != call["name"]:
        return False
    texts = pieces[1::2]
    if len(texts) != len(shape.keys):
        return False
    read = dict(zip(shape.keys, texts, strict=True))
    if shape.others:
        return _same(call["arguments"], read | shape.others)
    return bool(call["arguments"] == read)


def _cache_shape(text: str, call: Mapping[str, Any]) -> None:
    """Cache the shape of a call that passed the check, unless its arguments are nested."""
    pieces = text.split(_ESCAPE)
    shape = _ESCAPE.join(pieces[::2])
    arguments = call["arguments"]
    texts = {key: value for key, value in arguments.items() if type(value) is str}
    others = {key: value for key, value in arguments.items() if type(value) is not str}
    if len(shape) > _LONGEST_SHAPE or any(isinstance(value, (dict, list)) for value in others.values()):
        return
    if list(texts.values()) == pieces[1::2]:
        if len(_shape_cache) >= _MOST_SHAPES:
            _shape_cache.clear()
        _shape_cache[shape] = _Shape(call["name"], list(texts), others)


def _problem(message: Mapping[str, Any], turn: Sequence[Segment]) -> str | None:
    """Return why a message differs when parsed from its turn, with the path in the message."""
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    for number, call in enumerate(calls):
        if problem := _ambiguous(call, f".tool_calls[{number}].function"):
            return problem
    try:
        read = parse("".join([segment.text for segment in turn]))
    except ParseError as error:
        return f": cannot be parsed: {error}"
    same = len(calls) == len(read.tool_calls) and all(map(_same_call, calls, read.tool_calls))
    if not same or read.content != (message.get("content") or "").strip() or read.recovered:
        return ": differs when parsed"
    if not read.warnings:
        written = [segment.text for segment in turn if segment.kind is Kind.CALL]
        for text, call in zip(written, read.tool_calls, strict=True):
            _cache_shape(text, call)
    return None


def _ambiguous(call: Mapping[str, Any], path: str) -> str | None:
    """Return why the text of a call is ambiguous."""
    name = call["name"]
    if name != name.strip() or "{" in name:
        return f"{path}.name: the name {name!r} differs when parsed"
    left: list[tuple[str, Any]] = [(f"{path}.arguments", call["arguments"])]
    while left:
        place, value = left.pop()
        if value is None:
            return f"{place}: null, which the template prints as None (remove the argument)"
        if isinstance(value, list):
            left.extend((f"{place}[{position}]", inner) for position, inner in enumerate(value))
        elif isinstance(value, dict):
            for key, inner in value.items():
                if _is_ambiguous(key):
                    return f"{place}: the key {key!r} differs when parsed"
                if type(inner) is not str:
                    left.append((f"{place}.{key}", inner))
    return None


def _is_ambiguous(key: str) -> bool:
    return not key or key != key.strip() or not _DELIMITERS.isdisjoint(key)


def _same_call(given: Mapping[str, Any], read: Mapping[str, Any]) -> bool:
    return bool(given["name"] == read["name"]) and _same(given["arguments"], read["arguments"])


def _same(given: Any, read: Any) -> bool:  # noqa: ANN401 - JSON is any value
    """Return whether two JSON values are equal with equal types: 1, 1.0 and true differ, as do 0.0 and -0.0."""
    if type(given) is not type(read):
        return False
    if isinstance(given, dict):
        return given.keys() == read.keys() and all(_same(value, read[key]) for key, value in given.items())
    if isinstance(given, list):
        return len(given) == len(read) and all(map(_same, given, read))
    return bool(given == read) and (given != 0 or repr(given) == repr(read))
