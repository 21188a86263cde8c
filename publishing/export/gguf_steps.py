"""Last steps of an export: F16 by llama.cpp's converter, the quantized files from it, and the files next to them."""

import platform
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dataset_tools.errors import UsageError
from publishing.export import llama_cpp
from publishing.export.agreement import F16_DISTANCE, compare_answers, distance
from publishing.export.consumer_files import consumer_files, modelfile, write_consumer_files
from publishing.export.gguf import GgufConverter, convert, fallen_back, file_name, type_lines
from publishing.export.proofs import (
    Proofs,
    answer_differences,
    distance_differences,
    header_differences,
    token_differences,
)
from publishing.export.reference_model import TorchModel, load_merged
from publishing.export.run import TEMPLATE
from publishing.export.steps import LONGEST_ANSWER, ExportWork
from publishing.export.stops import extra_stops, named, stop_differences

__all__ = ["keep_gguf", "make_gguf"]

_HALF = "f16"
_THREADS = (1, 2)
_CPUS = Path("/proc/cpuinfo")


def make_gguf(work: ExportWork, converter: GgufConverter, quants: Sequence[str]) -> None:
    """Make the GGUF files and the files next to them.

    Raises:
        ProofError: a check failed.
    """
    merged = work.folder.path / "merged"
    reference = cache(lambda: load_merged(merged))  # loaded for the first file that is made
    made_from = [work.keys["merged"], work.name, converter.identity(), version("cyllama")]
    for quant in quants:
        if not work.is_done(f"gguf {quant}", *made_from):
            with work.folder.making(quant) as staging:
                path = _make(work, converter, merged, quant, staging)
                _check_and_keep(work, converter, reference, quant, path)
    _make_companions(work, quants)


def keep_gguf(work: ExportWork, quants: Sequence[str]) -> list[str]:
    """Keep the GGUF files of an earlier export of the same weights, where llama.cpp is not installed.

    Returns:
        Their types.

    Raises:
        UsageError: a requested file is damaged or of other weights, so it must be made again.
    """
    kept = [quant for quant in quants if f"gguf {quant}" in work.folder.steps]
    for quant in kept:
        step = f"gguf {quant}"
        facts = work.folder.facts(step)
        made_from = (facts.get("merged"), facts.get("file"))
        if made_from != (work.keys["merged"], file_name(work.name, quant)) or not work.folder.is_whole(step):
            what = f"{facts.get('file')} must be made again, but llama.cpp is not installed"
            hint = f"{llama_cpp.EXTRA}, or --quant none, which removes the GGUF files"
            raise UsageError(what, where=str(work.folder.path), hint=hint)
        work.wanted.add(step)
    if kept:
        _make_companions(work, kept)
    return kept


def _make_companions(work: ExportWork, quants: Sequence[str]) -> None:
    if not work.is_done("gguf companions", work.keys["merged"], work.name, list(quants), consumer_files("gguf")):
        with work.folder.making("companions") as staging:
            (staging / "Modelfile").write_text(modelfile(work.name, quants), encoding="utf-8")
            (staging / TEMPLATE).write_bytes(work.run.template.read_bytes())
            write_consumer_files(staging, "gguf")
            work.keep("gguf companions", staging, {"proofs": []})


def _make(work: ExportWork, converter: GgufConverter, merged: Path, quant: str, staging: Path) -> Path:
    """Write one file; quantized files are made from the kept F16 file, or else from a temporary one."""
    path = staging / file_name(work.name, quant)
    if quant == _HALF:
        convert(converter, merged, path, work.name)
    elif f"gguf {_HALF}" in work.wanted:
        llama_cpp.quantize(work.folder.path / "gguf" / file_name(work.name, _HALF), path, quant, max(_THREADS))
    else:
        half = staging / file_name(work.name, _HALF)
        convert(converter, merged, half, work.name)
        llama_cpp.quantize(half, path, quant, max(_THREADS))
        half.unlink()
    return path


