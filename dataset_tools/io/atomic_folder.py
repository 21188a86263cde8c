"""Output folders: an exclusive lock, and folders that are complete under their name or not there.

The system releases the lock when the process ends, even by a kill. Windows has no such lock.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from dataset_tools.errors import OutputError, UsageError
from dataset_tools.io.output_paths import fail, require_local, sync_folder
from dataset_tools.io.writer import partial_path

__all__ = ["AtomicFolder", "locked", "only_run", "take"]

if sys.platform != "win32":
    import fcntl


class AtomicFolder:
    """A folder that is written under a hidden name and renamed when the block ends without an error.

    An older folder of that name is replaced if it holds only files that match ``patterns``. A kill between the two
    renames leaves no folder under the name; the next run restores the older one.

    Args:
        path: the folder.
        patterns: the names of the files that it may hold.

    Raises:
        OutputError: the folder cannot be written; the older folder is unchanged.
        UsageError: the older folder holds other files.
    """

    def __init__(self, path: Path, patterns: Sequence[str]) -> None:
        self.path = path
        self._target = path.resolve()
        self._partial = partial_path(self._target)
        name_hash = hashlib.sha256(os.fsencode(self._target.name)).hexdigest()[:16]
        self._old = self._target.with_name(f".{self._target.name[:100]}.{name_hash}.old")
        self._patterns = patterns
        self._written = 0

    def __enter__(self) -> Self:
        require_local(self.path)
        try:
            self._restore()
            if self._target.is_dir():
                self._require_ours()
            elif self._target.exists():
                raise OutputError("is a file", where=str(self.path), hint="choose another folder with -o")
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._partial.mkdir()
        except OSError as error:
            fail(error, self.path, 0)
        return self

    def write(self, name: str, content: bytes) -> None:
        """Write one file of the folder."""
        try:
            with (self._partial / name).open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            fail(error, self.path, self._written)
        self._written += len(content)

    def file(self, name: str) -> Path:
        """Return the path of one file until the block ends, for writers that need a path."""
        return self._partial / name

    def append(self, name: str, content: bytes) -> None:
        """Append to one file of the folder, creating it if needed."""
        try:
            with (self._partial / name).open("ab") as stream:
                stream.write(content)
        except OSError as error:
            fail(error, self.path, self._written)
        self._written += len(content)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._commit()
        except OSError as failure:
            fail(failure, self.path, self._written)
        finally:
            shutil.rmtree(self._partial, ignore_errors=True)

    def _commit(self) -> None:
        for entry in self._partial.iterdir():
            with entry.open("rb+") as stream:
                os.fsync(stream.fileno())
        sync_folder(self._partial)
        try:
            if self._target.is_dir():
                self._require_ours()
                shutil.rmtree(self._old, ignore_errors=True)
                self._target.rename(self._old)
            self._partial.rename(self._target)
        finally:
            self._restore()
        if self._old.is_dir():
            self._old.rename(self._partial)  # a folder that is half removed must never be restored
        sync_folder(self._target.parent)

    def _restore(self) -> None:
        """Restore the older folder if a commit has moved it away and not replaced it."""
        if self._old.is_dir() and not self._target.exists():
            self._old.rename(self._target)

    def _require_ours(self) -> None:
        for entry in sorted(self._target.iterdir()):
            if not entry.is_file() or not any(fnmatchcase(entry.name, pattern) for pattern in self._patterns):
                raise UsageError(
                    f"the folder holds {entry.name}, which would be lost", where=str(self.path),
                    hint="choose another folder with -o",
                )  # fmt: skip


def take(opened: int, folder: Path) -> None:
    """Lock a folder until a file is closed.

    Args:
        opened: the descriptor of the lock file, or of the folder itself.
        folder: the folder, for the error.

    Raises:
        UsageError: another run holds the lock.
    """
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        hint = "wait for it, or choose another folder with -o"
        raise UsageError("another run is writing into this folder", where=str(folder), hint=hint) from error


def locked(name: Path, folder: Path) -> BinaryIO:
    """Open a lock file, creating it if needed; it locks the folder while it is open.

    Raises:
        FileNotFoundError: the previous run has removed the file in the meantime; try again.
        UsageError: another run holds the lock.
    """
    with ExitStack() as stack:
        lock = stack.enter_context(name.open("ab"))
        take(lock.fileno(), folder)
        if not os.path.samestat(os.fstat(lock.fileno()), name.stat()):
            raise FileNotFoundError(name)
        stack.pop_all()
    return lock


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Create a folder and lock it without a lock file; remove it at the end if it is new and empty.

    Raises:
        OutputError: the folder cannot be created.
        UsageError: another run holds the lock, or the path is a file.
    """
    require_local(folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", hint="choose another folder with -o")
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = os.open(folder, os.O_RDONLY) if os.name == "posix" else None
    except OSError as error:
        fail(error, folder, 0)
    try:
        if opened is not None:
            take(opened, folder)
        yield
    finally:
        if new:
            with suppress(OSError):
                folder.rmdir()
        if opened is not None:
            os.close(opened)
