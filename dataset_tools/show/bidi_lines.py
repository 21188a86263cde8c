"""Prompts as display lines: spans with one text direction each.

The Unicode bidirectional algorithm orders a whole line at once, so names, delimiters and Arabic values would change
places. Each span is therefore displayed in its own isolate; the display code only needs its kind.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, StrEnum, auto
from itertools import groupby
from typing import NamedTuple

from dataset_tools.samples.tokenizer import CONTROL_TOKENS
from dataset_tools.show.token_spans import LabelRun, Piece

__all__ = ["PromptLine", "Span", "SpanKind", "lines"]

_ESCAPE = "<escape>"
_CODE_STARTS = frozenset(("<start_function_declaration>", "<start_function_call>", "<start_function_response>"))
_TURN = "<start_of_turn>"
_BREAK_AFTER = "<end_function_response>"
_DELIMITERS = ':,{}[]"'
_UNITS = re.compile(rf"\n|[^\n{re.escape(_DELIMITERS)}]+|[{re.escape(_DELIMITERS)}]")
_LINES = re.compile(r"\n|[^\n]+")
# Hebrew to Arabic Extended, presentation forms, and the right-to-left scripts of the supplementary plane.
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")


class SpanKind(StrEnum):
    """Kind of a span, which decides its direction."""

    CONTROL = "control"  # control token: left to right
    CODE = "code"  # names, delimiters, numbers: left to right
    VALUE = "value"  # text inside code: its own direction
    PROSE = "prose"  # message text: the direction of its line


class Span(NamedTuple):
    """Adjacent pieces of one kind, all trained or all ignored. A token may give text to several spans."""

    kind: SpanKind
    trained: bool
    pieces: tuple[Piece, ...]


class PromptLine(NamedTuple):
    """One display line. The last piece is a newline where the text has one."""

    spans: tuple[Span, ...]


class _State(Enum):
    """Position in a prompt."""

    PROSE = auto()
    HEADER = auto()
    CODE = auto()
    VALUE_START = auto()
    VALUE = auto()
    JSON = auto()


_IN_VALUE = (_State.VALUE_START, _State.VALUE, _State.JSON)
_STRUCTURED = (_State.HEADER, _State.CODE, _State.JSON)


class _Unit(NamedTuple):
    """A piece with its state. ``begins``: a display line begins before it."""

    piece: Piece
    state: _State
    control: bool
    trained: bool
    begins: bool

    @property
    def in_phrase(self) -> bool:
        """Return true inside a phrase between two delimiters of code, which has one direction."""
        return self.state in _STRUCTURED and not self.control and self.piece.text not in f"{_DELIMITERS}\n"


def lines(runs: Iterable[LabelRun]) -> Iterator[PromptLine]:
    """Yield the display lines of a sample; their pieces, joined, are its text."""
    held: list[tuple[SpanKind, _Unit]] = []
    for in_phrase, group in groupby(_units(runs), key=lambda unit: unit.in_phrase):
        units = list(group)
        arabic = in_phrase and _RIGHT_TO_LEFT.search("".join([unit.piece.text for unit in units]))
        for unit in units:
            if unit.begins and held:
                yield _line(held)
                held = []
            held.append((SpanKind.VALUE if arabic else _kind(unit), unit))
    if held:
        yield _line(held)


def _line(held: Sequence[tuple[SpanKind, _Unit]]) -> PromptLine:
    spans = []
    for (kind, trained), group in groupby(held, key=lambda entry: (entry[0], entry[1].trained)):
        pieces = groupby([unit.piece for _, unit in group], key=lambda piece: (piece.start, piece.stop))
        joined = tuple(Piece("".join([piece.text for piece in same]), *tokens) for tokens, same in pieces)
        spans.append(Span(kind, trained, joined))
    return PromptLine(tuple(spans))


def _kind(unit: _Unit) -> SpanKind:
    if unit.control:
        return SpanKind.CONTROL
    if unit.state is _State.PROSE:
        return SpanKind.PROSE
    return SpanKind.CODE if unit.state in _STRUCTURED else SpanKind.VALUE


def _units(runs: Iterable[LabelRun]) -> Iterator[_Unit]:
    """Cut a sample's text where a line or a direction may change."""
    state, begins = _State.PROSE, False
    for run in runs:
        for piece in run.pieces:
            if piece.text in CONTROL_TOKENS:
                begins = begins or piece.text in _CODE_STARTS
                yield _Unit(piece, state, True, run.trained, begins)  # noqa: FBT003 - a named tuple's fields
                state, begins = _after(state, piece.text), piece.text == _BREAK_AFTER
                continue
            if state is _State.VALUE_START and (text := piece.text.strip()):
                # Results are often JSON in a string; its structure keeps its order, as that of code does.
                state = _State.JSON if text[0] in "{[" else _State.VALUE
            for text in (_UNITS if state in _STRUCTURED else _LINES).findall(piece.text):
                yield _Unit(piece._replace(text=text), state, False, run.trained, begins)  # noqa: FBT003
                begins = text == "\n"
            if state is _State.HEADER and begins:
                state = _State.PROSE


def _after(state: _State, control: str) -> _State:
    """Return the state after a control token."""
    if control == _ESCAPE:
        if state is _State.CODE:
            return _State.VALUE_START
        return _State.CODE if state in _IN_VALUE else state
    if control == _TURN:
        return _State.HEADER
    return _State.CODE if control in _CODE_STARTS else _State.PROSE
