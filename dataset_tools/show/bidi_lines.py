"""A prompt in lines and stretches that each read in one direction: Arabic inside structure stays in its place.

The Unicode bidirectional algorithm orders a whole line at once, so names, delimiters and Arabic values would change
places. Every stretch is therefore shown in an isolate of its own, and what shows it only has to look at its shape.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, StrEnum, auto
from itertools import groupby
from typing import NamedTuple

from dataset_tools.samples.tokenizer import CONTROL_TOKENS
from dataset_tools.show.token_spans import Run

__all__ = ["Bit", "Line", "Shape", "Stretch", "lines"]

_ESCAPE = "<escape>"
_CODE_STARTS = frozenset(("<start_function_declaration>", "<start_function_call>", "<start_function_response>"))
_TURN = "<start_of_turn>"
_BREAK_AFTER = "<end_function_response>"
_DELIMITERS = ':,{}[]"'
_UNITS = re.compile(rf"\n|[^\n{re.escape(_DELIMITERS)}]+|[{re.escape(_DELIMITERS)}]")
_LINES = re.compile(r"\n|[^\n]+")
# Hebrew to Arabic Extended, the forms for presentation, and the scripts of the supplementary plane.
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")


class Shape(StrEnum):
    """What a stretch is, and so how it is directed."""

    CONTROL = "control"
    """A control token: from left to right."""
    CODE = "code"
    """Names, delimiters, numbers: from left to right."""
    VALUE = "value"
    """Text inside code: in its own direction."""
    PROSE = "prose"
    """What somebody says: in its own direction, which is that of its line."""


class Bit(NamedTuple):
    """Text that the tokens [start, stop) give to a stretch; a token may give some to several."""

    text: str
    start: int
    stop: int


class Stretch(NamedTuple):
    """Neighbouring bits of one shape that are all trained, or all ignored."""

    shape: Shape
    trained: bool
    bits: tuple[Bit, ...]


class Line(NamedTuple):
    """What is shown on a line of its own. The last bit is a newline where the text has one."""

    stretches: tuple[Stretch, ...]


class _State(Enum):
    """Where in a prompt a text stands."""

    PROSE = auto()
    HEADER = auto()
    CODE = auto()
    VALUE_START = auto()
    VALUE = auto()
    JSON = auto()


_IN_VALUE = (_State.VALUE_START, _State.VALUE, _State.JSON)
_STRUCTURED = (_State.HEADER, _State.CODE, _State.JSON)


class _Unit(NamedTuple):
    """A bit with what is known of it alone; ``begins`` says that a line does, before it."""

    bit: Bit
    state: _State
    control: bool
    trained: bool
    begins: bool

    @property
    def in_phrase(self) -> bool:
        """Whether it belongs to a phrase between two delimiters of code, which has one direction."""
        return self.state in _STRUCTURED and not self.control and self.bit.text not in f"{_DELIMITERS}\n"


def lines(runs: Iterable[Run]) -> Iterator[Line]:
    """The lines of a sample; their bits, joined, are its text."""
    held: list[tuple[Shape, _Unit]] = []
    for in_phrase, group in groupby(_units(runs), key=lambda unit: unit.in_phrase):
        units = list(group)
        arabic = in_phrase and _RIGHT_TO_LEFT.search("".join([unit.bit.text for unit in units]))
        for unit in units:
            if unit.begins and held:
                yield _line(held)
                held = []
            held.append((Shape.VALUE if arabic else _shape(unit), unit))
    if held:
        yield _line(held)


def _line(held: Sequence[tuple[Shape, _Unit]]) -> Line:
    stretches = []
    for (shape, trained), group in groupby(held, key=lambda entry: (entry[0], entry[1].trained)):
        bits = groupby([unit.bit for _, unit in group], key=lambda bit: (bit.start, bit.stop))
        joined = tuple(Bit("".join([bit.text for bit in same]), *tokens) for tokens, same in bits)
        stretches.append(Stretch(shape, trained, joined))
    return Line(tuple(stretches))


def _shape(unit: _Unit) -> Shape:
    if unit.control:
        return Shape.CONTROL
    if unit.state is _State.PROSE:
        return Shape.PROSE
    return Shape.CODE if unit.state in _STRUCTURED else Shape.VALUE


def _units(runs: Iterable[Run]) -> Iterator[_Unit]:
    """A sample's text, cut where a line or a direction may change."""
    state, begins = _State.PROSE, False
    for run in runs:
        for piece in run.pieces:
            if piece.text in CONTROL_TOKENS:
                begins = begins or piece.text in _CODE_STARTS
                yield _Unit(Bit(*piece), state, True, run.trained, begins)  # noqa: FBT003 - a named tuple's fields
                state, begins = _after(state, piece.text), piece.text == _BREAK_AFTER
                continue
            if state is _State.VALUE_START and (text := piece.text.strip()):
                # Results are often JSON in a string; its structure is kept in order as that of code is.
                state = _State.JSON if text[0] in "{[" else _State.VALUE
            for text in (_UNITS if state in _STRUCTURED else _LINES).findall(piece.text):
                yield _Unit(Bit(text, piece.start, piece.stop), state, False, run.trained, begins)  # noqa: FBT003
                begins = text == "\n"
            if state is _State.HEADER and begins:
                state = _State.PROSE


def _after(state: _State, control: str) -> _State:
    """Where a text stands after a control token."""
    if control == _ESCAPE:
        if state is _State.CODE:
            return _State.VALUE_START
        return _State.CODE if state in _IN_VALUE else state
    if control == _TURN:
        return _State.HEADER
    return _State.CODE if control in _CODE_STARTS else _State.PROSE
