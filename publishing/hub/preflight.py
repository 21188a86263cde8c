"""Checks before publishing: forbidden content, files that changed after the export, and errors in cards."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from dataset_tools.errors import InputError
from dataset_tools.readers.sources import Stamps
from publishing.cards.hub_terms import is_gemma
from publishing.cards.lint import lint
from publishing.cards.sources import base_of
from publishing.release.manifest import CARD_FILES, MANIFEST, NOTICE, Release
from publishing.release.repositories import CARD, Repository
from publishing.scan.scan import ScanFinding, scan, scan_file

__all__ = ["CheckedRelease", "findings"]


class CheckedRelease:
    """A release that passed every check. The constructor runs the checks, so a value without them does not exist.

    Args:
        release: the release.
        repositories: the repositories that it becomes.
        token: the user's own token, which no file may contain.
        log: receives a line for each finding and warning.

    Raises:
        InputError: there is a finding.
    """

    def __init__(
        self,
        release: Release,
        repositories: Iterable[Repository],
        token: str = "",
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.release = release
        self.repositories = tuple(repositories)
        files = [file for repository in self.repositories for file in repository.files]
        self._stamps = Stamps(file.source for file in files if isinstance(file.source, Path))
        found = findings(release, self.repositories, token)
        if found:
            for finding in found if len(found) > 1 else ():
                log(f"{finding.where}: {finding.what} ({finding.hint})")
            more = f"; {len(found) - 1} more" if len(found) > 1 else ""
            what = f"{found[0].what}{more}: nothing was published"
            raise InputError(what, where=found[0].where, hint=found[0].hint)
        for repository in self.repositories:
            if repository.card is None:
                log(f"{repository.name}: no card: `afg card` writes one")
        for name in _unlisted(release, self.repositories):
            log(f"{name}: published, but not in {MANIFEST}")

    def require_unchanged(self) -> None:
        """Require that the files are those that were checked.

        Raises:
            InputError: a file has changed since.
        """
        self._stamps.require_unchanged()


def findings(release: Release, repositories: Iterable[Repository], token: str = "") -> list[ScanFinding]:
    """Return the findings that forbid publishing a release."""
    gemma = is_gemma(base_of(release))
    found: list[ScanFinding] = []
    repositories = list(repositories)
    for repository in repositories:
        found += scan(repository, token)
        found += _card_findings(repository, gemma=gemma and repository.kind == "model")
    found += scan_file(release.path / MANIFEST, token)
    found += _differences(release, repositories)
    return found


def _differences(release: Release, repositories: Iterable[Repository]) -> Iterator[ScanFinding]:
    """Yield the files that are not those of ``release.json``. Publishing uses the same checksums later."""
    here = {
        f"{found.part}/{file.path}": file for found in repositories if found.kind == "model" for file in found.files
    }
    for name, recorded in sorted(release.files.items()):
        where, file = str(release.path / name), here.get(name)
        if PurePosixPath(name).name == CARD:
            continue  # a card may be written after the export
        if file is None:
            yield ScanFinding(where, f"the file is missing, but {MANIFEST} lists it", "export again")
        elif file.size != recorded.size or file.sha256 != recorded.sha256:
            what = f"the file changed after the export: it is not the one in {MANIFEST}"
            yield ScanFinding(where, what, "export again")


def _card_findings(repository: Repository, *, gemma: bool) -> Iterator[ScanFinding]:
    """Yield the errors of a repository's card, and a missing notice."""
    if repository.card is not None:
        yield from lint(repository.folder / CARD, repository.part, gemma=gemma)
    if gemma and not (repository.folder / NOTICE).is_file():
        what = f"the {NOTICE} is missing, which the Gemma terms require"
        yield ScanFinding(str(repository.folder), what, "`afg card` writes it")


def _unlisted(release: Release, repositories: Iterable[Repository]) -> list[str]:
    """Return the files of models, except cards and notices, that ``release.json`` does not list."""
    names = [
        f"{repository.part}/{file.path}"
        for repository in repositories
        if repository.kind == "model"
        for file in repository.files
        if isinstance(file.source, Path) and file.source.is_relative_to(repository.folder)
    ]
    return [name for name in names if name not in release.files and name.split("/", 1)[1] not in CARD_FILES]
