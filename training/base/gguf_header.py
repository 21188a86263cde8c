"""Header of a GGUF file: metadata, tensor names, and the offset of the weights, which are not loaded.

Files may come from anyone, so every count is limited and every length is checked against the size of the file.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from dataset_tools.errors import InputError
from dataset_tools.samples.tokenizer import CONTROL_TOKENS

__all__ = ["GgufHeader", "read_header"]

_ARCHITECTURE = "gemma3"
_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
# Formats of the value types for `struct`.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_MOST_ENTRIES = 1_000_000  # keys, tensors, items of an array: more than any model has
_LONGEST_TEXT = 10_000_000  # bytes
_MOST_DIMENSIONS = 8
# Of each tensor type: values in a block, and bytes of a block.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 20: (32, 18), 23: (256, 136), 30: (1, 2),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The header of a GGUF file.

    Attributes:
        facts: metadata by key; an array is a tuple, or its length if arrays were not requested.
        tensors: the names of the tensors.
        data: the offset of the weights in bytes.
    """

    facts: dict[str, Any]
    tensors: Sequence[str]
    data: int

    @property
    def architecture(self) -> str:
        """The name of the architecture."""
        return str(self.facts.get("general.architecture", ""))

    @property
    def context(self) -> int:
        """The context length in tokens."""
        return int(self.facts.get(f"{self.architecture}.context_length", 0))

    @property
    def pieces(self) -> Sequence[str]:
        """The tokens of the vocabulary, by id."""
        found: Sequence[str] = self.facts.get("tokenizer.ggml.tokens", ())
        return found

    def require_functiongemma(self, name: str) -> None:
        """Make sure that the file has FunctionGemma's architecture and control tokens.

        Raises:
            InputError: it does not.
        """
        hint = "use FunctionGemma or a fine-tune of it"
        if self.architecture != _ARCHITECTURE:
            what = f"a GGUF of the architecture {self.architecture!r}, not {_ARCHITECTURE!r}"
            raise InputError(what, where=name, hint=hint)
        pieces = self.pieces
        for token, at in CONTROL_TOKENS.items():
            if at >= len(pieces) or pieces[at] != token:
                found = repr(pieces[at]) if at < len(pieces) else "nothing"
                what = f"not FunctionGemma's tokenizer: the id {at} is {found}, not {token}"
                raise InputError(what, where=name, hint=hint)


def read_header(path: Path, *, arrays: bool = True) -> GgufHeader:
    """Read the header of a GGUF file; its tensors must lie inside the file.

    Args:
        path: the file.
        arrays: whether to keep the items of arrays, such as the vocabulary.

    Raises:
        InputError: the file cannot be read, is not GGUF, or is damaged or truncated.
    """
    try:
        with path.open("rb") as stream:
            size = path.stat().st_size
            reader = _HeaderReader(stream, size)
            if reader.take(4) != _MAGIC or reader.number("I") not in _VERSIONS:
                raise _damaged(path, "not a GGUF file of version 2 or 3")
            header, end = _header(reader, arrays=arrays)
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path)) from error
    except (ValueError, KeyError, struct.error, MemoryError) as error:
        raise _damaged(path, "the GGUF header is damaged") from error
    if end > size:
        raise _damaged(path, "the file is truncated: its tensors extend past its end")
    return header


class _HeaderReader:
    """Sequential reader of values; a value that ends after the end of the file is an error."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._left = stream, size

    def take(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise ValueError("truncated")
        return self._stream.read(size)

    def number(self, form: str) -> Any:  # noqa: ANN401 - integer, float or bool
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0]

    def count(self, most: int = _MOST_ENTRIES) -> int:
        found: int = self.number("Q")
        if found > most:
            raise ValueError("a count beyond all models")
        return found

    def text(self) -> str:
        return self.take(self.count(_LONGEST_TEXT)).decode("utf-8", errors="replace")

    def value(self, *, arrays: bool) -> Any:  # noqa: ANN401 - any value
        kind = self.number("I")
        if kind != _ARRAY:
            return self.text() if kind == _TEXT else self.number(_SCALARS[kind])
        inner, length = self.number("I"), self.count()
        if inner == _TEXT:
            texts = (self.text() for _ in range(length))
            return tuple(texts) if arrays else sum(1 for _ in texts)
        form = f"<{length}{_SCALARS[inner]}"
        raw = self.take(struct.calcsize(form))
        return struct.unpack(form, raw) if arrays else length

    def tensor(self) -> tuple[str, int]:
        """Return the name of a tensor and its end, as an offset from the start of the weights."""
        name, dimensions = self.text(), self.number("I")
        if dimensions > _MOST_DIMENSIONS:
            raise ValueError("too many dimensions")
        values = math.prod(self.number("Q") for _ in range(dimensions))
        kind, offset = self.number("I"), self.number("Q")
        packed, size = _BLOCKS.get(kind, (1, 0))  # of an unknown type only the start is checked
        return name, int(offset + values // packed * size)

    def position(self) -> int:
        return self._stream.tell()


def _header(reader: _HeaderReader, *, arrays: bool) -> tuple[GgufHeader, int]:
    """Return the header, and where its last tensor ends."""
    tensor_count, key_count = reader.count(), reader.count()
    facts = {reader.text(): reader.value(arrays=arrays) for _ in range(key_count)}
    tensors = [reader.tensor() for _ in range(tensor_count)]
    alignment = facts.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment < 1:
        raise ValueError("no alignment")
    data = -(-reader.position() // alignment) * alignment
    ends = [data + end for _, end in tensors]
    return GgufHeader(facts, [name for name, _ in tensors], data), max(ends, default=0)


def _damaged(path: Path, what: str) -> InputError:
    return InputError(what, where=str(path), hint="download it again")
