"""Input files of a run: named files, folders, globs and Hub datasets, and changes of these files during the run."""

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from pathlib import Path

from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.file_formats import (
    ENDINGS,
    READ,
    TO_A_FILE,
    Compression,
    Format,
    detect_format,
    is_wanted,
    split_ending,
)
from dataset_tools.io.remote_path import RemotePath, as_path, unreadable
from dataset_tools.readers.parts_manifest import data_among, part_files
from dataset_tools.readers.remote_sources import fetch, find_remote, repository_of

__all__ = ["DataFile", "Stamps", "find_files"]


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


class Stamps:
    """Size and modification time of files when a run begins, to detect later changes.

    Args:
        paths: the files; None for an optional file that was not given.
        earlier: stamps of further files.

    Attributes:
        found: size and modification time of each file; None if it does not exist.
        paths: the files.
        sizes: the size of each file in bytes; 0 if it does not exist.

    Raises:
        InputError: a file exists, and its status cannot be read.
    """

    def __init__(self, paths: Iterable[Path | None] = (), earlier: "Stamps | None" = None) -> None:
        self.found: dict[Path, tuple[int, int] | None] = dict(earlier.found) if earlier else {}
        self.found |= {path: _stamp(path) for path in paths if path is not None and path not in self.found}
        self.paths = list(self.found)
        self.sizes = {path: found[0] if found else 0 for path, found in self.found.items()}

    def require_unchanged(self) -> None:
        """Check that no file has changed.

        Raises:
            InputError: a file has changed or was removed.
        """
        for path, before in self.found.items():
            if _stamp(path) != before:
                what = "the input changed while it was read"
                raise InputError(what, where=str(path), hint="run again when no other program writes to it")


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
        repository = repository_of(source) if source.startswith("hf://") else ""
        for path, dataset, name, key in _expand(source):
            if key in found:
                raise UsageError(f"{path} is given twice", hint="name each file once, directly or by its folder")
            origin = f"{repository}/{name}" if repository else ""
            found[key] = DataFile(path, dataset, name, *detect_format(path), origin=origin)
    return list(found.values())


def _expand(source: str) -> list[tuple[Path, str, str, Path]]:
    """Return path, dataset, name and identity of each file of one source."""
    if source.startswith("hf://"):
        folder, dataset, fetched = fetch(source, ENDINGS)
        # Equal files share one inode in the Hub's cache, so the path is their identity.
        return [(path, dataset, path.relative_to(folder).as_posix(), path) for path in data_among(fetched)]
    path = as_path(source)
    if isinstance(path, RemotePath):
        return [(file, dataset, name, file) for file, dataset, name in find_remote(path)]
    try:
        if path.is_dir():
            dataset = path.resolve().name
            return [(file, dataset, file.relative_to(path).as_posix(), file.resolve()) for file in _walk(path)]
        if path.exists():
            return [(path, split_ending(path.name)[0], path.name, path.resolve())]
    except PermissionError as error:
        raise InputError("no permission to read it", where=source, hint="check permissions of its folder") from error
    base = Path(*takewhile(lambda part: not glob.has_magic(part), path.parts))
    # Not Path.glob, which does not accept absolute patterns.
    matches = sorted(Path(match) for match in glob.glob(source, recursive=True) if Path(match).is_file())  # noqa: PTH207
    if not matches:
        what = "no file matches" if glob.has_magic(source) else "there is no such file or folder"
        raise InputError(what, where=source, hint="" if path.is_absolute() else f"looked in {Path.cwd()}")
    files = data_among(matches) or matches
    return [(file, split_ending(file.name)[0], file.relative_to(base).as_posix(), file.resolve()) for file in files]


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


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(error, path) from error
    return found.st_size, found.st_mtime_ns
