"""Checkpoints that can be trusted: each is sealed with the hashes of its files once it is whole.

A run that is killed while it writes one leaves a folder without a seal, which is as if it were not there. A sealed one
whose files have changed since is damaged, and the one before it is taken.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dataset_tools.errors import InputError
from dataset_tools.io.atomic_file import AtomicFile, sync_folder
from dataset_tools.io.checksums import sha256
from dataset_tools.io.jsonl import dump_line

__all__ = ["SEAL", "Checkpoint", "clear_unsealed", "last_good", "seal"]

SEAL = "complete.json"
_PREFIX = "checkpoint-"
# The trainer pickles its arguments here. Nobody needs them: they follow from the recipe.
_UNWANTED = ("training_args.bin", "README.md")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder of the trainer and the step after which it was written."""

    folder: Path
    step: int


def seal(folder: Path) -> None:
    """Say that a checkpoint is whole.

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


def last_good(folder: Path, tell: Callable[[str], None]) -> Checkpoint | None:
    """The newest whole checkpoint in ``folder``, if any was sealed; one that is damaged is told and passed over.

    Raises:
        InputError: every one is damaged.
    """
    sealed = [checkpoint for checkpoint in _all(folder) if (checkpoint.folder / SEAL).is_file()]
    for checkpoint in reversed(sealed):
        damage = _damage(checkpoint.folder)
        if damage is None:
            return checkpoint
        tell(f"{checkpoint.folder}: damaged ({damage}); the one before it is looked for")
    if not sealed:
        tell("there is no checkpoint yet: the run begins again")
        return None
    hint = "train again without --resume, into another folder"
    raise InputError("every checkpoint is damaged", where=str(folder), hint=hint)


def clear_unsealed(folder: Path, newest: int) -> None:
    """Remove what a killed run left half written, and whatever is newer than the checkpoint that is gone on from."""
    for checkpoint in _all(folder):
        if checkpoint.step > newest or not (checkpoint.folder / SEAL).is_file():
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
        hashes = dict(json.loads((folder / SEAL).read_bytes())["files"].items())
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{SEAL} cannot be read"
    for name, expected in hashes.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if sha256(path) != expected:
            return f"{name} has changed"
    return None
