"""What a run into a folder of parts depends on, written down before the work, so that a resumed run can compare."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import AfgError, InputError, UsageError
from dataset_tools.executor.run import Work
from dataset_tools.executor.versions import versions
from dataset_tools.io.checksums import cancellation, read_until_cancelled
from dataset_tools.readers.parts_manifest import FORMAT
from dataset_tools.readers.sources import DataFile

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["describe_inputs", "make_plan", "recorded_options", "require_same"]

_HASH = "xxh3_128"


def make_plan(command: str, options: Mapping[str, Any], cuts: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """All that the bytes of a result depend on, as JSON.

    Args:
        command: the command.
        options: what it was told.
        cuts: how the output is written: its form, and how much input makes a part.
        inputs: what :func:`describe_inputs` says.
    """
    return {"format": FORMAT, "command": command, "options": options, "versions": versions(), **cuts, **inputs}


def recorded_options(options: "DataclassInstance") -> dict[str, Any]:
    """Return the options that the bytes of a result may depend on, as JSON: all fields but :class:`~.run.Work`.

    They are part of the report, and ``--resume`` compares them. An option that holds options adds its own.
    """
    recorded: dict[str, Any] = {}
    for option in fields(options):
        value = getattr(options, option.name)
        if isinstance(value, Work):
            continue
        if is_dataclass(value) and not isinstance(value, type):
            recorded |= recorded_options(value)
        else:
            recorded[option.name] = _as_json(value, option.type)
    return recorded


def _as_json(value: Any, kind: object) -> Any:  # noqa: ANN401 - JSON is any value
    if kind == Path | None:
        return str(value or "")
    return list(value) if isinstance(value, tuple) else value


def describe_inputs(files: Sequence[DataFile], beside: Sequence[Path]) -> dict[str, list[dict[str, Any]]]:
    """Name, size and hash of every file that is read; ``beside`` are those that hold no rows, such as tools.

    The hash is XXH3 over the whole content: it notices any accidental change, at the speed of the disk.

    Raises:
        InputError: a file cannot be read.
    """
    with ThreadPoolExecutor(4) as pool, cancellation() as cancelled:
        describe = partial(_describe, cancelled)
        inputs = list(pool.map(describe, [file.place for file in files], [file.path for file in files]))
        others = list(pool.map(describe, map(str, beside), beside))
    return {"inputs": inputs, "read_beside": others}


def _describe(cancelled: Event, name: str, path: Path) -> dict[str, Any]:
    import xxhash

    digest = xxhash.xxh3_128()
    size = 0
    for chunk in read_until_cancelled(path, cancelled):
        digest.update(chunk)
        size += len(chunk)
    return {"name": name, "bytes": size, _HASH: digest.hexdigest()}


def require_same(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on with other inputs, options or versions than those that a folder was begun with.

    Raises:
        InputError: an input has changed.
        UsageError: something else has.
    """
    hint = f"go on as it was begun, or remove {folder} to begin again"
    for key in ("inputs", "read_beside"):
        if what := _other_input(before.get(key) or [], now[key]):
            raise InputError(f"cannot be resumed: {what}", where=str(folder), hint=hint)
    for key, value in now.items():
        if before.get(key) != value:
            raise _other(key, before.get(key), value, folder, hint)


def _other_input(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> str:
    """What has become of the inputs, in words; nothing if they are the same."""
    then, names = {entry["name"]: entry for entry in before}, [entry["name"] for entry in now]
    for entry in now:
        old = then.get(entry["name"])
        if old is None:
            return f"{entry['name']} was no input when it was begun"
        if old["bytes"] != entry["bytes"]:
            return f"{entry['name']} has {entry['bytes']:,} bytes now, and had {old['bytes']:,}"
        if old[_HASH] != entry[_HASH]:
            return f"{entry['name']} has other content than before"
    missing = [name for name in then if name not in names]
    if missing:
        return f"{missing[0]} was an input when it was begun"
    return "" if names == list(then) else "the inputs come in another order"


def _other(key: str, before: object, now: object, folder: Path, hint: str) -> AfgError:
    """The error for one entry of the plan that differs."""
    if isinstance(before, dict) and isinstance(now, dict):
        inner = next(name for name in {**now, **before} if before.get(name) != now.get(name))
        key, before, now = inner, before.get(inner), now.get(inner)
    what = f"cannot be resumed: {key} was {before or 'none'}, and is {now or 'none'} now"
    return UsageError(what, where=str(folder), hint=hint)
