"""Text of a file in blocks, for the scan: plain and compressed text, columns of Parquet, headers of weights."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_tools.errors import InputError
from dataset_tools.io.file_formats import read_chunks
from training.base.gguf_header import read_header

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["SAFETENSORS_START", "text_blocks"]

SAFETENSORS_START = re.compile(rb".{8}\{", re.DOTALL)
"""Start of a safetensors file: the length of its header, and the header, which is JSON."""

_BLOCK = 1 << 20
_ROWS = 1024  # of Parquet, at a time
_COMPRESSED = {b"\x1f\x8b": "gz", b"\x28\xb5\x2f\xfd": "zst"}
_PARQUET = b"PAR1"


def text_blocks(path: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield each text of a file: its name, which is empty for a file with one text, and its blocks.

    Raises:
        InputError: compressed data cannot be read.
    """
    with path.open("rb") as stream:
        start = stream.read(9)
    compression = next((kind for magic, kind in _COMPRESSED.items() if start.startswith(magic)), "")
    if start.startswith(_PARQUET):
        yield from _parquet(path)
    elif compression:
        yield "", read_chunks(path, compression)
    else:
        yield "", _blocks(path, _text_size(path, start))


def _text_size(path: Path, start: bytes) -> int:
    """Return how many bytes to scan: the header of weights, and all of any other file."""
    size = path.stat().st_size
    if path.suffix == ".safetensors":
        length = 8 + int.from_bytes(start[:8], "little")
        return length if SAFETENSORS_START.match(start) and length <= size else size
    if path.suffix == ".gguf":
        try:
            return read_header(path, arrays=False).data
        except InputError:
            return size
    return size


def _blocks(path: Path, left: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(min(_BLOCK, left)):
            yield block
            left -= len(block)


def _parquet(path: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield the column names of a Parquet file, its metadata, and each column."""
    import pyarrow.parquet as pq

    with _readable(path), pq.ParquetFile(path) as file:
        notes = file.metadata.metadata or {}
        yield "column names", (part + b"\n" for field in file.schema_arrow for part in _names(field))
        yield "metadata", (part + b"\n" for note in notes.items() for part in note)
        for name in dict.fromkeys(file.schema_arrow.names):
            yield f"column {name}", _column(path, file, name)


def _names(field: "pa.Field") -> Iterator[bytes]:
    """Yield the name and the metadata of a column, and of the fields inside it."""
    yield field.name.encode()
    for note in (field.metadata or {}).items():
        yield from note
    for position in range(field.type.num_fields):
        yield from _names(field.type.field(position))


def _column(path: Path, file: "pq.ParquetFile", name: str) -> Iterator[bytes]:
    with _readable(path):
        for batch in file.iter_batches(_ROWS, columns=[name]):
            for array in batch:
                yield from _strings(array)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn pyarrow's errors about a damaged file into ours."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise InputError(" ".join(str(error).split()), where=str(path), hint="write it again") from error


def _strings(array: "pa.Array") -> Iterator[bytes]:
    """Yield the texts in an array, at any depth, one in a line."""
    import pyarrow as pa

    kind, types = array.type, pa.types
    tests = (
        *(types.is_string, types.is_large_string, types.is_string_view),
        *(types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary),
    )
    if isinstance(array, pa.ExtensionArray):
        yield from _strings(array.storage)
    elif types.is_dictionary(kind):
        yield from _strings(array.dictionary)
    elif types.is_map(kind):
        yield from _strings(array.keys)
        yield from _strings(array.items)
    elif types.is_struct(kind):
        for inner in array.flatten():
            yield from _strings(inner)
    elif isinstance(array, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        yield from _strings(array.flatten())
    elif any(test(kind) for test in tests):
        yield b"\n".join(array.drop_null().cast(pa.large_binary()).to_pylist()) + b"\n"
