"""Input files of a run: files, folders, globs and Hub datasets, resolved and checked before any work."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.file_formats import ENDINGS, READ, TO_A_FILE, Compression, Format, is_wanted, look, split_ending
from dataset_tools.io.remote_path import RemotePath, as_path
from dataset_tools.readers.hub_source import fetch, repository_of
from dataset_tools.readers.parts_manifest import data_among, part_files
from dataset_tools.readers.remote_sources import find_remote

__all__ = ["ENDINGS", "Compression", "DataFile", "Format", "find_files", "split_ending"]


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of rows.

    Attributes:
        path: the local or remote path.
        dataset: name of its source folder or Hub repository; otherwise its own name without endings.
        name: its name in records, relative to the given folder.
        format: the file format; "json" is one array, or objects over several lines.
        compression: the compression of the text.
        origin: its Hub address, ``hf://datasets/ORG/NAME[@REV]/path``; empty for other files.
    """

    path: Path
    dataset: str
    name: str
    format: Format
    compression: Compression
    origin: str = ""

    @property
    def place(self) -> str:
        """Return its unique name for users: its origin, or its path as given."""
        return self.origin or str(self.path)


def find_files(sources: Sequence[str]) -> list[DataFile]:
    """Return the data files of ``sources``, in the order of the sources and sorted within each.

    A source is a file, a folder or a glob, local or in a store that fsspec supports (``s3://bucket/raw/``), or
    ``hf://datasets/ORG/NAME[@REV][/path-or-glob]``.

    Raises:
        InputError: a source does not exist, has no data, or its content contradicts its name.
        UsageError: a file is given twice, or a source is empty text.
    """
    found: dict[Path, DataFile] = {}
    for source in sources:
        if not source:  # Path("") is the current folder
            raise UsageError("a file name is empty", hint="check for an unset variable of your shell")
        if source == "-":
            raise InputError("standard input is not read", hint=TO_A_FILE)
        repository = _repository(source)
        for path, dataset, name, key in _expand(source):
            if key in found:
                raise UsageError(f"{path} is given twice", hint="name each file once, directly or by its folder")
            origin = f"{repository}/{name}" if repository else ""
            found[key] = DataFile(path, dataset, name, *look(path), origin=origin)
    return list(found.values())


def _repository(source: str) -> str:
    if not source.startswith("hf://"):
        return ""
    return repository_of(source)


def _expand(source: str) -> Iterator[tuple[Path, str, str, Path]]:
    """Yield path, dataset, name and identity of each file of one source."""
    if source.startswith("hf://"):
        folder, dataset, fetched = fetch(source, ENDINGS)
        # Equal files share one inode in the Hub's cache, so the path is their identity.
        yield from ((path, dataset, path.relative_to(folder).as_posix(), path) for path in data_among(fetched))
        return
    path = as_path(source)
    if isinstance(path, RemotePath):
        yield from ((file, dataset, name, file) for file, dataset, name in find_remote(path))
        return
    try:
        if path.is_dir():
            dataset = path.resolve().name
            files = _walk(path)
            yield from ((file, dataset, file.relative_to(path).as_posix(), file.resolve()) for file in files)
            return
        if path.exists():
            yield path, split_ending(path.name)[0], path.name, path.resolve()
            return
    except PermissionError as error:
        raise InputError("no permission to read it", where=source, hint="check permissions of its folder") from error
    base = Path(*_fixed(path))
    # Not Path.glob, which does not accept absolute patterns.
    matches = sorted(Path(match) for match in glob.glob(source, recursive=True) if Path(match).is_file())  # noqa: PTH207
    if not matches:
        what = "no file matches" if glob.has_magic(source) else "there is no such file or folder"
        raise InputError(what, where=source, hint="" if path.is_absolute() else f"looked in {Path.cwd()}")
    for file in data_among(matches) or matches:
        yield file, split_ending(file.name)[0], file.relative_to(base).as_posix(), file.resolve()


def _fixed(path: Path) -> Iterator[str]:
    for part in path.parts:
        if glob.has_magic(part):
            return
        yield part


def _walk(folder: Path) -> list[Path]:
    """Return the data files below a folder, without hidden and unfinished files; the parts of a partitioned folder.

    A folder is read once even with several links to it, so cyclic links are safe.
    """

    def refuse(error: OSError) -> None:
        raise InputError(error.strerror or str(error), where=str(error.filename)) from error

    found: list[Path] = []
    seen: set[Path] = set()
    roots = [folder]
    while roots:
        links = []  # after real folders, whose names are preferred
        for current, folders, names in chain.from_iterable(os.walk(root, onerror=refuse) for root in roots):
            real = Path(current).resolve()
            parts = [] if real in seen else part_files(Path(current))
            seen.add(real)
            if parts is not None:
                found.extend(parts)
                folders.clear()
                continue
            folders[:] = [name for name in folders if not name.startswith(".")]
            links += [path for name in folders if (path := Path(current, name)).is_symlink()]
            found.extend(Path(current, name) for name in names if is_wanted(name))
        roots = sorted(links)
    if not found:
        raise InputError("no data in this folder", where=str(folder), hint=READ)
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())
