"""The proofs of an export: small generators of what differs. None of them raises, prints or repairs.

A proof that yields nothing holds. :class:`Proofs` is what stops an export where one yields something.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from dataset_tools.errors import ProofError
from dataset_tools.io.checksums import sha256
from dataset_tools.samples.tokenizer import CONTROL_TOKENS, STOP_IDS
from publishing.export.agreement import Agreement
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
_SHOWN = 6  # ids around a difference


class Proofs:
    """The proofs of one artefact, told and remembered as they hold.

    Attributes:
        where: the artefact.
        held: what was proven, a sentence each.
    """

    def __init__(self, where: str, tell: Callable[[str], None]) -> None:
        self.where = where
        self.held: list[str] = []
        self._tell = tell
        tell(where)

    def hold(self, sentence: str, differences: Iterable[str] = ()) -> None:
        """Write down that a proof holds, unless it yields something.

        Raises:
            ProofError: it does; the first difference is named, and how many more there are.
        """
        found = list(differences)
        if found:
            more = f"; {len(found) - 1} more" if len(found) > 1 else ""
            raise ProofError(f"{found[0]}{more}", where=self.where, hint="nothing of it was kept")
        self.held.append(sentence)
        self._tell(f"  ✓ {sentence}")

    def note(self, text: str) -> None:
        """Tell something that was measured and is no proof."""
        self._tell(f"    {text}")


def adapter_differences(folder: Path, run: ExportedRun) -> Iterator[str]:
    """What keeps others from loading an adapter: a base that only this machine has."""
    config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    if config.get("base_model_name_or_path") != run.base_id:
        yield f"{ADAPTER_CONFIG} names the base {config.get('base_model_name_or_path')!r}, not {run.base_id!r}"
    if (config.get("revision") or "") != run.base_revision:
        yield f"{ADAPTER_CONFIG} names the revision {config.get('revision')!r}, not {run.base_revision!r}"
    for key, value in config.items():
        if isinstance(value, str) and Path(value).is_absolute():
            yield f"{ADAPTER_CONFIG} holds a path of this machine in {key!r}"
    yield from _copies(folder, run)


def file_differences(folder: Path, run: ExportedRun) -> Iterator[str]:
    """What of the files beside merged weights is not as it was trained with."""
    if (folder / ADAPTER_CONFIG).exists():
        yield f"{ADAPTER_CONFIG} lies beside merged weights, so that the base would be loaded instead"
    if not (folder / TOKENIZER_MODEL).is_file():
        yield f"there is no {TOKENIZER_MODEL}, which llama.cpp's converter needs"
    elif sha256(folder / TOKENIZER_MODEL) != sha256(run.tokenizer_model):
        yield f"{TOKENIZER_MODEL} is not the base's"
    yield from _copies(folder, run)
    path = folder / "generation_config.json"
    stops = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id") if path.is_file() else None
    if stops != sorted(STOP_IDS):
        yield f"generation_config.json stops on {stops}, not on {sorted(STOP_IDS)}"


def token_differences(expected: Sequence[Sequence[int]], found: Sequence[Sequence[int]], whose: str) -> Iterator[str]:
    """Where somebody's tokens of the prompts are not those of the model's own tokenizer, id by id."""
    bos = CONTROL_TOKENS["<bos>"]
    for number, (one, other) in enumerate(zip(expected, found, strict=True), 1):
        if list(other[:2]) == [bos, bos]:
            yield f"{whose} puts a second BOS before prompt {number}"
        elif list(one) != list(other):
            shorter = min(len(one), len(other))
            at = next((at for at in range(shorter) if one[at] != other[at]), shorter)
            ours, theirs = list(one[at : at + _SHOWN]), list(other[at : at + _SHOWN])
            yield f"{whose} reads prompt {number} as other tokens, from token {at} on: {theirs} instead of {ours}"


def answer_differences(agreement: Agreement, allowed: float, whose: str) -> Iterator[str]:
    """Where answers part although the choice was clear."""
    for part in agreement.beyond(allowed):
        yield (
            f"{whose} answers prompt {part.prompt + 1} differently from token {part.position} on: {part.found} instead "
            f"of {part.expected}, which was better by {part.margin:.2f} standard deviations"
        )


def distance_differences(found: float, allowed: float, whose: str) -> Iterator[str]:
    """Logits that moved further than rounding explains; NaN and infinity are further than any."""
    if not found <= allowed or not isfinite(found):
        yield f"a logit of {whose} is {found:.3f} standard deviations off, {allowed} are allowed"


def header_differences(description: Description, template: str, vocabulary: int) -> Iterator[str]:
    """What a GGUF file's header holds that is not the merged model's."""
    facts = description.facts
    if facts.get("general.architecture") != _ARCHITECTURE:
        yield f"its architecture is {facts.get('general.architecture')!r}, not {_ARCHITECTURE!r}"
    stored = facts.get("tokenizer.chat_template")
    if stored is None:
        yield "its header has no chat template"
    elif sha256(str(stored).encode()) != sha256(template.encode()):
        hashes = f"{sha256(str(stored).encode())[:12]}…, not {sha256(template.encode())[:12]}…"
        yield f"the chat template in its header is another one: {hashes}"
    if description.vocabulary != vocabulary:
        yield f"it knows {description.vocabulary:,} tokens, not {vocabulary:,}"
    if sorted(description.stops) != sorted(STOP_IDS):
        yield f"it stops on {sorted(description.stops)}, not on {sorted(STOP_IDS)}"
    if facts.get("tokenizer.ggml.bos_token_id") != CONTROL_TOKENS["<bos>"]:
        yield f"its BOS is {facts.get('tokenizer.ggml.bos_token_id')}, not {CONTROL_TOKENS['<bos>']}"
    if facts.get("tokenizer.ggml.add_bos_token") is not True:
        yield "it does not say that a BOS is put before a prompt, which Ollama and llama.cpp rely on"


def _copies(folder: Path, run: ExportedRun) -> Iterator[str]:
    """The tokenizer and the template, which are those of training to the byte."""
    for name in ("tokenizer.json", TEMPLATE):
        path = folder / name
        if not path.is_file():
            yield f"there is no {name}"
        elif sha256(path) != sha256(run.adapter / name):
            yield f"{name} is not the one that was trained with"
    path = folder / "tokenizer_config.json"
    inner: Any = json.loads(path.read_text(encoding="utf-8")).get("chat_template") if path.is_file() else None
    if inner is not None and inner != run.template.read_text(encoding="utf-8"):
        yield "tokenizer_config.json holds another chat template"
