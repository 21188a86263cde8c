"""Which repositories a release becomes, under which names and with which files.

A release is a folder with up to three parts and ``release.json``, which goes into every repository::

    RELEASE/adapter/  ->  ORG/NAME-lora
    RELEASE/merged/   ->  ORG/NAME
    RELEASE/gguf/     ->  ORG/NAME-GGUF
    a dataset's folder -> datasets/ORG/NAME-data
"""

import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Literal, TypeAlias

from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.checksums import git_oid, sha256
from publishing.release.background import in_background
from publishing.release.manifest import MANIFEST, Release

__all__ = [
    "CARD",
    "SUFFIXES",
    "Kind",
    "LocalFile",
    "Repository",
    "check_name",
    "entries",
    "hash_soon",
    "quant_of",
    "repositories",
]

Kind: TypeAlias = Literal["model", "dataset"]

CARD = "README.md"
"""The model card's file name."""

SUFFIXES = {"merged": "", "adapter": "-lora", "gguf": "-GGUF"}
_DATASET_SUFFIX = "-data"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_QUANT = re.compile(r"(?:I?Q\d\w*|BF16|F16|F32)(?=\.gguf$)", re.IGNORECASE)
_LONGEST = 96  # letters of ORG/NAME, the Hub's limit


@dataclass(frozen=True)
class LocalFile:
    """A file to publish: its path in the repository, and where its content is: on disk, or in memory for a card."""

    path: str
    source: Path | bytes
    _coming: list[Future[str]] = field(default_factory=list, init=False, repr=False, compare=False)

    @cached_property
    def size(self) -> int:
        """Bytes."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the content, read once."""
        return self._coming[0].result() if self._coming else sha256(self.source)

    @cached_property
    def git_oid(self) -> str:
        """Git's name of the content, read once."""
        return git_oid(self.source)

    def read(self) -> bytes:
        """The content; for small files."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()


@dataclass(frozen=True, slots=True)
class Repository:
    """What is to stand in one repository.

    Attributes:
        name: ``ORG/NAME`` with the suffix of its part.
        kind: a model or a dataset.
        part: the part of the release that it is: ``adapter``, ``merged``, ``gguf`` or ``dataset``.
        folder: where its files are.
        files: its files, by path.
    """

    name: str
    kind: Kind
    part: str
    folder: Path
    files: tuple[LocalFile, ...]

    @property
    def card(self) -> LocalFile | None:
        """The model card, if one was written."""
        return next((file for file in self.files if file.path == CARD), None)


def repositories(release: Release, name: str, dataset: Path | None = None) -> list[Repository]:
    """The repositories that a release becomes, the merged model first.

    Args:
        release: the release.
        name: ``ORG/NAME``, which the suffixes are added to.
        dataset: a folder that becomes a dataset.

    Raises:
        InputError: there is nothing to publish.
        UsageError: a name is none that a Hub takes.
    """
    found = []
    manifest = LocalFile(MANIFEST, release.path / MANIFEST)
    for part, suffix in SUFFIXES.items():
        folder = release.path / part
        files = _files(folder) if folder.is_dir() else ()
        if any(file.path == MANIFEST for file in files):
            raise InputError(
                f"it holds a {MANIFEST} of its own", where=str(folder), hint="remove it: the release's goes there"
            )
        if files:
            whole = (*files, manifest)
            found.append(Repository(check_name(name + suffix), "model", part, folder, tuple(sorted(whole, key=_path))))
    if not found:
        parts = ", ".join(f"{part}/" for part in SUFFIXES)
        raise InputError(f"nothing to publish: none of {parts} is there", where=str(release.path))
    if dataset is not None:
        files = _files(dataset) if dataset.is_dir() else ()
        if not files:
            raise InputError("it is no folder with files", where=str(dataset), hint="name a dataset's folder")
        found.append(Repository(check_name(name + _DATASET_SUFFIX), "dataset", "dataset", dataset, files))
    return found


def hash_soon(files: Iterable[LocalFile]) -> None:
    """Start to take the checksums of files that are not taken yet; whoever asks for one waits for it.

    Args:
        files: the files; the large ones are begun first, so that no core is left with one at the end.
    """
    new = sorted((file for file in files if not file._coming), key=lambda file: -file.size)  # noqa: SLF001 - its own
    threads = os.cpu_count() or 1
    for file, future in zip(new, in_background([partial(sha256, file.source) for file in new], threads), strict=True):
        file._coming.append(future)  # noqa: SLF001


def check_name(name: str) -> str:
    """``name`` itself, if it can be a repository's.

    Raises:
        UsageError: it cannot.
    """
    parts = name.split("/")
    wrong = ""
    if len(parts) != 2:  # noqa: PLR2004 - the owner and the name
        wrong = "it is not of the form ORG/NAME"
    elif len(name) > _LONGEST:
        wrong = f"it has more than {_LONGEST} letters"
    elif not all(_NAME.fullmatch(part) for part in parts):
        wrong = "only letters, digits, '-', '_' and '.' may stand in it, and a letter or digit first"
    elif "--" in name or ".." in name or name[-1] in "-." or name.endswith(".git"):
        wrong = "'--', '..', '.git' and '-' or '.' at the end are not allowed in it"
    if wrong:
        raise UsageError(f"{name!r} can be no repository: {wrong}", hint="--hub ORG/NAME")
    return name


def quant_of(name: str) -> str:
    """The type that a GGUF file's name tells, as the Hub reads it; nothing if it tells none."""
    found = _QUANT.search(name)
    return found[0].upper() if found else ""


def entries(folder: Path) -> Iterator[Path]:
    """Everything in a folder and below that is no real folder: files, links (not followed), and what else there is."""
    for parent, folders, files in os.walk(folder):
        folders.sort()
        links = [name for name in folders if Path(parent, name).is_symlink()]
        yield from (Path(parent, name) for name in sorted([*files, *links]))


def _files(folder: Path) -> tuple[LocalFile, ...]:
    found = (LocalFile(path.relative_to(folder).as_posix(), path) for path in entries(folder) if path.is_file())
    return tuple(sorted(found, key=_path))


def _path(file: LocalFile) -> str:
    return file.path
