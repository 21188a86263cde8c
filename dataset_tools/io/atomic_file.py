"""Files that appear under their name only when they are whole, and plain words for a disk that refuses."""

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
    "AtomicFile", "check_writable", "fail", "partial_beside", "remove_folder", "remove_partials", "require_local",
    "sync_folder", "write_file",
]  # fmt: skip

_ANOTHER = "choose another file with -o"
_FULL = {
    errno.ENOSPC: "no space left",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file may not grow further",
}
_DENIED = {
    errno.EACCES: "no permission to write",
    errno.EPERM: "no permission to write",
    errno.EROFS: "read-only file system",
}


def require_local(path: Path) -> None:
    """Refuse a place in a store that has been taken for one of this machine.

    Raises:
        UsageError: it is one.
    """
    if isinstance(place := as_path(path), RemotePath):
        what = f"{place}: only `afg-data import`, `clean` and `dedup` write into a store"
        raise UsageError(what, hint="name a place on this machine with -o")


def check_writable(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Make sure, before any work, that ``path`` can be written; its folder is made where it is missing.

    Of a place in a store only the second is known before: whether it may be written is told by writing.

    Raises:
        OutputError: it cannot be.
        UsageError: it is one of ``inputs``.
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
            raise OutputError("it is a folder", where=str(path), hint="name a file in it")
        if target.exists() and not target.is_file():
            raise OutputError("it is no ordinary file", where=str(path), hint=_ANOTHER)
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "", str(target.parent))
    except OSError as error:
        fail(error, path, 0)


def write_file(path: Path, content: bytes) -> None:
    """Write a small file, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    check_writable(path)
    with AtomicFile(path) as file:
        file.write(content)


class AtomicFile:
    """A file written under a hidden name beside its own and renamed when whole; what pyarrow needs of a file, too.

    One that is to be in a store is written on this machine and sent when whole. It has no name here: so the system
    frees its room when this process ends, however it does.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        self.closed = False
        self._target = path.resolve()
        self._partial = None if isinstance(path, RemotePath) else partial_beside(self._target)
        self._stream: BinaryIO | None = None

    def __enter__(self) -> Self:
        try:
            self._stream = self._partial.open("xb") if self._partial else tempfile.TemporaryFile()
        except OSError as error:
            fail(error, self.path, 0)
        return self

    def write(self, content: bytes) -> int:
        """Write all of ``content``."""
        if self._stream is None:
            raise ValueError("the file is not open")
        try:
            self._stream.write(content)
        except OSError as error:
            fail(error, self.path, self.written)
        self.written += len(content)
        return len(content)

    def tell(self) -> int:
        """How many bytes were written."""
        return self.written

    def flush(self) -> None:
        """Leave it to the end: the file does not exist before that."""

    def close(self) -> None:
        """Leave it to the end of the block, which knows whether the file is whole."""

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
        """Let the disk hold all that was written: what can fail after that is the name, or the way into a store."""
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
            self._stream.seek(0)  # where the name below is not opened anew, it is read from here
            self._target.put(Path(f"/dev/fd/{self._stream.fileno()}"))
        elif self._partial:
            self._stream.close()
            self._partial.replace(self._target)
            self._stream = None
            sync_folder(self._target.parent)

    def _discard(self) -> None:
        """Remove the part that was written; nothing to do after a commit."""
        if self._stream is None:
            return
        try:
            self._stream.close()  # flushes, and on a full disk fails at that
        except OSError:
            pass  # what made us give up is told already
        finally:
            self._stream = None
            if self._partial:
                with suppress(OSError):
                    self._partial.unlink(missing_ok=True)


def partial_beside(target: Path) -> Path:
    """A hidden name beside that of a file or a folder, which nobody has had: also not one that was killed."""
    # Not the number of the process: in a container each has the same.
    return target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.partial")


def remove_partials(folder: Path, name: str = "") -> None:
    """Remove what writers that were killed have left in a folder, of one file or of all; none may be at work there."""
    if isinstance(folder, RemotePath):  # what is whole alone gets there
        return
    for left in folder.glob(f".{glob.escape(name[:100]) or '*'}.*.partial"):
        left.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it, as far as that can be done."""
    if isinstance(path, RemotePath):
        with suppress(OSError):
            path.remove_all()
    else:
        shutil.rmtree(path, ignore_errors=True)


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a loss of power."""
    if os.name != "posix" or isinstance(path, RemotePath):  # elsewhere a folder cannot be opened
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def fail(error: OSError, path: Path, written: int) -> NoReturn:
    """Tell what the system refused, after so many bytes were written.

    Raises:
        OutputError: always.
    """
    if error.errno in _FULL:
        what = f"{_FULL[error.errno]} in {path.resolve().parent}; {written / 1e6:.1f} MB were written and removed"
        raise OutputError(what, where=str(path), hint=f"free space or {_ANOTHER}") from error
    if error.errno in _DENIED:
        raise OutputError(_DENIED[error.errno], where=str(path), hint=_ANOTHER) from error
    raise OutputError(error.strerror or str(error), where=str(path), hint=_ANOTHER) from error
