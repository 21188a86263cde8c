"""The lines of a text file or the elements of an array, numbered, from any part of a file that can be read alone."""

from collections.abc import Iterator

from dataset_tools.errors import DamagedError, InputError
from dataset_tools.io.jsonl import BOM, RawLine, read_chunks, split_lines
from dataset_tools.readers.json_array import ArrayError, split_elements
from dataset_tools.readers.sources import DataFile

__all__ = ["read_lines"]


def read_lines(file: DataFile, start: int = 0, stop: int = -1, first_line: int = 1) -> Iterator[RawLine]:
    """The lines in the bytes [start, stop) of a file, the first of which has the number ``first_line``.

    Where the file is damaged or cut off, a last line with a fault stands for all that is lost.

    Raises:
        InputError: the file cannot be read on; the lines before that have been given.
    """
    chunks = read_chunks(file.path, file.compression, start, stop)
    if start == 0:
        chunks = _without_bom(chunks)
    last = first_line - 1
    try:
        for line in split_elements(chunks) if file.format == "json" else split_lines(chunks, first_line):
            last = line.number
            yield line
    except DamagedError as error:
        yield RawLine(last + 1, b"", 0, error.what)
    except ArrayError as error:
        yield RawLine(error.number, b"", 0, str(error))
    except InputError as error:
        raise InputError(error.what, where=f"{file.path}:{last + 1}", hint=error.hint) from error


def _without_bom(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield next(chunks, b"").removeprefix(BOM)
    yield from chunks
