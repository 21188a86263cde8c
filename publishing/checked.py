"""Whether a release may be published: nothing in it that must not leave, and every file as the export wrote it."""

from collections.abc import Iterable
from pathlib import Path

from dataset_tools.errors import InputError
from publishing.release import CARD_FILES, MANIFEST, Release
from publishing.repositories import Repository
from publishing.safety import Problem, scan, scan_file

__all__ = ["problems", "refuse", "unlisted"]


def problems(release: Release, repositories: Iterable[Repository], token: str = "") -> list[Problem]:
    """Everything that keeps a release from being published.

    Args:
        release: the release.
        repositories: what it becomes.
        token: the user's own token, which must stand in no file.
    """
    found = [problem for repository in repositories for problem in scan(repository, token)]
    found += scan_file(release.path / MANIFEST, token)
    found += [Problem(str(release.path / name), what, "export again") for name, what in release.differences()]
    return found


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
