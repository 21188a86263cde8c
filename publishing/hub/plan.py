"""What publishing would do, file by file, found by comparing checksums; nothing is sent here.

A plan is made for a place, the Hub or a folder, which tells what stands there as a :class:`Standing`.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from publishing.cards.human_sections import keep_human_sections, overruled_sections
from publishing.release.repositories import CARD, LocalFile, Repository

__all__ = ["Change", "FileChange", "RepositoryPlan", "Standing", "StandingFile", "compare", "differing"]

_KEPT = (".gitattributes", CARD)  # never deleted: the Hub's own file, and the card


class Change(StrEnum):
    """What happens to a file."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    KEPT = "only there"


@dataclass(frozen=True, slots=True)
class StandingFile:
    """A file that stands at a place: its size, and the checksum that the place tells, of one kind or the other."""

    size: int
    git_oid: str
    sha256: str = ""

    def holds(self, file: LocalFile) -> bool:
        """Whether its content is the local file's."""
        if self.size != file.size:
            return False
        return self.sha256 == file.sha256 if self.sha256 else self.git_oid == file.git_oid


@dataclass(frozen=True, slots=True)
class Standing:
    """A repository as it stands at a place.

    Attributes:
        commit: its newest commit; empty for a folder.
        files: its files by path.
        private: whether only its owners see it.
        tags: the commits of its tags.
    """

    commit: str
    files: Mapping[str, StandingFile]
    private: bool = False
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file and what happens to it."""

    path: str
    size: int
    change: Change


@dataclass(frozen=True, slots=True)
class RepositoryPlan:
    """What would happen to one repository.

    Attributes:
        repository: what is to stand there; its card already holds what people wrote in the one that stands there.
        standing: what stands there now; None if there is no such repository.
        changes: every file, local or there, by path.
        card_diff: how the card changes, as lines of a diff.
        overruled: the sections of the card that say something else there, and stay as they are there.
    """

    repository: Repository
    standing: Standing | None
    changes: tuple[FileChange, ...]
    card_diff: tuple[str, ...] = ()
    overruled: tuple[str, ...] = ()

    def paths(self, *kinds: Change) -> list[str]:
        """The files that one of these things happens to."""
        return [item.path for item in self.changes if item.change in kinds]

    @property
    def uploads(self) -> list[LocalFile]:
        """The files to send."""
        wanted = set(self.paths(Change.NEW, Change.CHANGED))
        return [file for file in self.repository.files if file.path in wanted]

    @property
    def deletions(self) -> list[str]:
        """The files to delete there."""
        return self.paths(Change.DELETED)

    @property
    def current(self) -> bool:
        """Whether all of it stands there already."""
        return self.standing is not None and not self.uploads and not self.deletions


def compare(
    repository: Repository,
    standing: Standing | None,
    read_card: Callable[[Standing], str],
    *,
    delete: bool = False,
) -> RepositoryPlan:
    """Compare a repository with what stands at a place.

    Args:
        repository: what is to stand there.
        standing: what stands there.
        read_card: gives the text of the card that stands there; called only where the cards differ.
        delete: whether what is not in ``repository`` is deleted there.

    Raises:
        InputError: the marks of human sections in a card are damaged.
    """
    there = dict(standing.files) if standing else {}
    diff: tuple[str, ...] = ()
    overruled: tuple[str, ...] = ()
    card = repository.card
    if standing and card and CARD in there and not there[CARD].holds(card):
        old, new = read_card(standing), card.read().decode()
        merged = keep_human_sections(new, old, f"{repository.name}/{CARD}")
        overruled = overruled_sections(new, old)
        diff = tuple(difflib.unified_diff(old.splitlines(), merged.splitlines(), "there", "new", lineterm=""))
        files = (LocalFile(CARD, merged.encode()) if file.path == CARD else file for file in repository.files)
        repository = replace(repository, files=tuple(files))
    changes = [_local(file, there.get(file.path)) for file in repository.files]
    local = {file.path for file in repository.files}
    for path, file in there.items():
        if path not in local and path != ".gitattributes":
            change = Change.DELETED if delete and path not in _KEPT else Change.KEPT
            changes.append(FileChange(path, file.size, change))
    return RepositoryPlan(repository, standing, tuple(sorted(changes, key=lambda item: item.path)), diff, overruled)


def differing(repository: Repository, standing: Standing, *, card: bool = True) -> list[str]:
    """The files of a repository that do not stand at a place as they are here; with or without a look at the card."""
    return [
        file.path
        for file in repository.files
        if (card or file.path != CARD) and not (file.path in standing.files and standing.files[file.path].holds(file))
    ]


def _local(file: LocalFile, there: StandingFile | None) -> FileChange:
    if there is None:
        return FileChange(file.path, file.size, Change.NEW)
    return FileChange(file.path, file.size, Change.UNCHANGED if there.holds(file) else Change.CHANGED)
