"""``manifest.json`` of a partitioned output directory, and the data files it lists."""

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError
from dataset_tools.io.remote_path import unreadable

__all__ = ["FORMAT", "MANIFEST", "WORK", "data_among", "markers_in", "part_files", "read_manifest"]

MANIFEST = "manifest.json"
FORMAT = "arabic-functiongemma parts"
"""The field ``format`` of our manifests; any other ``manifest.json`` is data."""

WORK = ".unfinished"
"""The subfolder that exists while parts are missing."""


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a complete directory; None if it has none of ours.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        content = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unreadable(error, folder / MANIFEST) from error
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("format") == FORMAT else None


def markers_in(work: Path) -> list[Path]:
    """Return the markers of finished parts in the work folder of an unfinished run.

    Not by glob, which reports a folder that cannot be read as empty.

    Raises:
        OSError: the folder cannot be read.
    """
    return [path for path in work.iterdir() if fnmatchcase(path.name, "[0-9]*.json")]


def part_files(folder: Path) -> list[Path] | None:
    """Return the data files of a partitioned directory; None for any other folder.

    Raises:
        InputError: the directory is unfinished, or the size of a part differs from the manifest.
    """
    parts = _parts(folder)
    if parts is None:
        return None
    return [_whole(folder / name, size) for name, size in parts.items()]


def data_among(paths: Iterable[Path]) -> list[Path]:
    """Return ``paths`` without the manifests and rejects of partitioned directories.

    If the manifest is among ``paths``, the whole directory is meant, and none of its parts may be missing.

    Raises:
        InputError: a directory is unfinished, or the size of a part differs from its manifest.
    """
    paths = list(paths)
    parts = {folder: _parts(folder) for folder in dict.fromkeys(path.parent for path in paths)}
    found = []
    for path in paths:
        known = parts[path.parent]
        if known is None:
            found.append(path)
        elif path.name in known:
            found.append(_whole(path, known[path.name]))
        elif path.name == MANIFEST:
            part_files(path.parent)
    return found


def _whole(path: Path, size: int) -> Path:
    """Return a part after checking its size."""
    try:
        now = path.stat().st_size
    except FileNotFoundError as error:
        what = f"this part of {MANIFEST} is missing"
        raise InputError(what, where=str(path), hint="copy it again") from error
    except OSError as error:
        raise unreadable(error, path) from error
    if now != size:
        what = f"{now:,} bytes, but {size:,} according to {MANIFEST}"
        raise InputError(what, where=str(path), hint="copy it again")
    return path


def _parts(folder: Path) -> dict[str, int] | None:
    """Return name and size of each part."""
    manifest = read_manifest(folder)
    if manifest is not None:
        return {part["name"]: part["bytes"] for part in manifest["parts"]}
    if (folder / WORK).is_dir():
        hint = "finish it with the same command and --resume"
        raise InputError("the run that writes this folder is not finished", where=str(folder), hint=hint)
    return None
