"""``manifest.json``: what a folder of parts says of itself, and how readers know its data from all else in it."""

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
"""What the field ``format`` of our manifests says; another ``manifest.json`` is somebody's data."""

WORK = ".unfinished"
"""The folder, inside of that of the parts, which is there as long as parts are missing."""


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a whole folder of parts; None if there is none that is ours.

    Raises:
        InputError: it cannot be read.
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
    """The markers of the parts that are done, in the folder of an unfinished run.

    Not by a glob, for which a folder that cannot be read is empty.

    Raises:
        OSError: it cannot be read.
    """
    return [path for path in work.iterdir() if fnmatchcase(path.name, "[0-9]*.json")]


def part_files(folder: Path) -> list[Path] | None:
    """The data of a folder of parts; None if the folder is none.

    Raises:
        InputError: it is unfinished, or a part is not as large as the manifest says.
    """
    parts = _parts(folder)
    if parts is None:
        return None
    return [_whole(folder / name, size) for name, size in parts.items()]


def data_among(paths: Iterable[Path]) -> list[Path]:
    """``paths`` without what lies beside the parts in folders of parts: manifest and rejects are no data.

    Where a folder's manifest is among ``paths``, the whole folder is meant, and no part of it may be missing.

    Raises:
        InputError: one of the folders is unfinished, or a part is not as large as the manifest says.
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
    """A part, if it has its size.

    Raises:
        InputError: it has not.
    """
    try:
        now = path.stat().st_size
    except FileNotFoundError as error:
        what = f"a part that {MANIFEST} names is missing"
        raise InputError(what, where=str(path), hint="copy it again") from error
    except OSError as error:
        raise unreadable(error, path) from error
    if now != size:
        what = f"{now:,} bytes, but {size:,} when it was written"
        raise InputError(what, where=str(path), hint="copy it again")
    return path


def _parts(folder: Path) -> dict[str, int] | None:
    """Name and size of each part."""
    manifest = read_manifest(folder)
    if manifest is not None:
        return {part["name"]: part["bytes"] for part in manifest["parts"]}
    if (folder / WORK).is_dir():
        hint = "the same command with --resume finishes it"
        raise InputError("the run that writes this folder has not finished", where=str(folder), hint=hint)
    return None
