"""What of a file can hold text, in blocks: plain and packed text, columns of Parquet, headers of weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_tools.errors import InputError
from dataset_tools.io.jsonl import read_chunks
from publishing.release.weight_headers import SAFETENSORS_START, read_gguf

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["texts"]

_BLOCK = 1 << 20
_ROWS = 1024  # of Parquet, at a time
_PACKED = {b"\x1f\x8b": "gz", b"\x28\xb5\x2f\xfd": "zst"}
_PARQUET = b"PAR1"


def texts(path: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Each text of a file: which it is, nothing where there is but one, and the text in blocks.

    Raises:
        InputError: what is packed in it cannot be read.
    """
    with path.open("rb") as stream:
        start = stream.read(9)
    packed = next((kind for magic, kind in _PACKED.items() if start.startswith(magic)), "")
    if start.startswith(_PARQUET):
        yield from _of_parquet(path)
    elif packed:
        yield "", read_chunks(path, packed)
    else:
        yield "", _blocks(path, _header(path, start))


def _header(path: Path, start: bytes) -> int:
    """How many bytes to look at: of weights all that stands before the numbers, of everything else all of it."""
    size = path.stat().st_size
    if path.suffix == ".safetensors":
        length = 8 + int.from_bytes(start[:8], "little")
        return length if SAFETENSORS_START.match(start) and length <= size else size
    if path.suffix == ".gguf":
        try:
            return read_gguf(path).data
        except InputError:
            return size
    return size


def _blocks(path: Path, left: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(min(_BLOCK, left)):
            yield block
            left -= len(block)


def _of_parquet(path: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The names of the columns of a Parquet file, its notes, and each column."""
    import pyarrow.parquet as pq

    with _readable(path), pq.ParquetFile(path) as file:
        notes = file.metadata.metadata or {}
        yield "column names", (part + b"\n" for field in file.schema_arrow for part in _names(field))
        yield "metadata", (part + b"\n" for note in notes.items() for part in note)
        for name in dict.fromkeys(file.schema_arrow.names):
            yield f"column {name}", _column(path, file, name)


def _names(field: "pa.Field") -> Iterator[bytes]:
    """The name and the notes of a column, and of all that lies in it."""
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
    """A Parquet file is damaged if pyarrow says so.

    Raises:
        InputError: it is.
    """
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise InputError(" ".join(str(error).split()), where=str(path), hint="write it again") from error


def _strings(array: "pa.Array") -> Iterator[bytes]:
    """The texts in an array, one in a line, however deep they lie."""
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
    elif types.is_struct(kind):
        for inner in array.flatten():
            yield from _strings(inner)
    elif types.is_map(kind):
        yield from _strings(array.keys)
        yield from _strings(array.items)
    elif isinstance(array, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        yield from _strings(array.flatten())
    elif any(test(kind) for test in tests):
        yield b"\n".join(array.drop_null().cast(pa.large_binary()).to_pylist()) + b"\n"
