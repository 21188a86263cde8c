"""Elements of a large JSON array, or of concatenated objects, as bytes.

The file is scanned once; only the current element is held in memory. Nothing is parsed here, so an invalid element is
one unreadable row as long as its brackets match.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from dataset_tools.io.json_text import MAX_ROW_BYTES, RawLine

__all__ = ["ArrayError", "split_elements"]

_SPACE = b" \t\r\n"
_LEVELS = 8  # nested brackets per match; deeper ones take several matches


class _Patterns(NamedTuple):
    """Text to skip up to the next structural character: outside of elements, inside one, between two of an array."""

    outside: re.Pattern[bytes]
    inside: re.Pattern[bytes]
    between: re.Pattern[bytes]
    string: re.Pattern[bytes]


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    """Compile patterns for text, whole strings and whole brackets, so that most elements are one match.

    All quantifiers are possessive, so the time is linear for any text.
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
    """Text that ends inside the array or continues after it; ``number`` is the element in question."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(what)
        self.number = number


def split_elements(chunks: Iterable[bytes]) -> Iterator[RawLine]:
    """Yield the elements of a top-level array, or the top-level objects of a text without one, numbered from 1.

    Raises:
        ArrayError: after the last complete element, if the text is truncated or continues after the array.
    """
    splitter = _Splitter()
    for chunk in chunks:
        yield from splitter.feed(chunk)
    yield from splitter.end()


class _Splitter:
    """State of the scan: depth, inside a string or not, and the element so far."""

    def __init__(self) -> None:
        self._patterns = _patterns()
        self._base = -1  # depth around the elements: 1 in an array, 0 without one; -1 before the first byte
        self._depth = 0
        self._in_string = False
        self._escape = b""  # a backslash at the end of a chunk; the escaped character is in the next
        self._closed = False
        self._number = 1
        self._held: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[RawLine]:
        """Yield the elements that end in this chunk."""
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

    def end(self) -> Iterator[RawLine]:
        """Yield the element that is left at the end of the text.

        Raises:
            ArrayError: the text is truncated.
        """
        rest = b"".join(self._held).strip(_SPACE)
        if self._base == 0 and self._depth == 0 and not self._in_string:
            yield from self._element()
        elif self._base == 1 and not self._closed:
            if self._depth == 1 and not self._in_string and rest.endswith((b"}", b"]")):
                yield from self._element()  # complete; only the end of the array is missing
            raise ArrayError("the array is truncated: no closing bracket", self._number)
        elif rest or self._size > MAX_ROW_BYTES:
            raise ArrayError("the object is truncated: no closing bracket", self._number)

    def _open(self, chunk: bytes) -> int:
        """Detect an array by its first character; return the position where its elements begin."""
        text = chunk.lstrip(_SPACE)
        if not text:
            return len(chunk)
        is_array = text.startswith(b"[")
        self._base = self._depth = int(is_array)
        return len(chunk) - len(text) + is_array

    def _next(self, chunk: bytes, position: int) -> int:
        """Return the position of the next structural character; the chunk's length if there is none."""
        skip = self._patterns.string
        if not self._in_string:
            skip = self._patterns.inside
            if self._depth == self._base:
                skip = self._patterns.between if self._base else self._patterns.outside
        stop = skip.match(chunk, position).end()  # type: ignore[union-attr] # each also matches nothing
        if self._in_string and chunk[stop : stop + 1] == b"\\":
            self._escape = b"\\"
            return len(chunk)
        return stop

    def _step(self, character: int) -> bool:
        """Process one structural character; return whether an element ends with it."""
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

    def _element(self) -> Iterator[RawLine]:
        raw, size = b"".join(self._held).strip(_SPACE), self._size
        self._held, self._size = [], 0
        self._depth = max(self._depth, 0)
        if size > MAX_ROW_BYTES:
            yield RawLine(self._number, b"", size)
        elif raw:
            yield RawLine(self._number, raw, len(raw))
        elif self._closed or self._base == 0:
            return  # an empty array, a trailing comma, or space at the end of the text
        else:
            yield RawLine(self._number, b"", 0)  # nothing between two commas
        self._number += 1
