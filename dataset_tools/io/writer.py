"""Output files: encoded by the workers, written by the parent process, atomic."""

import zlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self, cast

import orjson

from dataset_tools.errors import UsageError
from dataset_tools.io.atomic_file import AtomicFile, check_writable, write_file
from dataset_tools.io.file_formats import split_ending
from dataset_tools.io.jsonl import dump_line
from dataset_tools.io.parquet_writer import TableWriter, arrow_stream
from schemas.record import Record

__all__ = ["ENDINGS", "Sink", "check_outputs", "check_writable", "encode", "json_report", "write_file"]

ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
"""Endings of the formats that can be written."""

_GZIP = 16 + zlib.MAX_WBITS


def check_outputs(
    inputs: Sequence[Path],
    *,
    folder: Path | None = None,
    files: Sequence[Path | None] = (),
    lines: Sequence[Path | None] = (),
) -> None:
    """Check, before any work, that outputs can be written and are neither inputs nor one another.

    Args:
        inputs: all files that are read.
        folder: a folder that is written; no input may lie in it.
        files: files that are written.
        lines: files that hold lines, whatever their name.

    Raises:
        OutputError: a file cannot be written.
        UsageError: an output is an input or another output, or is to hold lines and named Parquet.
    """
    seen: set[Path] = set()
    if folder is not None:
        seen.add(folder.resolve())
        for path in inputs:
            if path.resolve().parent in seen:
                what = f"{path} is read and lies in the output folder {folder}"
                raise UsageError(what, hint="choose another folder with -o")
    for output in (*files, *lines):
        if output is None:
            continue
        if output.resolve() in seen:
            raise UsageError(f"{output} is named for two outputs", hint="each needs a file of its own")
        seen.add(output.resolve())
        if output in lines and output.name.lower().endswith(".parquet"):
            raise UsageError(f"{output}: rejects and traces are written as lines", hint="end its name in .jsonl")
        check_writable(output, inputs)


def encode(rows: Sequence[Record] | Sequence[bytes], output: Path | str) -> bytes:
    """Encode rows as a payload for a :class:`Sink` of ``output``; workers do this.

    Args:
        rows: records, or lines that are already encoded (not for Parquet).
        output: the file, or its name; the ending sets the format.

    Returns:
        Lines, one gzip member, one zstd frame or an Arrow stream; empty for no rows.
    """
    ending = _ending(Path(output))
    if not rows:
        return b""
    if ending == ".parquet":
        return arrow_stream(cast("Sequence[Record]", rows))
    return _pack(b"".join(row if isinstance(row, bytes) else dump_line(row) for row in rows), ending)


def json_report(path: Path, report: Any) -> None:  # noqa: ANN401 - JSON is any value
    """Write ``report`` as an indented JSON file, atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    write_file(path, orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


class Sink:
    """An output file of the payloads of :func:`encode`; it appears when the block ends without an error.

    Raises:
        OutputError: the file cannot be written; nothing of it is left.
        UsageError: the ending is not in :data:`ENDINGS`.
    """

    def __init__(self, path: Path) -> None:
        self._ending = _ending(path)
        self._file = AtomicFile(path)
        self._writer: _Writer | None = None

    def __enter__(self) -> Self:
        self._file.__enter__()
        self._writer = _writer(self._file, self._ending)
        return self

    def write_payload(self, payload: bytes) -> None:
        """Append a payload of :func:`encode`."""
        if self._writer is None:
            raise ValueError("a Sink writes only inside its `with` block")
        if payload:
            self._writer.write(payload)

    def write(self, lines: bytes) -> None:
        """Append lines of JSON: rejects, a trace or prompts; not for Parquet."""
        if lines:
            self.write_payload(_pack(lines, self._ending))

    def finish(self) -> None:
        """Flush the file to disk, so that only the rename is left for the end of the block.

        Several files are all finished before the first is renamed, so a full disk leaves none of them.
        """
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            writer.finish()
            self._file.sync()
        except BaseException:
            writer.abandon()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self.finish()
            except BaseException as failure:
                self._file.__exit__(type(failure), failure, failure.__traceback__)
                raise
        elif self._writer is not None:
            self._writer.abandon()
            self._writer = None
        self._file.__exit__(kind, error, trace)


class _Writer(Protocol):
    def write(self, payload: bytes) -> None: ...
    def finish(self) -> None: ...
    def abandon(self) -> None: ...


def _writer(file: AtomicFile, ending: str) -> _Writer:
    if ending != ".parquet":
        return _Bytes(file, ending)

    return TableWriter(cast("BinaryIO", file))


class _Bytes:
    """Concatenated payloads: lines, gzip members and zstd frames join to a valid file."""

    def __init__(self, file: AtomicFile, ending: str) -> None:
        self._file = file
        self._ending = ending

    def write(self, payload: bytes) -> None:
        self._file.write(payload)

    def finish(self) -> None:
        if not self._file.written:
            self._file.write(_pack(b"", self._ending))

    def abandon(self) -> None:
        pass


def _ending(path: Path) -> str:
    stem, ending = split_ending(path.name)
    if ending in ENDINGS and stem:
        return ending
    hint = f"use a name that ends in {', '.join(ENDINGS)}"
    if ending.startswith(".json"):
        raise UsageError(f"{path}: records are written one per line, not as one JSON value", hint=hint)
    raise UsageError(f"{path}: unknown output format", hint=hint)


def _pack(content: bytes, ending: str) -> bytes:
    if ending.endswith(".gz"):
        packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)  # unlike gzip.compress, without a time stamp
        return packer.compress(content) + packer.flush()
    if ending.endswith(".zst"):
        import zstandard

        return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(content)
    return content
