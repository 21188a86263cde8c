"""Detection of inputs that change during a run."""

from collections.abc import Iterable
from pathlib import Path

from dataset_tools.errors import InputError
from dataset_tools.io.remote_path import unreadable

__all__ = ["Stamps"]


class Stamps:
    """Size and modification time of files when a run begins, to detect later changes.

    Args:
        paths: the files; None for an optional file that was not given.

    Raises:
        InputError: a file exists, and its status cannot be read.
    """

    def __init__(self, paths: Iterable[Path | None] = ()) -> None:
        self._before = {path: _stamp(path) for path in paths if path is not None}

    @property
    def paths(self) -> list[Path]:
        """Return the files."""
        return list(self._before)

    def size(self, paths: Iterable[Path]) -> int:
        """Return the size of some of the files in bytes; one that does not exist counts as empty."""
        return sum(found[0] for path in paths if (found := self._before[path]))

    def and_of(self, paths: Iterable[Path]) -> "Stamps":
        """Return stamps that also cover further files, as they are now."""
        more = Stamps(paths)
        more._before |= self._before
        return more

    def require_unchanged(self) -> None:
        """Check that no file has changed.

        Raises:
            InputError: a file has changed or was removed.
        """
        for path, before in self._before.items():
            if _stamp(path) != before:
                what = "the input changed while it was read"
                raise InputError(what, where=str(path), hint="run again when no other program writes to it")


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(error, path) from error
    return found.st_size, found.st_mtime_ns
