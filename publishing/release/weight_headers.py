"""The headers of weights, read without loading them: safetensors and GGUF. Plain Python, for files from strangers.

A header says where each tensor lies. If that does not fit the file, the file is damaged or was cut off.
"""

import json
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from dataset_tools.errors import InputError

__all__ = ["SAFETENSORS_START", "GgufHeader", "read_gguf", "read_safetensors"]

SAFETENSORS_START = re.compile(rb".{8}\{", re.DOTALL)
"""How a safetensors file begins: the length of its header, and the header, which is JSON."""

_LONGEST_HEADER = 100_000_000  # bytes, as the safetensors library allows
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32,
    "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
}  # fmt: skip

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
# GGUF's kinds of values: how they are unpacked.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MOST_ENTRIES = 1_000_000  # tensors, keys; far more than any model has
_LONGEST_TEXT = 10_000_000
_MOST_DIMENSIONS = 8
# Of each tensor type: how many values are packed together, and into how many bytes.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 20: (32, 18), 23: (256, 136), 30: (1, 2),
}  # fmt: skip


@dataclass(slots=True)
class GgufHeader:
    """What a GGUF file says of itself.

    Attributes:
        values: its keys; of an array only how long it is.
        tensors: the names of its tensors.
        data: the byte at which their numbers begin.
    """

    values: dict[str, Any] = field(default_factory=dict)
    tensors: list[str] = field(default_factory=list)
    data: int = 0


def read_safetensors(path: Path) -> Mapping[str, Any]:
    """The tensors of a safetensors file by name; they must cover the file exactly.

    Raises:
        InputError: the header does not fit the file.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(size - 8, _LONGEST_HEADER):  # noqa: PLR2004 - the length itself
            raise _damaged(path, "it is no safetensors file, or was cut off in its header")
        try:
            header = json.loads(stream.read(length))
            tensors = {name: value for name, value in header.items() if name != "__metadata__"}
            places = sorted(map(_place, tensors.values()))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _damaged(path, "its header cannot be read") from error
    end = 0
    for first, last, wanted in places:
        if first != end or last - first != wanted:
            raise _damaged(path, "its tensors do not lie where its header says")
        end = last
    if end != size - 8 - length:
        raise _damaged(path, "it is longer or shorter than its header says")
    return tensors


def _place(tensor: Mapping[str, Any]) -> tuple[int, int, int]:
    """Where a tensor begins and ends, and how many bytes it needs."""
    (first, last), shape = tensor["data_offsets"], tensor["shape"]
    if not all(isinstance(number, int) for number in (first, last, *shape)):
        raise TypeError("places and sizes are whole numbers")
    return first, last, math.prod(shape) * _BITS[tensor["dtype"]] // 8


def read_gguf(path: Path) -> GgufHeader:
    """The header of a GGUF file, whose tensors must lie inside of the file.

    Raises:
        InputError: the header does not fit the file.
    """
    found = GgufHeader()
    with path.open("rb") as stream:
        try:
            if stream.read(4) != _MAGIC or _number(stream, "I") not in _VERSIONS:
                raise _damaged(path, "it is no GGUF file of a known version")
            tensors, keys = _count(stream), _count(stream)
            for _ in range(keys):
                name = _text(stream)
                found.values[name] = _value(stream, _number(stream, "I"))
            ends = [_tensor(stream, found) for _ in range(tensors)]
        except (struct.error, ValueError, KeyError) as error:
            raise _damaged(path, "its header cannot be read") from error
        alignment = found.values.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise _damaged(path, "its header cannot be read")
        found.data = -(-stream.tell() // alignment) * alignment
    if found.data + max(ends, default=0) > path.stat().st_size and ends:
        raise _damaged(path, "it was cut off: its tensors reach beyond its end")
    return found


def _tensor(stream: BinaryIO, found: GgufHeader) -> int:
    """Read where one tensor lies; gives its end."""
    found.tensors.append(_text(stream))
    dimensions = _number(stream, "I")
    if dimensions > _MOST_DIMENSIONS:
        raise ValueError("too many dimensions")
    values = math.prod(_number(stream, "Q") for _ in range(dimensions))
    kind, offset = _number(stream, "I"), _number(stream, "Q")
    packed, size = _BLOCKS.get(kind, (1, 0))  # a type that is not known here: where it begins is all that is checked
    return int(offset + values // packed * size)


def _value(stream: BinaryIO, kind: int) -> Any:  # noqa: ANN401 - whatever the file holds
    if kind == _STRING:
        return _text(stream)
    if kind != _ARRAY:
        return _number(stream, _SCALARS[kind])
    inner, length = _number(stream, "I"), _count(stream)
    if inner == _STRING:
        for _ in range(length):
            _text(stream)
    else:
        size = struct.calcsize(f"<{_SCALARS[inner]}") * length
        if len(stream.read(size)) < size:
            raise ValueError("cut off")
    return length


def _count(stream: BinaryIO) -> int:
    number = _number(stream, "Q")
    if number > _MOST_ENTRIES:
        raise ValueError("more entries than any model has")
    return int(number)


def _text(stream: BinaryIO) -> str:
    length = _number(stream, "Q")
    if length > _LONGEST_TEXT:
        raise ValueError("a longer text than any model has")
    raw = stream.read(length)
    if len(raw) < length:
        raise ValueError("cut off")
    return raw.decode("utf-8", errors="replace")


def _number(stream: BinaryIO, form: str) -> Any:  # noqa: ANN401 - whole or broken
    return struct.unpack(f"<{form}", stream.read(struct.calcsize(f"<{form}")))[0]


def _damaged(path: Path, what: str) -> InputError:
    return InputError(what, where=str(path), hint="pull it again")
