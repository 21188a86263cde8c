"""Data files of Hub datasets: ``hf://datasets/ORG/NAME[@REV][/path-or-glob]``."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.hub_download import download

__all__ = ["HubFiles", "fetch", "repository_of"]

# Revisions whose names contain slashes; others write %2F.
_SPECIAL = r"refs/convert/\w+|refs/pr/\d+"
_SOURCE = re.compile(
    rf"hf://datasets/(?P<repo>[^/@]+/[^/@]+)(@(?P<revision>{_SPECIAL}|[^/]+))?(/(?P<path>.*))?",
)


class HubFiles(NamedTuple):
    """Downloaded files: the folder with the repository's layout, the repository's name, and the data files."""

    folder: Path
    dataset: str
    files: tuple[Path, ...]


@lru_cache(maxsize=32)
def fetch(source: str, endings: tuple[str, ...]) -> HubFiles:
    """Download the data files of ``source`` into the cache of huggingface_hub, once per run.

    Raises:
        InputError: the dataset, revision or file does not exist or is not accessible, or the Hub cannot be reached.
        UsageError: ``source`` has another form.
    """
    match = _parse(source)
    repo, path = match["repo"], (match["path"] or "").strip("/")
    revision = match["revision"].replace("%2F", "/") if match["revision"] else None
    patterns = _patterns(path, endings)
    folder = download(source, repo, "dataset", revision, patterns)
    found = sorted(file for file in folder.rglob("*") if file.is_file() and _wanted(file, folder, patterns, endings))
    if not found:
        looked = f"nothing matches {path!r}" if path else "the dataset has no data files"
        raise InputError(looked, where=source, hint=f"readable files end in {', '.join(endings)}")
    return HubFiles(folder, repo.split("/")[1], tuple(found))


def repository_of(source: str) -> str:
    """Return ``source`` without the path: ``hf://datasets/ORG/NAME[@REV]``.

    Raises:
        UsageError: ``source`` has another form.
    """
    match = _parse(source)
    return source[: match.start("path") - 1] if match["path"] is not None else source


def _parse(source: str) -> re.Match[str]:
    match = _SOURCE.fullmatch(source)
    if not match:
        raise UsageError(
            f"{source!r} is not a dataset on the Hub", hint="use hf://datasets/ORG/NAME[@REV][/path-or-glob]"
        )
    return match


def _patterns(path: str, endings: Sequence[str]) -> list[str]:
    if any(character in path for character in "*?[") or path.endswith(tuple(endings)):
        return [path]
    return [f"{path}/*{ending}" if path else f"*{ending}" for ending in endings]


def _wanted(file: Path, folder: Path, patterns: list[str], endings: Sequence[str]) -> bool:
    name = file.relative_to(folder).as_posix()
    hidden = any(part.startswith(".") for part in name.split("/"))
    return not hidden and name.endswith(tuple(endings)) and any(fnmatchcase(name, pattern) for pattern in patterns)
