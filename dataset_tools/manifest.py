"""``manifest.json``: what a folder of parts says of itself, and how readers know its data from all else in it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError

__all__ = ["FORMAT", "MANIFEST", "WORK", "data_among", "part_files", "read_manifest"]

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
        raise InputError(error.strerror or str(error), where=str(folder / MANIFEST)) from error
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("format") == FORMAT else None


def part_files(folder: Path) -> list[Path] | None:
    """The data of a folder of parts; None if the folder is none.

    Raises:
        InputError: it is unfinished, or a part is not as large as the manifest says.
    """
    parts = _parts(folder)
    if parts is None:
        return None
    for part in parts:
        path = folder / part["name"]
        if not path.is_file():
            raise InputError(f"a part that {MANIFEST} names is missing", where=str(path), hint="copy it again")
        if path.stat().st_size != part["bytes"]:
            what = f"{path.stat().st_size:,} bytes, but {part['bytes']:,} when it was written"
            raise InputError(what, where=str(path), hint="copy it again")
    return [folder / part["name"] for part in parts]


def data_among(paths: Iterable[Path]) -> list[Path]:
    """``paths`` without what lies beside the parts in folders of parts: manifest and rejects are no data.

    Raises:
        InputError: one of the folders is unfinished.
    """
    paths = list(paths)
    parts = {folder: _parts(folder) for folder in dict.fromkeys(path.parent for path in paths)}
    names = {folder: None if listed is None else {part["name"] for part in listed} for folder, listed in parts.items()}
    return [path for path in paths if (known := names[path.parent]) is None or path.name in known]


def _parts(folder: Path) -> list[dict[str, Any]] | None:
    manifest = read_manifest(folder)
    if manifest is not None:
        return list(manifest["parts"])
    if (folder / WORK).is_dir():
        hint = "the same command with --resume finishes it"
        raise InputError("the run that writes this folder has not finished", where=str(folder), hint=hint)
    return None
