"""``run.json``: what a run was made of and how it went, so that a model card can say it and a resume can hold to it."""

import math
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from dataset_tools.errors import UsageError
from dataset_tools.io.atomic_file import write_file
from dataset_tools.io.checksums import combined_sha256, sha256
from dataset_tools.io.jsonl import read_object
from dataset_tools.samples.reader import SampleFolder
from training.fit.plan import Plan, available_cores

__all__ = [
    "NAME",
    "differences",
    "first_manifest",
    "hash_files",
    "losses",
    "package_versions",
    "read_manifest",
    "recorded_base",
    "write_manifest",
]

NAME = "run.json"

_PACKAGES = (
    "arabic-functiongemma", "unsloth", "unsloth_zoo", "trl", "peft", "transformers", "accelerate", "torch", "datasets",
    "bitsandbytes", "triton",
)  # fmt: skip
# What must be the same for a run to be gone on with, and in what words it is told.
_FIXED = {
    "recipe": ("recipe", "fingerprint"),
    "base": ("base", "weights_sha256"),
    "data": ("data", "sha256"),
    "precision": ("hardware", "number"),
}


def first_manifest(plan: Plan) -> dict[str, Any]:
    """What is known before the first step."""
    recipe = plan.recipe
    return {
        "command": "train",
        "status": "running",
        "error": "",
        "recipe": {"name": recipe.name, "fingerprint": recipe.fingerprint(), "values": recipe.values()},
        "base": {
            "name": plan.base.name,
            "revision": plan.base.revision,
            "weights_sha256": hash_files(sorted(plan.base.folder.glob("*.safetensors"))),
            "tokenizer_sha256": plan.base.tokenizer.sha256(),
        },
        "data": _data(plan.samples),
        "validation": _data(plan.validation) if plan.validation else None,
        "seed": recipe.seed,
        "steps": plan.steps,
        "hardware": {
            "gpu": plan.gpu.name if plan.gpu else "",
            "gpu_memory_gib": round(plan.gpu.memory_gib, 2) if plan.gpu else 0.0,
            "platform": f"{platform.system()} {platform.machine()}",
            "cores": available_cores(),
            "number": plan.number,
        },
        "versions": package_versions(_PACKAGES),
        "resumed_at": [],
    }


def losses(lines: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Final and best loss over the lines of ``metrics.jsonl``, and the same of the validation loss if there is one.

    What is no number is neither.
    """
    found: dict[str, Any] = {}
    kept = list(lines)
    for name in ("loss", "validation_loss"):
        values = [(line[name], line["step"]) for line in kept if _is_number(line.get(name))]
        if values:
            best, step = min(values)
            found[name] = {"final": values[-1][0], "best": best, "best_step": step}
    return found


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is not as it was when a run began, of all that has to be."""
    return [name for name, (part, key) in _FIXED.items() if before.get(part, {}).get(key) != now[part][key]]


def hash_files(paths: Iterable[Path]) -> str:
    """The hash of several files, in their order."""
    return combined_sha256(map(sha256, paths))


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run.

    Raises:
        InputError: it is damaged.
        UsageError: the folder holds no run.
    """
    path = folder / NAME
    if not path.is_file():
        hint = "`afg train` without --resume makes one"
        raise UsageError(f"there is no {NAME}: not a run", where=str(folder), hint=hint)
    return read_object(path, "train again into another folder")


def recorded_base(folder: Path) -> str:
    """The base that the run in ``folder`` was begun with, at its commit: a branch of the Hub may have moved since.

    Raises:
        InputError: the manifest is damaged.
        UsageError: the folder holds no run.
    """
    base = read_manifest(folder).get("base", {})
    return f"{base['name']}@{base['revision']}" if base.get("revision") else str(base.get("name", ""))


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    write_file(folder / NAME, orjson.dumps(dict(manifest), option=option))


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _data(samples: SampleFolder) -> dict[str, Any]:
    return {
        "folder": samples.path.name,
        "sha256": sha256(orjson.dumps(samples.hashes, option=orjson.OPT_SORT_KEYS)),
        "files": samples.hashes,
        "inputs": samples.facts.get("inputs", []),
        "options": samples.facts.get("options", {}),
        "rows": samples.rows,
        "tokens": samples.counts.tokens,
        "trained_tokens": samples.counts.trained,
    }


def package_versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of Python and of those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