def _check_and_keep(
    work: ExportWork, converter: GgufConverter, reference: Callable[[], TorchModel], quant: str, path: Path
) -> None:
    """Check one file, measure it and keep it."""
    proofs = Proofs(f"gguf/{path.name}", work.report)
    facts = _prove(work, reference(), quant, path, proofs)
    for line in (*type_lines(facts["tensors"]), *fallen_back(quant, facts["tensors"])):
        proofs.note(line)
    agreement = facts["agreement"]
    device = {
        "size": path.stat().st_size,
        **_measured(path),
        "agreement": agreement["same"] / max(agreement["answers"], 1),
        "answers": agreement["answers"],
        "types": dict(Counter(facts["tensors"].values())),
        "extra_stops": facts["extra_stops"],
    }
    made = {"file": path.name, "merged": work.keys["merged"], "converter": converter.version, "device": device}
    work.keep(f"gguf {quant}", path.parent, {"proofs": proofs.held, **made, **facts})


def _prove(work: ExportWork, model: TorchModel, quant: str, path: Path, proofs: Proofs) -> dict[str, Any]:
    """Check header, tokens, logits and answers of a file against the merged weights in transformers."""
    description = llama_cpp.describe(path)
    vocabulary, template = model.model.config.vocab_size, work.run.template.read_text(encoding="utf-8")
    header = f"the header has the chat template, {vocabulary:,} tokens, the stop ids 1, 50 and 106, and one BOS"
    needed = {text: prompt.id for prompt in work.prompts for text in prompt.call_texts}
    wrong = (*header_differences(description, template, vocabulary), *stop_differences(description.stops, needed))
    proofs.hold(header, wrong)
    if extra := extra_stops(description.stops):
        proofs.hold(f"llama.cpp also stops on {named(extra)}, by the token's text; no call of the prompts holds it")
    logits = path.with_suffix(".logits")
    without = [prompt.without_bos for prompt in work.prompts]
    replies = llama_cpp.ask(path, without, LONGEST_ANSWER, 1, logits)
    texts = [prompt.text for prompt in work.prompts]
    tokens = f"llama.cpp tokenizes {len(texts)} prompts as in training"
    proofs.hold(tokens, token_differences([model.tokens(text) for text in texts], replies.tokens, "llama.cpp"))
    answers = work.folder.facts("merged")["answers"]
    off = _logits_distance(model, texts[0], logits)
    compared = compare_answers(answers, replies.answers, lambda at: model.logits(texts[at], answers[at]))
    near = f"logits are within {off:.3f} standard deviations of the merged model's"
    if quant == _HALF:
        proofs.hold(f"{near} (limit {F16_DISTANCE})", distance_differences(off, F16_DISTANCE, "llama.cpp"))
        differences = answer_differences(compared, F16_DISTANCE, "llama.cpp")
        proofs.hold(compared.summary("the merged model's"), differences)
    else:
        proofs.hold(f"{near}; none is NaN or infinite", distance_differences(off, float("inf"), "llama.cpp"))
        proofs.note(f"{compared.same} of {compared.answers} answers equal the merged model's, token by token")
    stops = {str(token): text for token, text in extra.items()}
    return {
        "extra_stops": stops,
        "tensors": dict(description.tensors),
        "agreement": compared.as_json(),
        "distance": off,
    }


def _logits_distance(model: TorchModel, prompt: str, path: Path) -> float:
    import torch

    stored = array("f", path.read_bytes())
    path.unlink()
    expected = model.logits(prompt, ())[0]
    return distance(torch.tensor(stored)[: len(expected)], expected)


def _measured(path: Path) -> dict[str, Any]:
    """Return speed and peak memory of a file on this machine."""
    speeds = [llama_cpp.measure(path, threads) for threads in _THREADS]
    held = [speed.peak_bytes for speed in speeds if speed.peak_bytes is not None]
    return {
        "cpu": _cpu(),
        "peak_memory_mib": round(max(held) / 2**20, 1) if held else None,
        "speed": [
            {
                "threads": speed.threads,
                "context": speed.context,
                "prefill_tokens_per_second": round(speed.prefill, 1),
                "decode_tokens_per_second": round(speed.decode, 1),
            }
            for speed in speeds
        ],
    }


def _cpu() -> str:
    if _CPUS.is_file():
        for line in _CPUS.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
