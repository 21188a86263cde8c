"""Fatal rows of the first pass, kept for a resumed run.

Whether a row is fatal may depend on the machine: on how much memory there is, on how busy it is. What is decided about
other rows depends on it, so the rows that were fatal when a folder of parts was begun stay fatal until it is whole.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from dataset_tools.dedup.keys import Keys
from dataset_tools.errors import InputError, RowError
from dataset_tools.io.atomic_file import fail, write_file
from dataset_tools.io.jsonl import dump_line
from dataset_tools.pipeline.row_decisions import Decision
from dataset_tools.readers.parts_manifest import WORK, markers_in
from dataset_tools.readers.row_reader import POISON

__all__ = ["read_as_before"]

_FATAL = "fatal.json"


def read_as_before(folder: Path, read: Callable[[Sequence[Decision]], Keys]) -> Keys:
    """The keys of all rows, of which those are left unread that were fatal before; for a folder that is unfinished.

    Args:
        folder: the folder of parts.
        read: reads the keys, but for the rows that it is given.

    Raises:
        InputError: a row is fatal that was not, and parts were written by what was decided without it.
        OutputError: what was found before cannot be read, or what is found now cannot be kept.
    """
    path = folder / WORK / _FATAL
    try:
        parts = bool(markers_in(path.parent))
        known = _load(path) if parts else []
    except OSError as error:
        fail(error, folder, 0)
    keys = read(known)
    if not parts:
        write_file(path, dump_line([[row.file, row.line, row.reason] for row in keys.poison]))
        return keys
    before = {(row.file, row.line) for row in known}
    for row in keys.poison:
        if (row.file, row.line) not in before:
            what = f"cannot be resumed: the row could be read when the folder was begun; now {row.reason}"
            hint = f"give it as much memory and time as then, or remove {folder} to begin again"
            raise InputError(what, where=f"{row.file}:{row.line}", hint=hint)
    return keys


def _load(path: Path) -> list[Decision]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    return [Decision(file, line, RowError(POISON, what)) for file, line, what in found]
