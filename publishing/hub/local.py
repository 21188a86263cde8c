"""The repositories of a release laid out in a folder, as they would stand on a Hub: ``--to DIR``."""

import shutil
from pathlib import Path

from dataset_tools.errors import UsageError
from dataset_tools.io.atomic_file import AtomicFile, fail
from dataset_tools.io.checksums import git_oid, sha256
from publishing.hub.plan import RepositoryPlan, Standing, StandingFile, compare
from publishing.release.repositories import CARD, Repository, entries

__all__ = ["Layout"]


class Layout:
    """A folder that holds one folder for each repository.

    Args:
        path: the folder.
        sources: the folders of what is laid out, which no repository's folder may be, hold or be inside of.
    """

    def __init__(self, path: Path, *sources: Path) -> None:
        self._path = path
        self._sources = [source.resolve() for source in sources]

    def folder(self, repository: Repository) -> Path:
        """Where a repository is laid out."""
        return self._path / repository.name.split("/")[1]

    def plan(self, repository: Repository, *, delete: bool = False) -> RepositoryPlan:
        """What laying out a repository would do. Only reads.

        Raises:
            InputError: the human sections of a card are damaged.
            UsageError: it would be laid out over what is published.
        """
        folder = self.folder(repository)
        place = folder.resolve()
        if any(place.is_relative_to(source) or source.is_relative_to(place) for source in self._sources):
            raise UsageError("what is published stands there", where=str(folder), hint="name another folder with --to")
        return compare(repository, _standing(folder), lambda _: _read_card(folder), delete=delete)

    def lay_out(self, plan: RepositoryPlan) -> Path:
        """Do what a plan says; gives the repository's folder.

        Raises:
            OutputError: it cannot be written.
        """
        folder = self.folder(plan.repository)
        for partial in _partial(folder):
            partial.unlink()
        for file in plan.uploads:
            target = folder / file.path
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                fail(error, target, 0)
            with AtomicFile(target) as stream:
                if isinstance(file.source, bytes):
                    stream.write(file.source)
                else:
                    with file.source.open("rb") as source:
                        shutil.copyfileobj(source, stream, 1 << 20)
        for path in plan.deletions:
            (folder / path).unlink()
        return folder


def _standing(folder: Path) -> Standing | None:
    if not folder.is_dir():
        return None
    partial = set(_partial(folder))
    paths = [path for path in entries(folder) if path.is_file() and path not in partial]
    files = {
        path.relative_to(folder).as_posix(): StandingFile(path.stat().st_size, git_oid(path), sha256(path))
        for path in paths
    }
    return Standing("", files)


def _partial(folder: Path) -> list[Path]:
    """What a killed run left behind of files that it was writing."""
    return list(folder.rglob(".*.partial"))


def _read_card(folder: Path) -> str:
    return (folder / CARD).read_text(encoding="utf-8")
