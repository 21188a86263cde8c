"""The elements of one big JSON array, or of objects written one after another, each as its bytes.

The file is scanned once and never held: what is kept is the element at hand. Nothing is parsed here, so a broken
element is one broken row as long as its brackets pair up.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from dataset_tools.io.jsonl import MAX_ROW_BYTES, Line

__all__ = ["ArrayError", "split_elements"]

_SPACE = b" \t\r\n"
_LEVELS = 8  # of brackets that one match may take; deeper ones take more matches


class _Patterns(NamedTuple):
    """What lies before the next character that matters: outside any element, in one, and between two of an array."""

    outside: re.Pattern[bytes]
    inside: re.Pattern[bytes]
    between: re.Pattern[bytes]
    string: re.Pattern[bytes]


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    """Text, whole strings and whole brackets, so that most elements are one match; compiled when first needed.

    Possessive throughout, so that the time is linear whatever the text.
    """
    string = rb'"(?:[^"\\]++|\\.)*+"'
    text, no_comma = rb'[^\]\[{}"]++|' + string, rb'[^\]\[{}",]++|' + string
    pair = b""
    for _ in range(_LEVELS):
        pair = rb"|[\[{](?:" + text + pair + rb")*+[\]}]"
    outside, inside, between = (
        re.compile(rb"(?:" + source + rb")*+", re.DOTALL) for source in (text, text + pair, no_comma + pair)
    )
    return _Patterns(outside, inside, between, re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL))


class ArrayError(ValueError):
    """The text ends inside the array or goes on after it; ``number`` is the element where that shows."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(what)
        self.number = number


def split_elements(chunks: Iterable[bytes]) -> Iterator[Line]:
    """The elements of a top-level array, or the top-level objects of a text without one, numbered from 1.

    Raises:
        ArrayError: after the last whole element, if the text is cut off or goes on after the array.
    """
    splitter = _Splitter()
    for chunk in chunks:
        yield from splitter.feed(chunk)
    yield from splitter.end()


class _Splitter:
    """Where the scan stands: how deep, whether in a string, and the element so far."""

    def __init__(self) -> None:
        self._patterns = _patterns()
        self._base = -1  # depth of the elements' surroundings: 1 in an array, 0 without one; -1 before the first byte
        self._depth = 0
        self._in_string = False
        self._escape = b""  # a backslash that ended a chunk: what it escapes is in the next
        self._closed = False
        self._number = 1
        self._held: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The elements that end in this chunk."""
        chunk, self._escape = self._escape + chunk, b""
        position = begin = self._open(chunk) if self._base < 0 else 0
        while position < len(chunk):
            if self._closed:
                if chunk[position:].strip(_SPACE):
                    raise ArrayError("there is text after the end of the array", self._number)
                return
            stop = self._next(chunk, position)
            if stop >= len(chunk):
                position = stop
                break
            position = stop + 1
            if self._step(chunk[stop]):
                ended = position if self._base == 0 else stop
                self._hold(chunk[begin:ended])
                yield from self._element()
                begin = position
        self._hold(chunk[begin : len(chunk) - len(self._escape)])

    def end(self) -> Iterator[Line]:
        """What is left when the text ends.

        Raises:
            ArrayError: the text is cut off.
        """
        rest = b"".join(self._held).strip(_SPACE)
        if self._base == 0 and self._depth == 0 and not self._in_string:
            yield from self._element()
        elif self._base == 1 and not self._closed:
            if self._depth == 1 and not self._in_string and rest.endswith((b"}", b"]")):
                yield from self._element()  # it is whole: what is missing would follow it
            raise ArrayError("the array is cut off: it has no closing bracket", self._number)
        elif rest or self._size > MAX_ROW_BYTES:
            raise ArrayError("the object is cut off: it has no closing bracket", self._number)

    def _open(self, chunk: bytes) -> int:
        """Learn from the first character whether this is an array; where its elements begin."""
        text = chunk.lstrip(_SPACE)
        if not text:
            return len(chunk)
        is_array = text.startswith(b"[")
        self._base = self._depth = int(is_array)
        return len(chunk) - len(text) + is_array

    def _next(self, chunk: bytes, position: int) -> int:
        """Where the next character that matters is; the chunk's length if there is none."""
        skip = self._patterns.string
        if not self._in_string:
            skip = self._patterns.inside
            if self._depth == self._base:
                skip = self._patterns.between if self._base else self._patterns.outside
        stop = skip.match(chunk, position).end()  # type: ignore[union-attr] # all of them match nothing, too
        if self._in_string and chunk[stop : stop + 1] == b"\\":
            self._escape = b"\\"
            return len(chunk)
        return stop

    def _step(self, character: int) -> bool:
        """Take one character that matters; whether an element ends with it."""
        if character == 0x22:  # noqa: PLR2004 - "
            self._in_string = not self._in_string
        elif character in b"[{":
            self._depth += 1
        elif character in b"]}":
            self._depth -= 1
            self._closed = self._base == 1 and self._depth == 0
            return self._closed or (self._base == 0 and self._depth <= 0)
        else:
            return True  # a comma between elements
        return False

    def _hold(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > MAX_ROW_BYTES:
            self._held.clear()
        else:
            self._held.append(piece)

    def _element(self) -> Iterator[Line]:
        raw, size = b"".join(self._held).strip(_SPACE), self._size
        self._held, self._size = [], 0
        self._depth = max(self._depth, 0)
        if size > MAX_ROW_BYTES:
            yield Line(self._number, b"", size)
        elif raw:
            yield Line(self._number, raw, len(raw))
        elif self._closed or self._base == 0:
            return  # an empty array, a comma before its end, or space at the end of the text
        else:
            yield Line(self._number, b"", 0)  # nothing between two commas
        self._number += 1
