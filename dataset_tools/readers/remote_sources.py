"""Data files of a path in a store, named like local ones, and of Hub datasets: ``hf://datasets/ORG/NAME[@REV][/path]``."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.file_formats import READ, is_wanted, split_ending
from dataset_tools.io.hub_download import download
from dataset_tools.io.remote_path import RemotePath, unreadable
from dataset_tools.readers.parts_manifest import MANIFEST, WORK, data_among, part_files

__all__ = ["HubFiles", "fetch", "find_remote", "repository_of"]

_MAGIC = frozenset("*[")  # not the question mark, which starts the query of an address

# Revisions whose names contain slashes; others write %2F.
_SPECIAL = r"refs/convert/\w+|refs/pr/\d+"
_SOURCE = re.compile(
    rf"hf://datasets/(?P<repo>[^/@]+/[^/@]+)(@(?P<revision>{_SPECIAL}|[^/]+))?(/(?P<path>.*))?",
)


def find_remote(place: RemotePath) -> list[tuple[RemotePath, str, str]]:
    """Return each data file of a path, with the name of its dataset and its own name.

    Raises:
        InputError: there are none, or the store cannot be read.
        UsageError: the package for this store is not installed.
    """
    try:
        return list(_find(place))
    except OSError as error:
        raise unreadable(error, place) from error


def _find(place: RemotePath) -> Iterator[tuple[RemotePath, str, str]]:
    if _MAGIC & set(str(place)):
        base = place
        while _MAGIC & set(str(base)):
            base = base.parent
        matches = [RemotePath(path) for path in data_among(place.matches())] or place.matches()
        if not matches:
            raise InputError("no file matches", where=str(place))
        for file in matches:
            yield file, split_ending(file.name)[0], file.relative_to(base).as_posix()
    elif place.is_dir():
        for file in _walk(place):
            yield file, place.name, file.relative_to(place).as_posix()
    elif place.exists():
        yield place, split_ending(place.name)[0], place.name
    else:
        raise InputError("there is no such file or folder", where=str(place))


def _walk(folder: RemotePath) -> list[RemotePath]:
    """Return the data files below a folder, without hidden and unfinished ones; of a partitioned one, the parts."""
    files = folder.files()
    within = {path.parent for path in files if path.name == MANIFEST}
    within |= {above.parent for path in files for above in path.parents if above.name == WORK}
    parts = {above: listed for above in within if (listed := part_files(above)) is not None}
    found = [RemotePath(path) for listed in parts.values() for path in listed]
    for path in files:
        above = path.relative_to(folder).parts[:-1]
        hidden = any(name.startswith(".") for name in above)
        if is_wanted(path.name) and not hidden and not any(other in parts for other in path.parents):
            found.append(path)
    if not found:
        raise InputError("no data in this folder", where=str(folder), hint=READ)
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


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
