"""Sealed checkpoints: a complete checkpoint has a file with the hashes of its other files.

A run that is killed while it saves leaves a folder without that file, which is ignored. A sealed checkpoint whose files
have changed is damaged, and the one before it is used.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dataset_tools.errors import InputError
from dataset_tools.io.checksums import sha256
from dataset_tools.io.json_text import dump_line, read_object
from dataset_tools.io.output_paths import sync_folder
from dataset_tools.io.writer import AtomicFile

__all__ = ["SEAL", "Checkpoint", "last_good", "remove_stale", "seal"]

SEAL = "complete.json"
_PREFIX = "checkpoint-"
# The trainer's pickled arguments, which follow from the recipe, and an empty model card.
_UNWANTED = ("training_args.bin", "README.md")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint folder of the trainer and the step after which it was saved."""

    folder: Path
    step: int


def seal(folder: Path) -> None:
    """Mark a checkpoint as complete.

    Raises:
        OutputError: the seal cannot be written.
    """
    for name in _UNWANTED:
        (folder / name).unlink(missing_ok=True)
    hashes = {}
    for path in sorted(folder.iterdir()):
        hashes[path.name] = sha256(path)
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    with AtomicFile(folder / SEAL) as file:
        file.write(dump_line({"files": hashes}))
    sync_folder(folder.parent)


def last_good(folder: Path, warn: Callable[[str], None]) -> Checkpoint | None:
    """Return the newest undamaged checkpoint, or None if there is no sealed one; warn of each damaged one.

    Raises:
        InputError: every checkpoint is damaged.
    """
    sealed = [checkpoint for checkpoint in _all(folder) if (checkpoint.folder / SEAL).is_file()]
    for checkpoint in reversed(sealed):
        damage = _damage(checkpoint.folder)
        if damage is None:
            return checkpoint
        warn(f"{checkpoint.folder}: damaged ({damage}); trying the one before it")
    if not sealed:
        warn("no checkpoint yet: the run starts again")
        return None
    hint = "train again without --resume, into another folder"
    raise InputError("every checkpoint is damaged", where=str(folder), hint=hint)


def remove_stale(folder: Path, resumed: int) -> None:
    """Remove incomplete checkpoints and those newer than step ``resumed``."""
    for checkpoint in _all(folder):
        if checkpoint.step > resumed or not (checkpoint.folder / SEAL).is_file():
            shutil.rmtree(checkpoint.folder)


def _all(folder: Path) -> list[Checkpoint]:
    found = [
        Checkpoint(path, int(path.name.removeprefix(_PREFIX)))
        for path in folder.glob(f"{_PREFIX}*")
        if path.is_dir() and path.name.removeprefix(_PREFIX).isdecimal()
    ]
    return sorted(found, key=lambda checkpoint: checkpoint.step)


def _damage(folder: Path) -> str | None:
    try:
        hashes = read_object(folder / SEAL)["files"].items()
    except (InputError, KeyError, AttributeError):
        return f"{SEAL} cannot be read"
    for name, expected in hashes:
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if sha256(path) != expected:
            return f"{name} has changed"
    return None
