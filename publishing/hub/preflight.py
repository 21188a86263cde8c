"""Whether a release may be published: nothing that must not leave, every file as exported, cards that are right."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from dataset_tools.errors import InputError
from publishing.cards.hub_terms import is_gemma
from publishing.cards.lint import lint
from publishing.cards.sources import base_of
from publishing.release.manifest import CARD_FILES, MANIFEST, NOTICE, Release
from publishing.release.repositories import CARD, Repository, hash_soon
from publishing.scan.scan import Problem, scan, scan_file

__all__ = ["problems", "refuse", "unlisted", "without_card"]


def problems(release: Release, repositories: Iterable[Repository], token: str = "") -> list[Problem]:
    """Everything that keeps a release from being published.

    Args:
        release: the release.
        repositories: what it becomes.
        token: the user's own token, which must stand in no file.
    """
    gemma = is_gemma(base_of(release))
    found: list[Problem] = []
    repositories = list(repositories)
    hash_soon(file for repository in repositories for file in repository.files)
    for repository in repositories:
        found += scan(repository, token)
        found += _of_card(repository, gemma=gemma and repository.kind == "model")
    found += scan_file(release.path / MANIFEST, token)
    found += _differences(release, repositories)
    return found


def _differences(release: Release, repositories: Iterable[Repository]) -> Iterator[Problem]:
    """Files that are not what the release's list says. Their checksums are those that publishing goes by later."""
    here = {
        f"{found.part}/{file.path}": file for found in repositories if found.kind == "model" for file in found.files
    }
    for name, recorded in sorted(release.files.items()):
        where, file = str(release.path / name), here.get(name)
        if PurePosixPath(name).name == CARD:
            continue  # a card may have been written since
        if file is None:
            yield Problem(where, f"it is missing, and {MANIFEST} lists it", "export again")
        elif file.size != recorded.size or file.sha256 != recorded.sha256:
            what = f"it is not the file that {MANIFEST} lists: it was changed after the export"
            yield Problem(where, what, "export again")


def without_card(repositories: Iterable[Repository]) -> list[str]:
    """The repositories that would be published without a card."""
    return [repository.name for repository in repositories if repository.card is None]


def _of_card(repository: Repository, *, gemma: bool) -> Iterator[Problem]:
    """What is wrong with a repository's card, and with its duties to those who made the base."""
    if repository.card is not None:
        yield from lint(repository.folder / CARD, repository.part, gemma=gemma)
    if gemma and not (repository.folder / NOTICE).is_file():
        what = f"no {NOTICE} in it, which the Gemma terms ask for"
        yield Problem(str(repository.folder), what, "`afg card` writes it")


def unlisted(release: Release, repositories: Iterable[Repository]) -> list[str]:
    """Files of the models that the export does not know, cards and notices apart: they have no recorded checksum."""
    known = set(release.files)
    names = [
        f"{repository.part}/{file.path}"
        for repository in repositories
        if repository.kind == "model"
        for file in repository.files
        if isinstance(file.source, Path) and file.source.is_relative_to(repository.folder)
    ]
    return [name for name in names if name not in known and name.split("/", 1)[1] not in CARD_FILES]


def refuse(found: list[Problem]) -> None:
    """Stop, if there are problems.

    Raises:
        InputError: there are.
    """
    if not found:
        return
    more = f"; {len(found) - 1} more" if len(found) > 1 else ""
    raise InputError(f"{found[0].what}{more}: nothing was published", where=found[0].where, hint=found[0].hint)
