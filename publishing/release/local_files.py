"""Local files to publish, with checksums that are computed once, in background threads."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from threading import Thread
from typing import TypeVar

from dataset_tools.io.checksums import git_oid, sha256

__all__ = ["LocalFile", "files_and_links", "in_background", "start_hashing"]

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class LocalFile:
    """A file to publish: its path in the repository, and its content on disk or, for a card, in memory."""

    path: str
    source: Path | bytes
    _pending: list[Future[str]] = field(default_factory=list, init=False, repr=False, compare=False)

    @cached_property
    def size(self) -> int:
        """The size in bytes."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the content, read once."""
        return self._pending[0].result() if self._pending else sha256(self.source)

    @cached_property
    def git_oid(self) -> str:
        """The object id of git, read once."""
        return git_oid(self.source)

    def read(self) -> bytes:
        """Return the content of a small file."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()


def files_and_links(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder except real folders: files, links, which are not followed, and special files."""
    for parent, folders, files in os.walk(folder):
        folders.sort()
        links = [name for name in folders if Path(parent, name).is_symlink()]
        yield from (Path(parent, name) for name in sorted([*files, *links]))


def start_hashing(files: Iterable[LocalFile]) -> None:
    """Start computing the SHA-256 of files, the largest first; reading ``file.sha256`` waits for the result."""
    new = sorted((file for file in files if not file._pending), key=lambda file: -file.size)  # noqa: SLF001 - its own
    threads = os.cpu_count() or 1
    for file, future in zip(new, in_background([partial(sha256, file.source) for file in new], threads), strict=True):
        file._pending.append(future)  # noqa: SLF001


def in_background(actions: Iterable[Callable[[], _Result]], threads: int) -> list[Future[_Result]]:
    """Run actions in daemon threads, in order. Unlike a pool's threads, they do not delay the end of the process.

    Args:
        actions: the actions.
        threads: the number of threads.

    Returns:
        A future for each action.
    """
    pairs: list[tuple[Future[_Result], Callable[[], _Result]]] = [(Future(), action) for action in actions]
    waiting = iter(pairs)  # shared by the threads

    def work() -> None:
        for future, action in waiting:
            try:
                future.set_result(action())
            except BaseException as error:  # noqa: BLE001 - the future raises it again
                future.set_exception(error)

    for _ in range(min(threads, len(pairs))):
        Thread(target=work, daemon=True).start()
    return [future for future, _ in pairs]
