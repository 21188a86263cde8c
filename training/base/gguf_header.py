"""What a GGUF file says of itself before its weights: the architecture and the vocabulary.

Only the head of the file is read. A file that is no FunctionGemma, or was cut off, is told before llama.cpp is asked,
which would answer with many lines.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from dataset_tools.errors import InputError
from dataset_tools.samples.tokenizer import CONTROL_TOKENS

__all__ = ["GgufHeader", "read_header"]

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_TEXT, _LIST = 8, 9
_FORMS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_MOST_ENTRIES, _LONGEST = 1 << 16, 1 << 28  # beyond these a count is damage, not data
_ARCHITECTURE = "gemma3"


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The metadata of a GGUF file.

    Attributes:
        facts: key to value, a tuple for each list.
    """

    facts: dict[str, Any]

    @property
    def architecture(self) -> str:
        """The architecture that the file names."""
        return str(self.facts.get("general.architecture", ""))

    @property
    def context(self) -> int:
        """How many tokens the model reads."""
        return int(self.facts.get(f"{self.architecture}.context_length", 0))

    @property
    def pieces(self) -> Sequence[str]:
        """The pieces of its vocabulary, by id."""
        found: Sequence[str] = self.facts.get("tokenizer.ggml.tokens", ())
        return found

    def require_functiongemma(self, name: str) -> None:
        """Make sure that the file is of FunctionGemma's architecture and has its control tokens.

        Raises:
            InputError: it is not, or has not.
        """
        hint = "FunctionGemma and its fine-tunes can be evaluated"
        if self.architecture != _ARCHITECTURE:
            what = f"a GGUF of the architecture {self.architecture!r}, not {_ARCHITECTURE!r}"
            raise InputError(what, where=name, hint=hint)
        pieces = self.pieces
        for token, at in CONTROL_TOKENS.items():
            if at >= len(pieces) or pieces[at] != token:
                found = repr(pieces[at]) if at < len(pieces) else "nothing"
                what = f"not FunctionGemma's tokenizer: the id {at} is {found}, not {token}"
                raise InputError(what, where=name, hint=hint)


def read_header(path: Path) -> GgufHeader:
    """The metadata of a file.

    Raises:
        InputError: it cannot be read, or is no GGUF file.
    """
    try:
        with path.open("rb") as file:
            return GgufHeader(_facts(file))
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path)) from error
    except (ValueError, KeyError, struct.error, MemoryError, RecursionError) as error:
        raise InputError("not a GGUF file, or a damaged one", where=str(path), hint="download it again") from error


def _facts(file: BinaryIO) -> dict[str, Any]:
    magic, version, _, count = struct.unpack("<4sIQQ", file.read(24))
    if magic != _MAGIC or version not in _VERSIONS or count > _MOST_ENTRIES:
        raise ValueError(magic)
    return {_text(file): _value(file, _number(file, 4)) for _ in range(count)}


def _value(file: BinaryIO, kind: int) -> Any:  # noqa: ANN401 - any value
    if kind == _TEXT:
        return _text(file)
    if kind == _LIST:
        inner, count = _number(file, 4), _size(file)
        if inner in _FORMS:
            form = f"<{count}{_FORMS[inner][1]}"
            return struct.unpack(form, file.read(struct.calcsize(form)))
        return tuple(_value(file, inner) for _ in range(count))
    form = _FORMS[kind]
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]


def _text(file: BinaryIO) -> str:
    size = _size(file)
    raw = file.read(size)
    if len(raw) != size:
        raise ValueError(size)
    return raw.decode("utf-8", "replace")


def _size(file: BinaryIO) -> int:
    size = _number(file, 8)
    if size > _LONGEST:
        raise ValueError(size)
    return size


def _number(file: BinaryIO, width: int) -> int:
    raw = file.read(width)
    if len(raw) != width:
        raise ValueError(width)
    return int.from_bytes(raw, "little")
