"""Exclusive lock on an output folder; a second run raises UsageError.

The system releases the lock when the process ends, even by a kill. Windows has no such lock.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from dataset_tools.errors import UsageError
from dataset_tools.io.output_paths import fail, require_local

if sys.platform != "win32":
    import fcntl

__all__ = ["locked", "only_run", "take"]


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
