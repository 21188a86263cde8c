"""Plan of a run into a folder of parts: everything its bytes depend on, compared when the run is resumed."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from dataset_tools.errors import AfgError, InputError, UsageError
from dataset_tools.executor.process_setup import versions
from dataset_tools.io.checksums import cancellation, read_until_cancelled
from dataset_tools.readers.parts_manifest import FORMAT
from dataset_tools.records.reading import Inputs

__all__ = ["require_resumable", "resume_plan"]

_HASH = "xxh3_128"


def resume_plan(command: str, options: Mapping[str, Any], cuts: Mapping[str, Any], inputs: Inputs) -> dict[str, Any]:
    """Return everything that the bytes of a result depend on, as JSON.

    Each input is read once for its XXH3 checksum, which detects accidental changes at disk speed.

    Args:
        command: name of the command.
        options: its options that change the bytes.
        cuts: output format and input bytes per part.
        inputs: the input files.

    Raises:
        InputError: a file cannot be read.
    """
    with ThreadPoolExecutor(4) as pool, cancellation() as cancelled:
        describe = partial(_describe, cancelled)
        files = pool.map(describe, inputs.places, [file.path for file in inputs.files])
        companions = pool.map(describe, map(str, inputs.companions), inputs.companions)
        read = {"inputs": list(files), "read_beside": list(companions)}
    return {"format": FORMAT, "command": command, "options": options, "versions": versions(), **cuts, **read}


def _describe(cancelled: Event, name: str, path: Path) -> dict[str, Any]:
    import xxhash

    digest = xxhash.xxh3_128()
    size = 0
    for chunk in read_until_cancelled(path, cancelled):
        digest.update(chunk)
        size += len(chunk)
    return {"name": name, "bytes": size, _HASH: digest.hexdigest()}


def require_resumable(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Refuse to resume a run with other inputs, options or versions.

    Raises:
        InputError: an input has changed.
        UsageError: an option or a version has changed.
    """
    hint = f"use the same inputs, options and versions, or remove {folder} to start again"
    for key in ("inputs", "read_beside"):
        if what := _other_input(before.get(key) or [], now[key]):
            raise InputError(f"cannot be resumed: {what}", where=str(folder), hint=hint)
    for key, value in now.items():
        if before.get(key) != value:
            raise _other(key, before.get(key), value, folder, hint)


def _other_input(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> str:
    """Return the first change of the inputs in words; empty if there is no change."""
    then, names = {entry["name"]: entry for entry in before}, [entry["name"] for entry in now]
    for entry in now:
        old = then.get(entry["name"])
        if old is None:
            return f"{entry['name']} was not an input before"
        if old["bytes"] != entry["bytes"]:
            return f"{entry['name']} has {entry['bytes']:,} bytes now, and had {old['bytes']:,}"
        if old[_HASH] != entry[_HASH]:
            return f"{entry['name']} has different content now"
    missing = [name for name in then if name not in names]
    if missing:
        return f"{missing[0]} is no longer an input"
    return "" if names == list(then) else "the inputs are in another order"


def _other(key: str, before: object, now: object, folder: Path, hint: str) -> AfgError:
    if isinstance(before, dict) and isinstance(now, dict):
        inner = next(name for name in {**now, **before} if before.get(name) != now.get(name))
        key, before, now = inner, before.get(inner), now.get(inner)
    what = f"cannot be resumed: {key} was {before or 'none'}, and is {now or 'none'} now"
    return UsageError(what, where=str(folder), hint=hint)
