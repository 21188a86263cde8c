"""Data files of a path in a store: a file, a folder or a glob, with the same names as local ones."""

from collections.abc import Iterator

from dataset_tools.errors import InputError
from dataset_tools.io.file_formats import READ, is_wanted, split_ending
from dataset_tools.io.remote_path import RemotePath, unreadable
from dataset_tools.readers.parts_manifest import MANIFEST, WORK, data_among, part_files

__all__ = ["find_remote"]

_MAGIC = frozenset("*[")  # not the question mark, which starts the query of an address


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
