"""Repositories of a release: their names and files.

A release is a folder with up to three parts and ``release.json``, which every model repository gets::

    RELEASE/adapter/   ->  ORG/NAME-lora
    RELEASE/merged/    ->  ORG/NAME
    RELEASE/gguf/      ->  ORG/NAME-GGUF
    a dataset's folder ->  datasets/ORG/NAME-data
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dataset_tools.errors import InputError, UsageError
from publishing.release.local_files import LocalFile, files_and_links
from publishing.release.manifest import MANIFEST, Release

__all__ = ["CARD", "SUFFIXES", "Repository", "check_name", "quant_of", "repositories"]

CARD = "README.md"
"""The file name of a card."""

SUFFIXES = {"merged": "", "adapter": "-lora", "gguf": "-GGUF"}
_DATASET_SUFFIX = "-data"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_QUANT = re.compile(r"(?:I?Q\d\w*|BF16|F16|F32)(?=\.gguf$)", re.IGNORECASE)
_LONGEST = 96  # characters of ORG/NAME, the Hub's limit


@dataclass(frozen=True, slots=True)
class Repository:
    """The content of one repository.

    Attributes:
        name: ``ORG/NAME`` with the suffix of its part.
        kind: a model or a dataset.
        part: ``adapter``, ``merged``, ``gguf`` or ``dataset``.
        folder: the folder of its files.
        files: its files, by path.
    """

    name: str
    kind: Literal["model", "dataset"]
    part: str
    folder: Path
    files: tuple[LocalFile, ...]

    @property
    def card(self) -> LocalFile | None:
        """The card, if there is one."""
        return next((file for file in self.files if file.path == CARD), None)


def repositories(release: Release, name: str, dataset: Path | None = None) -> list[Repository]:
    """Return the repositories of a release, the merged model first.

    Args:
        release: the release.
        name: ``ORG/NAME``, to which the suffixes are added.
        dataset: a folder to publish as a dataset.

    Raises:
        InputError: there is nothing to publish.
        UsageError: a name is not valid on the Hub.
    """
    found = []
    for part, suffix in SUFFIXES.items():
        folder = release.path / part
        files = _files(folder) if folder.is_dir() else []
        if any(file.path == MANIFEST for file in files):
            hint = "remove it: the release's own goes there"
            raise InputError(f"the part has a {MANIFEST}", where=str(folder), hint=hint)
        if files:
            files = sorted([*files, LocalFile(MANIFEST, release.path / MANIFEST)], key=lambda file: file.path)
            found.append(Repository(check_name(name + suffix), "model", part, folder, tuple(files)))
    if not found:
        parts = ", ".join(f"{part}/" for part in SUFFIXES)
        raise InputError(f"nothing to publish: none of {parts} exists", where=str(release.path))
    if dataset is not None:
        files = _files(dataset) if dataset.is_dir() else []
        if not files:
            raise InputError("not a folder with files", where=str(dataset), hint="name the folder of a dataset")
        found.append(Repository(check_name(name + _DATASET_SUFFIX), "dataset", "dataset", dataset, tuple(files)))
    return found


def check_name(name: str) -> str:
    """Return ``name`` if it is valid for a repository.

    Raises:
        UsageError: it is not.
    """
    parts = name.split("/")
    wrong = ""
    if len(parts) != 2:  # noqa: PLR2004 - the owner and the name
        wrong = "it is not of the form ORG/NAME"
    elif len(name) > _LONGEST:
        wrong = f"it has more than {_LONGEST} characters"
    elif not all(_NAME.fullmatch(part) for part in parts):
        wrong = "use letters, digits, '-', '_' and '.', with a letter or digit first"
    elif "--" in name or ".." in name or name[-1] in "-." or name.endswith(".git"):
        wrong = "'--', '..', and '.git', '-' or '.' at the end are not allowed"
    if wrong:
        raise UsageError(f"{name!r} is not a valid repository name: {wrong}", hint="for example ORG/NAME")
    return name


def quant_of(name: str) -> str:
    """Return the quantization type in the name of a GGUF file, as the Hub reads it; empty if there is none."""
    found = _QUANT.search(name)
    return found[0].upper() if found else ""


def _files(folder: Path) -> list[LocalFile]:
    found = (LocalFile(path.relative_to(folder).as_posix(), path) for path in files_and_links(folder) if path.is_file())
    return sorted(found, key=lambda file: file.path)
