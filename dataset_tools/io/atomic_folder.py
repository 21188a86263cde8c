"""A folder of results that appears, or replaces the one before it, only when it is whole."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Self

from dataset_tools.errors import OutputError, UsageError
from dataset_tools.io.atomic_file import fail, partial_beside, require_local, sync_folder

__all__ = ["AtomicFolder"]


class AtomicFolder:
    """Files written into a hidden folder beside the final one, which takes its name when the block ends well.

    An older folder of that name is replaced if it holds nothing but files of the same kind; anything else in it is
    somebody's, and the name is refused. A kill in the moment when the older one has gone and the new one has not come
    leaves neither under the name; who writes next puts the older one back.

    Args:
        path: the folder.
        patterns: the names of the files that it may hold.

    Raises:
        OutputError: it cannot be written; the older folder is left as it is.
        UsageError: it holds other files.
    """

    def __init__(self, path: Path, patterns: Sequence[str]) -> None:
        self.path = path
        self._target = path.resolve()
        self._partial = partial_beside(self._target)
        known_again = hashlib.sha256(os.fsencode(self._target.name)).hexdigest()[:16]
        self._old = self._target.with_name(f".{self._target.name[:100]}.{known_again}.old")
        self._patterns = patterns
        self._written = 0

    def __enter__(self) -> Self:
        require_local(self.path)
        try:
            self._restore()
            if self._target.is_dir():
                self._require_ours()
            elif self._target.exists():
                raise OutputError("it is a file", where=str(self.path), hint="choose another folder with -o")
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
        """Where one file of the folder is until the block ends, for writers that want a path."""
        return self._partial / name

    def append(self, name: str, content: bytes) -> None:
        """Add to one file of the folder, which is made where it is missing."""
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
            self._old.rename(self._partial)  # what is half removed must never be put back
        sync_folder(self._target.parent)

    def _restore(self) -> None:
        """Put the older folder back if a commit has not got further than taking it away."""
        if self._old.is_dir() and not self._target.exists():
            self._old.rename(self._target)

    def _require_ours(self) -> None:
        for entry in sorted(self._target.iterdir()):
            if not entry.is_file() or not any(fnmatchcase(entry.name, pattern) for pattern in self._patterns):
                raise UsageError(
                    f"the folder holds {entry.name}, which would be lost", where=str(self.path),
                    hint="choose another folder with -o",
                )  # fmt: skip
