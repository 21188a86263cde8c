"""Output files, complete under their name or not there: small files, and records encoded by the workers."""

import glob
import os
import secrets
import tempfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import orjson

from dataset_tools.errors import UsageError
from dataset_tools.io.json_text import dump_line
from dataset_tools.io.output_paths import check_writable, fail, sync_folder
from dataset_tools.io.parquet_writer import TableWriter, arrow_stream
from dataset_tools.io.remote_path import RemotePath
from schemas.record import Record

__all__ = ["ENDINGS", "AtomicFile", "Sink", "encode", "json_report", "partial_path", "remove_partials", "write_file"]

ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
"""Endings of the formats that can be written."""

_GZIP = 16 + zlib.MAX_WBITS


def write_file(path: Path, content: bytes) -> None:
    """Write a small file atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    check_writable(path)
    with AtomicFile(path) as file:
        file.write(content)


def json_report(path: Path, report: Any) -> None:  # noqa: ANN401 - JSON is any value
    """Write ``report`` as an indented JSON file, like :func:`write_file`."""
    write_file(path, orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


class AtomicFile:
    """A file that is written under a hidden name and renamed when complete; also a file object for pyarrow.

    A file for a store is first written to this machine, without a name, so that the system frees its space when the
    process ends, even by a kill. It is uploaded when complete.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        self.closed = False
        self._target = path.resolve()
        self._partial = None if isinstance(path, RemotePath) else partial_path(self._target)
        self._stream: BinaryIO | None = None

    def __enter__(self) -> Self:
        try:
            self._stream = self._partial.open("xb") if self._partial else tempfile.TemporaryFile()
        except OSError as error:
            fail(error, self.path, 0)
        return self

    def write(self, content: bytes) -> int:
        """Write ``content``; return its number of bytes."""
        if self._stream is None:
            raise ValueError("the file is not open")
        try:
            self._stream.write(content)
        except OSError as error:
            fail(error, self.path, self.written)
        self.written += len(content)
        return len(content)

    def tell(self) -> int:
        """Return the number of bytes written."""
        return self.written

    def flush(self) -> None:
        """Do nothing: the file does not exist before the end of the block."""

    def close(self) -> None:
        """Do nothing: the end of the block decides whether the file is complete."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._commit()
        except OSError as failure:
            fail(failure, self.path, self.written)
        finally:
            self._discard()

    def sync(self) -> None:
        """Flush to disk: after that only the rename or the upload can fail."""
        if self._stream is None:
            return
        try:
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            fail(error, self.path, self.written)

    def _commit(self) -> None:
        if self._stream is None:
            return
        self.sync()
        if isinstance(self._target, RemotePath):
            self._stream.seek(0)  # some systems open the name below at the current position
            self._target.put(Path(f"/dev/fd/{self._stream.fileno()}"))
        elif self._partial:
            self._stream.close()
            self._partial.replace(self._target)
            self._stream = None
            sync_folder(self._target.parent)

    def _discard(self) -> None:
        """Remove the unfinished file; nothing to do after a commit."""
        if self._stream is None:
            return
        try:
            self._stream.close()  # flushes, and on a full disk fails at that
        except OSError:
            pass  # the first error is already raised
        finally:
            self._stream = None
            if self._partial:
                with suppress(OSError):
                    self._partial.unlink(missing_ok=True)


def partial_path(target: Path) -> Path:
    """Return a unique hidden name next to ``target``."""
    # Random, because process ids repeat across containers and killed processes.
    return target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.partial")


def remove_partials(folder: Path, name: str = "") -> None:
    """Remove unfinished files of killed writers, of one name or all; no other writer may be active in the folder."""
    if isinstance(folder, RemotePath):  # only complete files are uploaded
        return
    for left in folder.glob(f".{glob.escape(name[:100]) or '*'}.*.partial"):
        left.unlink(missing_ok=True)


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


class Sink:
    """An output file of the payloads of :func:`encode`; it appears when the block ends without an error.

    Raises:
        OutputError: the file cannot be written; nothing of it is left.
        UsageError: the ending is not in :data:`ENDINGS`.
    """

    def __init__(self, path: Path) -> None:
        self._ending = _ending(path)
        self._file = AtomicFile(path)
        self._table: TableWriter | None = None
        self._open = False

    def __enter__(self) -> Self:
        self._file.__enter__()
        if self._ending == ".parquet":
            self._table = TableWriter(cast("BinaryIO", self._file))
        self._open = True
        return self

    def write_payload(self, payload: bytes) -> None:
        """Append a payload of :func:`encode`; lines, gzip members and zstd frames join to a valid file."""
        if not self._open:
            raise ValueError("a Sink writes only inside its `with` block")
        if payload:
            (self._table or self._file).write(payload)

    def write(self, lines: bytes) -> None:
        """Append lines of JSON: rejects, a trace or prompts; not for Parquet."""
        if lines:
            self.write_payload(_pack(lines, self._ending))

    def finish(self) -> None:
        """Flush the file to disk, so that only the rename is left for the end of the block.

        Several files are all finished before the first is renamed, so a full disk leaves none of them.
        """
        if not self._open:
            return
        self._open = False
        if self._table:
            self._table.finish()
        elif not self._file.written:
            self._file.write(_pack(b"", self._ending))
        self._file.sync()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.finish()
        except BaseException as failure:
            kind, error, trace = type(failure), failure, failure.__traceback__
            raise
        finally:
            if kind is not None and self._table:
                self._table.abandon()
            self._file.__exit__(kind, error, trace)


def _ending(path: Path) -> str:
    name = path.name.lower()
    ending = next((ending for ending in ENDINGS if name.endswith(ending)), "")
    if ending and name != ending:
        return ending
    hint = f"use a name that ends in {', '.join(ENDINGS)}"
    if name.endswith((".json", ".json.gz", ".json.zst")):
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
