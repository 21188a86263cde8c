"""``run.json``: the inputs and results of a run, for the model card and for ``--resume``."""

import math
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from dataset_tools.errors import UsageError
from dataset_tools.io.checksums import combined_sha256, sha256
from dataset_tools.io.json_text import read_object
from dataset_tools.io.writer import write_file
from dataset_tools.samples.reader import SampleFolder
from training.fit.plan import TrainingPlan

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
# The values that a resumed run must share with the first start, by the word for them in the error.
_FIXED = {
    "recipe": ("recipe", "fingerprint"),
    "base": ("base", "weights_sha256"),
    "data": ("data", "sha256"),
    "precision": ("hardware", "number"),
}


def first_manifest(plan: TrainingPlan) -> dict[str, Any]:
    """Return the manifest of a run before its first step."""
    recipe, gpu = plan.recipe, plan.machine.gpu
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
        "data": _describe(plan.samples),
        "validation": _describe(plan.validation) if plan.validation else None,
        "seed": recipe.seed,
        "steps": plan.steps,
        "hardware": {
            "gpu": gpu.name if gpu else "",
            "gpu_memory_gib": round(gpu.memory_gib, 2) if gpu else 0.0,
            "platform": f"{platform.system()} {platform.machine()}",
            "cores": plan.machine.cores,
            "number": plan.dtype,
        },
        "versions": package_versions(_PACKAGES),
        "resumed_at": [],
    }


def losses(lines: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return final and best loss, and the same of the validation loss, without values that are not finite."""
    found: dict[str, Any] = {}
    kept = list(lines)
    for name in ("loss", "validation_loss"):
        values = [
            (line[name], line["step"]) for line in kept if line.get(name) is not None and math.isfinite(line[name])
        ]
        if values:
            best, step = min(values)
            found[name] = {"final": values[-1][0], "best": best, "best_step": step}
    return found


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the inputs that must not change between start and resume, but did."""
    return [name for name, (part, key) in _FIXED.items() if before.get(part, {}).get(key) != now[part][key]]


def hash_files(paths: Iterable[Path]) -> str:
    """Return one SHA-256 for several files, in order."""
    return combined_sha256(map(sha256, paths))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a run.

    Raises:
        InputError: the manifest is damaged.
        UsageError: the folder holds no run.
    """
    path = folder / NAME
    if not path.is_file():
        hint = "`afg train` without --resume starts one"
        raise UsageError(f"there is no {NAME}: not a run", where=str(folder), hint=hint)
    return read_object(path, "train again into another folder")


def recorded_base(folder: Path) -> str:
    """Return the base of the run in ``folder``, at its commit: a branch on the Hub may have moved since.

    Raises:
        InputError: the manifest is damaged.
        UsageError: the folder holds no run.
    """
    base = read_manifest(folder).get("base", {})
    return f"{base['name']}@{base['revision']}" if base.get("revision") else str(base.get("name", ""))


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest atomically.

    Raises:
        OutputError: it cannot be written.
    """
    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    write_file(folder / NAME, orjson.dumps(dict(manifest), option=option))


def package_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python and of the installed ones of ``packages``."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _describe(samples: SampleFolder) -> dict[str, Any]:
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
