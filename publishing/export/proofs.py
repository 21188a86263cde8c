"""Checks of an export: generators of differences, which neither raise nor print nor repair.

A check without a difference passes; :class:`Proofs` stops the export at the first one that fails.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from dataset_tools.errors import ProofError
from dataset_tools.io.checksums import sha256
from dataset_tools.samples.tokenizer import CONTROL_TOKENS, STOP_IDS
from publishing.export.agreement import AnswerComparison
from publishing.export.llama_cpp import Description
from publishing.export.run import ADAPTER_CONFIG, TEMPLATE, TOKENIZER_MODEL, ExportedRun

__all__ = [
    "Proofs",
    "adapter_differences",
    "answer_differences",
    "distance_differences",
    "file_differences",
    "header_differences",
    "token_differences",
]

_ARCHITECTURE = "gemma3"
_SHOWN = 6  # ids from a difference on


class Proofs:
    """Passed checks of one part of a release.

    Attributes:
        where: the part.
        held: a sentence for each passed check.
    """

    def __init__(self, where: str, report: Callable[[str], None]) -> None:
        self.where = where
        self.held: list[str] = []
        self._report = report
        report(where)

    def hold(self, sentence: str, differences: Iterable[str] = ()) -> None:
        """Record and report a passed check.

        Raises:
            ProofError: there are differences; the message has the first one and the number of others.
        """
        found = list(differences)
        if found:
            more = f"; {len(found) - 1} more" if len(found) > 1 else ""
            raise ProofError(f"{found[0]}{more}", where=self.where, hint="nothing of it was kept")
        self.held.append(sentence)
        self._report(f"  ✓ {sentence}")

    def note(self, text: str) -> None:
        """Report a measurement that is not a check."""
        self._report(f"    {text}")


def adapter_differences(folder: Path, run: ExportedRun) -> Iterator[str]:
    """Yield what keeps others from loading an adapter, such as a base that only this machine has."""
    config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    if config.get("base_model_name_or_path") != run.base_id:
        yield f"{ADAPTER_CONFIG} names the base {config.get('base_model_name_or_path')!r}, not {run.base_id!r}"
    if (config.get("revision") or "") != run.base_revision:
        yield f"{ADAPTER_CONFIG} names the revision {config.get('revision')!r}, not {run.base_revision!r}"
    for key, value in config.items():
        if isinstance(value, str) and Path(value).is_absolute():
            yield f"{ADAPTER_CONFIG} holds a local path in {key!r}"
    yield from _copy_differences(folder, run)


def file_differences(folder: Path, run: ExportedRun) -> Iterator[str]:
    """Yield the differences of the files next to merged weights from those of training."""
    if (folder / ADAPTER_CONFIG).exists():
        yield f"{ADAPTER_CONFIG} is next to merged weights, so transformers would load the base instead"
    if not (folder / TOKENIZER_MODEL).is_file():
        yield f"{TOKENIZER_MODEL} is missing; llama.cpp's converter needs it"
    elif sha256(folder / TOKENIZER_MODEL) != sha256(run.tokenizer_model):
        yield f"{TOKENIZER_MODEL} differs from the base's"
    yield from _copy_differences(folder, run)
    path = folder / "generation_config.json"
    stops = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id") if path.is_file() else None
    if stops != sorted(STOP_IDS):
        yield f"generation_config.json has the stop ids {stops}, not {sorted(STOP_IDS)}"


def token_differences(expected: Sequence[Sequence[int]], found: Sequence[Sequence[int]], whose: str) -> Iterator[str]:
    """Yield each prompt whose token ids differ from those of the model's own tokenizer."""
    bos = CONTROL_TOKENS["<bos>"]
    for number, (one, other) in enumerate(zip(expected, found, strict=True), 1):
        if list(other[:2]) == [bos, bos]:
            yield f"{whose} puts a second BOS before prompt {number}"
        elif list(one) != list(other):
            shorter = min(len(one), len(other))
            at = next((at for at in range(shorter) if one[at] != other[at]), shorter)
            ours, theirs = list(one[at : at + _SHOWN]), list(other[at : at + _SHOWN])
            yield f"{whose} tokenizes prompt {number} differently from token {at} on: {theirs} instead of {ours}"


def answer_differences(compared: AnswerComparison, allowed: float, whose: str) -> Iterator[str]:
    """Yield each divergence of answers that is not a near tie."""
    for found in compared.beyond(allowed):
        yield (
            f"{whose} answers prompt {found.prompt + 1} differently from token {found.position} on: {found.found} "
            f"instead of {found.expected}, which was better by {found.margin:.2f} standard deviations"
        )


def distance_differences(found: float, allowed: float, whose: str) -> Iterator[str]:
    """Yield a distance of logits above the limit; NaN and infinity are above any limit."""
    if not found <= allowed or not isfinite(found):
        yield f"a logit of {whose} differs by {found:.3f} standard deviations (limit {allowed})"


def header_differences(description: Description, template: str, vocabulary: int) -> Iterator[str]:
    """Yield the differences of a GGUF file's header from the merged model."""
    facts = description.facts
    if facts.get("general.architecture") != _ARCHITECTURE:
        yield f"the architecture is {facts.get('general.architecture')!r}, not {_ARCHITECTURE!r}"
    stored = facts.get("tokenizer.chat_template")
    if stored is None:
        yield "the header has no chat template"
    elif stored != template:
        hashes = [sha256(str(text).encode())[:12] for text in (stored, template)]
        yield f"the header has another chat template: SHA-256 {hashes[0]}…, not {hashes[1]}…"
    if description.vocabulary != vocabulary:
        yield f"the vocabulary has {description.vocabulary:,} tokens, not {vocabulary:,}"
    if facts.get("tokenizer.ggml.bos_token_id") != CONTROL_TOKENS["<bos>"]:
        yield f"the BOS is {facts.get('tokenizer.ggml.bos_token_id')}, not {CONTROL_TOKENS['<bos>']}"
    if facts.get("tokenizer.ggml.add_bos_token") is not True:
        yield "the header does not request a BOS before the prompt, which Ollama and llama.cpp rely on"


def _copy_differences(folder: Path, run: ExportedRun) -> Iterator[str]:
    """Yield the differences of the tokenizer and the chat template from those of training."""
    for name in ("tokenizer.json", TEMPLATE):
        path = folder / name
        if not path.is_file():
            yield f"{name} is missing"
        elif sha256(path) != sha256(run.adapter / name):
            yield f"{name} differs from the one of training"
    path = folder / "tokenizer_config.json"
    inner: Any = json.loads(path.read_text(encoding="utf-8")).get("chat_template") if path.is_file() else None
    if inner is not None and inner != run.template.read_text(encoding="utf-8"):
        yield "tokenizer_config.json holds another chat template"
