"""Shards: parts of files that any process can read alone, with the original line numbers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dataset_tools.errors import DamagedError, InputError, RowError
from dataset_tools.io.file_formats import BOM, read_chunks
from dataset_tools.io.json_text import MAX_ROW_BYTES, RawLine
from dataset_tools.io.remote_path import unreadable
from dataset_tools.readers.json_array import ArrayError, split_elements
from dataset_tools.readers.parquet_reader import row_groups
from dataset_tools.readers.sources import DataFile

__all__ = ["SHARD_BYTES", "Shard", "plan_shards", "read_lines", "split_lines"]

_CHUNK = 1 << 18
_OVERHEAD = 200  # bytes of memory per line, in addition to its text


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of a file.

    Attributes:
        index: position among all shards of a run, from 0.
        file: the file.
        start: the first byte of plain JSON Lines, the first row group of Parquet, else 0.
        stop: one past the last byte or row group; -1 for the whole file.
        first_line: number of its first line or row, from 1.
        size: bytes on disk, for progress; approximate for Parquet, set only in the last shard of a compressed file.
        lines: the lines themselves, for files that cannot be read from the middle: compressed files and arrays.
        poison: numbers of rows that crashed or blocked a process, each with what happened; they are skipped.
        decided: numbers of rows with the decision of a first pass: the split of the row, or why it is rejected.
    """

    index: int
    file: DataFile
    start: int
    stop: int
    first_line: int
    size: int = 0
    lines: tuple[RawLine, ...] | None = None
    poison: tuple[tuple[int, str], ...] = ()
    decided: tuple[tuple[int, str | RowError], ...] = ()

    @property
    def bytes_to_read(self) -> int:
        """Return the bytes to read: on disk, or of text if the shard holds the lines."""
        return self.size if self.lines is None else sum(len(line.raw) for line in self.lines)

    def read_lines(self) -> Iterable[RawLine]:
        """Return the numbered lines of a shard of text.

        Raises:
            InputError: the file cannot be read; earlier lines have been yielded.
        """
        return read_lines(self.file, self.start, self.stop, self.first_line) if self.lines is None else self.lines


SHARD_BYTES = 4 << 20
"""Input that one process is given at a time, in bytes."""


def plan_shards(files: Sequence[DataFile], shard_bytes: int = SHARD_BYTES) -> Iterator[Shard]:
    """Cut files into shards, lazily.

    The cuts depend only on the files and ``shard_bytes``, not on the number of workers.

    Raises:
        InputError: a file cannot be read.
    """
    index = 0
    for file in files:
        if (file.format == "jsonl" and file.compression) or file.format == "json":
            for lines, size in _batches(file, max(shard_bytes, 1)):
                yield Shard(index, file, 0, -1, lines[0].number, size, lines)
                index += 1
            continue
        for start, stop, first_line, size in _cut(file, max(shard_bytes, 1)):
            yield Shard(index, file, start, stop, first_line, size)
            index += 1


def read_lines(file: DataFile, start: int = 0, stop: int = -1, first_line: int = 1) -> Iterator[RawLine]:
    """Yield the lines in the bytes [start, stop) of a text file, or the elements of an array, with their numbers.

    In a damaged or truncated file, one last line has the fault of the rest.

    Raises:
        InputError: the file cannot be read further; earlier lines have been yielded.
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


def split_lines(chunks: Iterable[bytes], first: int) -> Iterator[RawLine]:
    """Yield the lines of the chunks without line ends, numbered from ``first``; blank lines count but are skipped."""
    number = first
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        head, *rest = chunk.split(b"\n")
        size = _hold(held, size, head)
        if not rest:
            continue
        yield from _line(number, held, size)
        number += 1
        tail = rest.pop()
        for raw in rest:  # complete lines within a chunk: none is too long
            raw = raw.strip(b" \t\r")  # noqa: PLW2901 - the line is the stripped one
            if raw:
                yield RawLine(number, raw, len(raw))
            number += 1
        held = []
        size = _hold(held, 0, tail)
    yield from _line(number, held, size)


def _hold(held: list[bytes], size: int, piece: bytes) -> int:
    """Add a piece of a line to those held; drop all of them once the line is too long."""
    size += len(piece)
    if size > MAX_ROW_BYTES:
        held.clear()
    else:
        held.append(piece)
    return size


def _line(number: int, held: list[bytes], size: int) -> Iterator[RawLine]:
    if size > MAX_ROW_BYTES:
        yield RawLine(number, b"", size)
        return
    raw = b"".join(held).strip(b" \t\r")
    if raw:
        yield RawLine(number, raw, len(raw))


def _without_bom(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield next(chunks, b"").removeprefix(BOM)
    yield from chunks


def _size(file: DataFile) -> int:
    try:
        return file.path.stat().st_size
    except OSError as error:
        raise unreadable(error, file.path) from error


def _cut(file: DataFile, shard_bytes: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield start, stop, first line and size of each shard of one file."""
    if file.format == "parquet":
        yield from row_groups(file.path, shard_bytes)
        return
    try:
        yield from _cut_lines(file, shard_bytes)
    except OSError as error:
        raise unreadable(error, file.path) from error


def _batches(file: DataFile, shard_bytes: int) -> Iterator[tuple[tuple[RawLine, ...], int]]:
    """Yield the lines of a file that is read from its start, one shard at a time; the last one has the file's size."""
    batch: list[RawLine] = []
    held = 0
    try:
        for line in read_lines(file):
            if held >= shard_bytes:
                yield tuple(batch), 0
                batch, held = [], 0
            batch.append(line)
            held += len(line.raw) + _OVERHEAD
    except InputError:
        if batch:  # lines before the error come before the error
            yield tuple(batch), 0
        raise
    if batch:
        yield tuple(batch), _size(file)


def _cut_lines(file: DataFile, shard_bytes: int) -> Iterator[tuple[int, int, int, int]]:
    """Cut after the first newline at or past ``shard_bytes``, counting newlines."""
    start = position = 0
    line = first_line = 1
    with file.path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            begin = 0
            while (cut := chunk.find(b"\n", max(start + shard_bytes - 1 - position, begin)) + 1) > 0:
                line += chunk.count(b"\n", begin, cut)
                yield start, position + cut, first_line, position + cut - start
                begin, start, first_line = cut, position + cut, line
            line += chunk.count(b"\n", begin)
            position += len(chunk)
    if position > start:
        yield start, position, first_line, position - start
