"""A folder as a destination (``--to DIR``): one folder for each repository, with the content that the Hub would get."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from dataset_tools.errors import UsageError
from dataset_tools.io.checksums import sha256
from dataset_tools.io.output_paths import fail
from dataset_tools.io.writer import AtomicFile
from publishing.hub.plan import RemoteFile, RemoteRepository, RepositoryPlan, plan_changes
from publishing.release.local_files import files_and_links
from publishing.release.repositories import CARD, Repository

__all__ = ["LocalFolder"]


class LocalFolder:
    """A folder that holds one folder for each repository."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def address(self) -> str:
        """Return the path of the folder."""
        return str(self._path)

    def folder(self, repository: Repository) -> Path:
        """Return the folder of a repository."""
        return self._path / repository.name.split("/")[1]

    def require_separate(self, repositories: Iterable[Repository], sources: Iterable[Path]) -> None:
        """Require that no repository's folder overlaps a source folder.

        Raises:
            UsageError: a folder is, contains or is inside a source folder.
        """
        resolved = [source.resolve() for source in sources]
        for repository in repositories:
            place = self.folder(repository).resolve()
            if any(place.is_relative_to(source) or source.is_relative_to(place) for source in resolved):
                what, where = "the output overlaps the release or the dataset", str(self.folder(repository))
                raise UsageError(what, where=where, hint="choose another folder with --to")

    def state(self, repository: Repository) -> RemoteRepository | None:
        """Return the present state of a repository's folder; None if there is none."""
        folder = self.folder(repository)
        if not folder.is_dir():
            return None
        partial = set(_partial(folder))
        paths = [path for path in files_and_links(folder) if path.is_file() and path not in partial]
        files = {
            path.relative_to(folder).as_posix(): RemoteFile(path.stat().st_size, sha256=sha256(path)) for path in paths
        }
        return RemoteRepository("", files)

    def plan(self, repository: Repository, *, delete: bool = False) -> RepositoryPlan:
        """Compare a repository with its folder.

        Raises:
            InputError: the human sections of a card are damaged.
        """
        card = self.folder(repository) / CARD
        return plan_changes(
            repository, self.state(repository), lambda _: card.read_text(encoding="utf-8"), delete=delete
        )

    def write(self, plan: RepositoryPlan) -> None:
        """Carry out a plan.

        Raises:
            OutputError: a file cannot be written.
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


def _partial(folder: Path) -> list[Path]:
    """Return the unfinished files of a killed run."""
    return list(folder.rglob(".*.partial"))
