"""The last steps of an export: GGUF files, F16 by llama.cpp's converter and the others from it, and what is beside."""

import platform
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import UsageError
from publishing.export import llama_cpp
from publishing.export.agreement import F16_DISTANCE, compare_answers, distance
from publishing.export.consumer_files import consumer_files, modelfile, write_consumer_files
from publishing.export.gguf import Converter, convert, fallen_back, file_name, type_lines
from publishing.export.proofs import (
    Proofs,
    answer_differences,
    distance_differences,
    header_differences,
    token_differences,
)
from publishing.export.reference_model import load_merged
from publishing.export.run import TEMPLATE
from publishing.export.steps import LONGEST_ANSWER, Work

if TYPE_CHECKING:
    from publishing.export.reference_model import TorchModel

__all__ = ["keep_gguf", "make_gguf"]

_HALF = "f16"
_THREADS = (1, 2)
_CPUS = Path("/proc/cpuinfo")


@dataclass(slots=True)
class _Merged:
    """The merged weights that GGUF files are held against; loaded when the first of them is."""

    folder: Path
    loaded: "TorchModel | None" = None

    def model(self) -> "TorchModel":
        """The model in transformers."""
        self.loaded = self.loaded or load_merged(self.folder)
        return self.loaded


def make_gguf(work: Work, converter: Converter, quants: Sequence[str]) -> None:
    """The GGUF files and what lies beside them.

    Raises:
        ProofError: a file is not the merged model.
    """
    merged = _Merged(work.folder.path / "merged")
    made_from = [work.keys["merged"], work.name, converter.fingerprint(), version("cyllama")]
    for quant in quants:
        if not work.is_done(f"gguf {quant}", *made_from):
            with work.folder.making(quant) as staging:
                _make(work, converter, merged, quant, staging)
    _make_beside(work, quants)


def keep_gguf(work: Work, quants: Sequence[str]) -> list[str]:
    """Keep GGUF files where none can be made: those that an earlier export made of these very weights.

    Returns:
        Their types.

    Raises:
        UsageError: a file that was asked for is there, but of other weights or damaged, so that it had to be made anew.
    """
    kept = [quant for quant in quants if f"gguf {quant}" in work.folder.steps]
    for quant in kept:
        step = f"gguf {quant}"
        facts = work.folder.facts(step)
        made_from = (facts.get("merged"), facts.get("file"))
        if made_from != (work.keys["merged"], file_name(work.name, quant)) or not work.folder.is_whole(step):
            what = f"{facts.get('file')} has to be made anew, and llama.cpp is not installed"
            hint = f"{llama_cpp.EXTRA}, or --quant none, which removes the GGUF files"
            raise UsageError(what, where=str(work.folder.path), hint=hint)
        work.wanted.add(step)
    if kept:
        _make_beside(work, kept)
    return kept


def _make_beside(work: Work, quants: Sequence[str]) -> None:
    """What lies beside the GGUF files."""
    if not work.is_done("gguf beside", work.keys["merged"], work.name, list(quants), consumer_files("gguf")):
        with work.folder.making("beside") as staging:
            (staging / "Modelfile").write_text(modelfile(work.name, quants), encoding="utf-8")
            (staging / TEMPLATE).write_bytes(work.run.template.read_bytes())
            write_consumer_files(staging, "gguf")
            work.keep("gguf beside", staging, {"proofs": []})


def _make(work: Work, converter: Converter, merged: _Merged, quant: str, staging: Path) -> None:
    """One file: made, proven, measured, kept."""
    path = staging / file_name(work.name, quant)
    if quant == _HALF:
        convert(converter, merged.folder, path, work.name)
    else:
        half = work.folder.path / "gguf" / file_name(work.name, _HALF)
        if not (_is_kept := f"gguf {_HALF}" in work.wanted):
            half = staging / file_name(work.name, _HALF)
            convert(converter, merged.folder, half, work.name)
        llama_cpp.quantize(half, path, quant, max(_THREADS))
        if not _is_kept:
            half.unlink()
    proofs = Proofs(f"gguf/{path.name}", work.tell)
    facts = _prove(work, merged, quant, path, proofs)
    for line in (*type_lines(facts["tensors"]), *fallen_back(quant, facts["tensors"])):
        proofs.note(line)
    agreement = facts["agreement"]
    device = {
        "size": path.stat().st_size,
        **_measured(path),
        "agreement": agreement["same"] / max(agreement["answers"], 1),
        "answers": agreement["answers"],
        "types": dict(Counter(facts["tensors"].values())),
    }
    made = {"file": path.name, "merged": work.keys["merged"], "converter": converter.version, "device": device}
    work.keep(f"gguf {quant}", staging, {"proofs": proofs.held, **made, **facts})


def _prove(work: Work, merged: _Merged, quant: str, path: Path, proofs: Proofs) -> dict[str, Any]:
    """Hold a file against the merged weights in transformers: header, tokens, answers, and for F16 the logits."""
    model = merged.model()
    description = llama_cpp.describe(path)
    vocabulary, template = model.model.config.vocab_size, work.run.template.read_text(encoding="utf-8")
    header = f"its header has the chat template, {vocabulary:,} tokens, the stops 1, 50 and 106, and one BOS"
    proofs.hold(header, header_differences(description, template, vocabulary))
    logits = path.with_suffix(".logits")
    without = [prompt.without_bos for prompt in work.prompts]
    replies = llama_cpp.ask(path, without, LONGEST_ANSWER, 1, logits)
    texts = [prompt.text for prompt in work.prompts]
    tokens = f"llama.cpp reads {len(texts)} prompts as the tokens of training, id by id"
    proofs.hold(tokens, token_differences([model.tokens(text) for text in texts], replies.tokens, "llama.cpp"))
    answers = work.folder.facts("merged")["answers"]
    off = _logits_off(model, texts[0], logits)
    agreement = compare_answers(answers, replies.answers, lambda at: model.logits(texts[at], answers[at]))
    near = f"within {off:.3f} standard deviations of the merged model's"
    if quant == _HALF:
        near = f"its logits are {near}, {F16_DISTANCE} are allowed"
        proofs.hold(near, distance_differences(off, F16_DISTANCE, "llama.cpp"))
        proofs.hold(agreement.told("the merged model's"), answer_differences(agreement, F16_DISTANCE, "llama.cpp"))
    else:
        proofs.hold(f"its logits are numbers, {near}", distance_differences(off, float("inf"), "llama.cpp"))
        proofs.note(f"{agreement.same} of {agreement.answers} answers are the merged model's, token by token")
    return {"tensors": dict(description.tensors), "agreement": agreement.as_json(), "distance": off}


def _logits_off(model: "TorchModel", prompt: str, path: Path) -> float:
    import torch

    stored = array("f", path.read_bytes())
    path.unlink()
    expected = model.logits(prompt, ())[0]
    return distance(torch.tensor(stored)[: len(expected)], expected)


def _measured(path: Path) -> dict[str, Any]:
    """Speed and memory on this machine."""
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
    """What the processor calls itself."""
    if _CPUS.is_file():
        for line in _CPUS.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
