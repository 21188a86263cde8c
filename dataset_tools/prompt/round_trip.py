"""Rendering, then reading: whether the calls of a record can be read back from its prompt as they are.

A record of which they cannot would teach the model something that its readers take otherwise. Every call is read. Most
differ from a call that was read before in their texts alone, and then the parser is not needed: to it, whatever stands
between two ``<escape>`` is data, so what a call says follows from its shape, which is all but these texts.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dataset_tools.prompt.parser import ParseError, parse
from dataset_tools.prompt.render import TRAINED, Kind, RenderError, Segment, segments

__all__ = ["round_trip_problem"]

_ESCAPE = "<escape>"
# Characters that make a key read as something else.
_DELIMITERS = frozenset(":,{}[]")
_MOST_SHAPES, _LONGEST_SHAPE = 10_000, 1_000


class _Shape(NamedTuple):
    """What a call says in which only the texts may differ: its name, the texts' keys in order, all other arguments."""

    name: str
    keys: list[str]
    others: dict[str, Any]


_shapes: dict[str, _Shape] = {}  # by what stands outside of escapes; only of calls that were read back without fault


def round_trip_problem(row: Mapping[str, Any], parts: Sequence[Segment] | None = None) -> str | None:
    """Why the calls of a row could not be read back from its prompt as they are; None if they can.

    Args:
        row: a record, or any object with ``messages`` and ``tools``.
        parts: the row's segments, if they are made already.
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
        if not _known_to_be_same(message, turn):
            problem = _problem(message, [*turn, trained[stop]])
            if problem:
                return f"messages[{position}]{problem}"
    return None


def _known_to_be_same(message: Mapping[str, Any], turn: Sequence[Segment]) -> bool:
    """Whether a message is read back from its turn, told without the parser; no if that cannot be told."""
    text, calls = "", turn
    if turn and turn[0].kind is Kind.ANSWER:
        text, calls = turn[0].text, turn[1:]
    # Without a control token, text is read as it stands.
    if "<" in text or text.strip() != (message.get("content") or "").strip():
        return False
    given = message.get("tool_calls") or ()
    if len(calls) != len(given):
        return False
    for segment, call in zip(calls, given, strict=True):
        if segment.kind is not Kind.CALL or not _says(segment.text, call["function"]):
            return False
    return True


def _says(text: str, call: Mapping[str, Any]) -> bool:
    """Whether the text of a call has a known shape, with which it says just this call."""
    pieces = text.split(_ESCAPE)
    shape = _shapes.get(_ESCAPE.join(pieces[::2]))
    if shape is None or shape.name != call["name"]:
        return False
    texts = pieces[1::2]
    if len(texts) != len(shape.keys):
        return False
    read = dict(zip(shape.keys, texts, strict=True))
    if shape.others:
        return _same(call["arguments"], read | shape.others)
    return bool(call["arguments"] == read)


def _learn(text: str, call: Mapping[str, Any]) -> None:
    """Remember the shape of a call that was read back; not of one whose arguments hold others."""
    pieces = text.split(_ESCAPE)
    shape = _ESCAPE.join(pieces[::2])
    arguments = call["arguments"]
    texts = {key: value for key, value in arguments.items() if type(value) is str}
    others = {key: value for key, value in arguments.items() if type(value) is not str}
    if len(shape) > _LONGEST_SHAPE or any(isinstance(value, (dict, list)) for value in others.values()):
        return
    if list(texts.values()) == pieces[1::2]:
        if len(_shapes) >= _MOST_SHAPES:
            _shapes.clear()
        _shapes[shape] = _Shape(call["name"], list(texts), others)


def _problem(message: Mapping[str, Any], turn: Sequence[Segment]) -> str | None:
    """Why a message is not read back from its turn, after the path in the message."""
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    for number, call in enumerate(calls):
        if problem := _ambiguous(call, f".tool_calls[{number}].function"):
            return problem
    try:
        read = parse("".join([segment.text for segment in turn]))
    except ParseError as error:
        return f": cannot be read back: {error}"
    same = len(calls) == len(read.tool_calls) and all(map(_same_call, calls, read.tool_calls))
    if not same or read.content != (message.get("content") or "").strip() or read.recovered:
        return ": is read back otherwise"
    if not read.warnings:
        written = [segment.text for segment in turn if segment.kind is Kind.CALL]
        for text, call in zip(written, read.tool_calls, strict=True):
            _learn(text, call)
    return None


def _ambiguous(call: Mapping[str, Any], path: str) -> str | None:
    """Why a call cannot be told from another by its text."""
    name = call["name"]
    if name != name.strip() or "{" in name:
        return f"{path}.name: the name {name!r} is read back otherwise"
    left: list[tuple[str, Any]] = [(f"{path}.arguments", call["arguments"])]
    while left:
        place, value = left.pop()
        if value is None:
            return f"{place}: null, which the template prints as None (leave the argument out)"
        if isinstance(value, list):
            left.extend((f"{place}[{position}]", inner) for position, inner in enumerate(value))
        elif isinstance(value, dict):
            for key, inner in value.items():
                if not key or key != key.strip() or not _DELIMITERS.isdisjoint(key):
                    return f"{place}: the key {key!r} is read back otherwise"
                if type(inner) is not str:
                    left.append((f"{place}.{key}", inner))
    return None


def _same_call(given: Mapping[str, Any], read: Mapping[str, Any]) -> bool:
    return bool(given["name"] == read["name"]) and _same(given["arguments"], read["arguments"])


def _same(given: Any, read: Any) -> bool:  # noqa: ANN401 - JSON is any value
    """Whether two JSON values are equal and of the same types: 1, 1.0 and true differ, and so do 0.0 and -0.0."""
    if type(given) is not type(read):
        return False
    if isinstance(given, dict):
        return given.keys() == read.keys() and all(_same(value, read[key]) for key, value in given.items())
    if isinstance(given, list):
        return len(given) == len(read) and all(map(_same, given, read))
    return bool(given == read) and (given != 0 or repr(given) == repr(read))
