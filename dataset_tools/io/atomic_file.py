"""Atomic files: complete under their name or not there; errors of the disk as :class:`OutputError`."""

import errno
import glob
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NoReturn, Self

from dataset_tools.errors import OutputError, UsageError
from dataset_tools.io.remote_path import RemotePath, as_path

__all__ = [
    "AtomicFile", "check_writable", "fail", "partial_path", "remove_folder", "remove_partials", "require_local",
    "sync_folder", "write_file",
]  # fmt: skip

_ANOTHER = "choose another file with -o"
_FULL = {
    errno.ENOSPC: "no space left",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file size limit is reached",
}
_DENIED = {
    errno.EACCES: "no permission to write",
    errno.EPERM: "no permission to write",
    errno.EROFS: "read-only file system",
}


def require_local(path: Path) -> None:
    """Refuse a path in a store.

    Raises:
        UsageError: the path has a scheme, also if :class:`Path` has dropped one of its slashes.
    """
    if isinstance(place := as_path(path), RemotePath):
        what = f"{place}: only `afg-data import`, `clean` and `dedup` write to a store"
        raise UsageError(what, hint="choose a local path with -o")


def check_writable(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Check before any work that ``path`` can be written, and create its folder.

    For a path in a store only the inputs are checked: its permissions show when it is written.

    Raises:
        OutputError: the path cannot be written.
        UsageError: the path is one of ``inputs``.
    """
    target = path.resolve()
    if any(target == source.resolve() for source in inputs):
        raise UsageError(f"{path} would overwrite an input", hint=_ANOTHER)
    if isinstance(path, RemotePath):
        return
    require_local(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise OutputError("is a folder", where=str(path), hint="name a file in it")
        if target.exists() and not target.is_file():
            raise OutputError("not a regular file", where=str(path), hint=_ANOTHER)
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "", str(target.parent))
    except OSError as error:
        fail(error, path, 0)


def write_file(path: Path, content: bytes) -> None:
    """Write a small file atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    check_writable(path)
    with AtomicFile(path) as file:
        file.write(content)


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


def remove_folder(path: Path) -> None:
    """Remove a folder with its content, ignoring errors."""
    if isinstance(path, RemotePath):
        with suppress(OSError):
            path.remove_all()
    else:
        shutil.rmtree(path, ignore_errors=True)


def sync_folder(path: Path) -> None:
    """Flush the names in a folder to disk, so that they survive a loss of power."""
    if os.name != "posix" or isinstance(path, RemotePath):  # Windows cannot open a folder
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def fail(error: OSError, path: Path, written: int) -> NoReturn:
    """Raise an OSError as OutputError; ``written`` is the number of bytes that were written and removed.

    Raises:
        OutputError: always.
    """
    if error.errno in _FULL:
        what = f"{_FULL[error.errno]} in {path.resolve().parent}; {written / 1e6:.1f} MB were written and removed"
        raise OutputError(what, where=str(path), hint=f"free space or {_ANOTHER}") from error
    if error.errno in _DENIED:
        raise OutputError(_DENIED[error.errno], where=str(path), hint=_ANOTHER) from error
    raise OutputError(error.strerror or str(error), where=str(path), hint=_ANOTHER) from error
