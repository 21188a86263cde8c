"""Fatal rows of the first pass, stored for a resumed run.

A row may be fatal only because of little memory or a busy machine. Decisions about other rows depend on it, so rows
that were fatal in the first run of a folder of parts stay fatal until the folder is complete.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from dataset_tools.dedup.keys import Keys
from dataset_tools.errors import InputError, RowError
from dataset_tools.io.json_text import dump_line
from dataset_tools.io.output_paths import fail
from dataset_tools.io.writer import write_file
from dataset_tools.pipeline.row_decisions import Decision
from dataset_tools.readers.parts_manifest import WORK, markers_in
from dataset_tools.readers.row_reader import POISON

__all__ = ["read_as_before"]

_FATAL = "fatal.json"


def read_as_before(folder: Path, read: Callable[[Sequence[Decision]], Keys]) -> Keys:
    """Return the keys of all rows, without the rows that were fatal in an earlier run of an unfinished folder.

    Args:
        folder: the folder of parts.
        read: reads the keys of all rows except the given ones.

    Raises:
        InputError: a row is newly fatal, and parts were written from decisions that include it.
        OutputError: the list of fatal rows cannot be read or written.
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
            what = f"cannot be resumed: the row was readable in the first run; now {row.reason}"
            hint = f"give the run as much memory and time as the first one, or remove {folder} to start again"
            raise InputError(what, where=f"{row.file}:{row.line}", hint=hint)
    return keys


def _load(path: Path) -> list[Decision]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    return [Decision(file, line, RowError(POISON, what)) for file, line, what in found]
