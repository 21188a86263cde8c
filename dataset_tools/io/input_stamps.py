"""Inputs that must stay as they are while a run reads them, some of them twice."""

from collections.abc import Iterable
from pathlib import Path

from dataset_tools.errors import InputError
from dataset_tools.io.remote_path import unreadable

__all__ = ["Stamps"]


class Stamps:
    """Size and time of files when a run began: what tells that one was written to, replaced or removed meanwhile.

    Args:
        paths: the files; None stands for one that was not named.

    Raises:
        InputError: a file is there and cannot be asked.
    """

    def __init__(self, paths: Iterable[Path | None] = ()) -> None:
        self._before = {path: _stamp(path) for path in paths if path is not None}

    @property
    def paths(self) -> list[Path]:
        """The files."""
        return list(self._before)

    def and_of(self, paths: Iterable[Path]) -> "Stamps":
        """The same with those of further files, as they are now."""
        more = Stamps(paths)
        more._before |= self._before
        return more

    def require_same(self) -> None:
        """Refuse what was made of files that are not what they were.

        Raises:
            InputError: one has changed, or is gone.
        """
        for path, before in self._before.items():
            if _stamp(path) != before:
                what = "an input was changed while it was read"
                raise InputError(what, where=str(path), hint="begin again when nothing writes to it any more")


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(error, path) from error
    return found.st_size, found.st_mtime_ns
