"""Output paths: checks before any work, removal, and errors of the disk as :class:`OutputError`."""

import errno
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from dataset_tools.errors import OutputError, UsageError
from dataset_tools.io.remote_path import RemotePath, as_path

__all__ = ["check_outputs", "check_writable", "fail", "remove_folder", "require_local", "sync_folder"]

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
    outputs = [path for path in (*files, *lines) if path is not None]
    for output in outputs:
        if output.resolve() in seen:
            raise UsageError(f"{output} is named for two outputs", hint="each needs a file of its own")
        seen.add(output.resolve())
        if output in lines and output.name.lower().endswith(".parquet"):
            raise UsageError(f"{output}: rejects and traces are written as lines", hint="end its name in .jsonl")
    check_writable(*outputs, inputs=inputs)


def check_writable(*paths: Path, inputs: Iterable[Path] = ()) -> None:
    """Check before any work that files can be written, and create their folders.

    For a path in a store only the inputs are checked: its permissions show when it is written.

    Raises:
        OutputError: a path cannot be written.
        UsageError: a path is one of ``inputs``.
    """
    read = {source.resolve() for source in inputs}
    for path in paths:
        if path.resolve() in read:
            raise UsageError(f"{path} would overwrite an input", hint=_ANOTHER)
    local = [path for path in paths if not isinstance(path, RemotePath)]
    require_local(*local)
    for path in local:
        _check_local(path)


def _check_local(path: Path) -> None:
    target = path.resolve()
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


def require_local(*paths: Path) -> None:
    """Refuse paths in a store.

    Raises:
        UsageError: a path has a scheme, also if :class:`Path` has dropped one of its slashes.
    """
    for place in map(as_path, paths):
        if isinstance(place, RemotePath):
            what = f"{place}: only `afg-data import`, `clean` and `dedup` write to a store"
            raise UsageError(what, hint="choose a local path with -o")


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
