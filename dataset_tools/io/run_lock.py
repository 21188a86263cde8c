"""One run at a time may write into a folder: who comes second is told so, and disturbs nothing.

The system lets go of a lock when the process that has it ends, however it does. Windows has none of this kind.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from dataset_tools.errors import UsageError
from dataset_tools.io.atomic_file import fail, require_local

if sys.platform != "win32":
    import fcntl

__all__ = ["locked", "only_run", "take"]


def take(opened: int, folder: Path) -> None:
    """Keep others out of a folder, until a file is closed.

    Args:
        opened: the descriptor of a file that every run into the folder opens, or of the folder itself.
        folder: the folder, for the error.

    Raises:
        UsageError: another run has it.
    """
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        hint = "wait for it, or choose another with -o"
        raise UsageError("another run is writing into this folder", where=str(folder), hint=hint) from error


def locked(name: Path, folder: Path) -> BinaryIO:
    """A file that keeps others out of a folder as long as it is open; it is made where it is missing.

    Raises:
        FileNotFoundError: others do not find it under its name any more; whoever had it has removed it.
        UsageError: another run has it.
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
    """Make a folder and keep others out of it meanwhile; it holds no file for that. Left empty, it goes again.

    Raises:
        OutputError: it cannot be made.
        UsageError: another run has it, or it is a file.
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
