"""Comparison of repositories with their destination by checksum; reads only."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from publishing.cards.human_sections import keep_human_sections, overruled_sections
from publishing.release.local_files import LocalFile
from publishing.release.repositories import CARD, Repository

__all__ = ["FileState", "PlannedFile", "RemoteFile", "RemoteRepository", "RepositoryPlan", "differing", "plan_changes"]

_NEVER_DELETED = (".gitattributes", CARD)  # the Hub's own file, and the card


class FileState(StrEnum):
    """State of a file compared with the destination."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    KEPT = "kept"  # only at the destination


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """Size and checksum of a file at the destination; the Hub reports the one checksum or the other."""

    size: int
    git_oid: str = ""
    sha256: str = ""

    def equals(self, file: LocalFile) -> bool:
        """Return whether the content is that of the local file."""
        if self.size != file.size:
            return False
        return self.sha256 == file.sha256 if self.sha256 else self.git_oid == file.git_oid


@dataclass(frozen=True, slots=True)
class RemoteRepository:
    """A repository at the destination.

    Attributes:
        commit: the newest commit; empty for a folder.
        files: the files by path.
        private: whether only its owners can see it.
        tags: the commit of each tag.
    """

    commit: str
    files: Mapping[str, RemoteFile]
    private: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file of a plan."""

    path: str
    size: int
    state: FileState


@dataclass(frozen=True, slots=True)
class RepositoryPlan:
    """The changes that publishing makes to one repository.

    Attributes:
        repository: the content to publish; its card already has the human sections of the destination's card.
        remote: the present state; None for a new repository.
        files: every file, local or remote, by path.
        card_diff: the changes of the card, as lines of a diff.
        overruled: the human sections that differ and keep the destination's text.
    """

    repository: Repository
    remote: RemoteRepository | None
    files: tuple[PlannedFile, ...]
    card_diff: tuple[str, ...] = ()
    overruled: tuple[str, ...] = ()

    def paths(self, *states: FileState) -> list[str]:
        """Return the paths of the files in one of the states."""
        return [file.path for file in self.files if file.state in states]

    @property
    def uploads(self) -> list[LocalFile]:
        """Return the files to send."""
        wanted = set(self.paths(FileState.NEW, FileState.CHANGED))
        return [file for file in self.repository.files if file.path in wanted]

    @property
    def deletions(self) -> list[str]:
        """Return the files to delete at the destination."""
        return self.paths(FileState.DELETED)

    @property
    def up_to_date(self) -> bool:
        """Return whether there is nothing to upload or delete."""
        return self.remote is not None and not self.uploads and not self.deletions


def plan_changes(
    repository: Repository,
    remote: RemoteRepository | None,
    read_card: Callable[[RemoteRepository], str],
    *,
    delete: bool = False,
) -> RepositoryPlan:
    """Compare a repository with its destination.

    Args:
        repository: the content to publish.
        remote: the present state of the destination.
        read_card: returns the destination's card; called only if the cards differ.
        delete: whether files that are only at the destination are deleted.

    Raises:
        InputError: the marks of human sections in a card are damaged.
    """
    there = dict(remote.files) if remote else {}
    diff: tuple[str, ...] = ()
    overruled: tuple[str, ...] = ()
    card = repository.card
    if remote and card and CARD in there and not there[CARD].equals(card):
        old, new = read_card(remote), card.read().decode()
        merged = keep_human_sections(new, old, f"{repository.name}/{CARD}")
        overruled = overruled_sections(new, old)
        diff = tuple(difflib.unified_diff(old.splitlines(), merged.splitlines(), "old", "new", lineterm=""))
        files = (LocalFile(CARD, merged.encode()) if file.path == CARD else file for file in repository.files)
        repository = replace(repository, files=tuple(files))
    planned = [_planned(file, there.get(file.path)) for file in repository.files]
    local = {file.path for file in repository.files}
    for path, file in there.items():
        if path not in local and path != ".gitattributes":
            state = FileState.DELETED if delete and path not in _NEVER_DELETED else FileState.KEPT
            planned.append(PlannedFile(path, file.size, state))
    return RepositoryPlan(repository, remote, tuple(sorted(planned, key=lambda file: file.path)), diff, overruled)


def differing(repository: Repository, remote: RemoteRepository, *, card: bool = True) -> list[str]:
    """Return the files that are missing or different at the destination; ``card`` includes the card."""
    return [
        file.path
        for file in repository.files
        if (card or file.path != CARD) and not (file.path in remote.files and remote.files[file.path].equals(file))
    ]


def _planned(file: LocalFile, remote: RemoteFile | None) -> PlannedFile:
    if remote is None:
        return PlannedFile(file.path, file.size, FileState.NEW)
    return PlannedFile(file.path, file.size, FileState.UNCHANGED if remote.equals(file) else FileState.CHANGED)
