"""First steps of an export: the adapter and the merged weights, each checked and then kept."""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataset_tools.io.checksums import sha256
from publishing.export.agreement import BF16_DISTANCE, compare_answers, distance, furthest
from publishing.export.consumer_files import consumer_files, write_adapter, write_consumer_files
from publishing.export.merge import merged_tensors, tensor_differences, write_config, write_merged, write_tokenizer
from publishing.export.prompts import Prompt
from publishing.export.proofs import (
    Proofs,
    adapter_differences,
    answer_differences,
    distance_differences,
    file_differences,
    token_differences,
)
from publishing.export.reference_model import load_adapted, load_merged
from publishing.export.run import ExportedRun
from publishing.release.folder import ReleaseFolder, step_key

__all__ = ["LONGEST_ANSWER", "ExportWork", "make_adapter", "make_merged"]

LONGEST_ANSWER = 128
"""Most tokens of an answer in a comparison of models."""

_FORMAT = 3  # of the files that steps make; another number makes all of them again
_SMOKE = 3


@dataclass(slots=True)
class ExportWork:
    """State of an export.

    Attributes:
        run: the run to export.
        folder: the release folder.
        name: the model's name.
        prompts: prompts of the checks.
        report: called with a line for each step and each check.
        made: the steps that this export made.
        wanted: the steps that belong to this release.
        keys: key of each step, a hash of everything that it is made from.
    """

    run: ExportedRun
    folder: ReleaseFolder
    name: str
    prompts: Sequence[Prompt]
    report: Callable[[str], None]
    made: list[str] = field(default_factory=list)
    wanted: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)

    def is_done(self, step: str, *made_from: Any) -> bool:  # noqa: ANN401 - JSON
        """Add a step to the release; return whether it exists, made from the same things."""
        self.wanted.add(step)
        self.keys[step] = step_key(_FORMAT, LONGEST_ANSWER, step, *made_from)
        return self.folder.is_done(step, self.keys[step])

    def keep(self, step: str, staging: Path, facts: dict[str, Any]) -> None:
        """Keep the checked files of a step."""
        self.folder.keep(step, self.keys[step], staging, step.split(maxsplit=1)[0], facts)
        self.made.append(step)


def make_adapter(work: ExportWork) -> None:
    """Make ``adapter/``; check that PEFT loads it on its base, and record its answers.

    Raises:
        ProofError: a check failed.
    """
    run = work.run
    contents = {file.name: sha256(file) for file in run.adapter.iterdir() if file.is_file()}
    base = [run.manifest["base"]["weights_sha256"], run.base_id, run.base_revision]
    if work.is_done("adapter", contents, base, [prompt.text for prompt in work.prompts], consumer_files("adapter")):
        return
    with work.folder.making("adapter") as staging:
        proofs = Proofs("adapter/", work.report)
        write_adapter(staging, run)
        base_id = f"{run.base_id}@{run.base_revision}" if run.base_revision else run.base_id
        named = f"its base is {base_id}; tokenizer and chat template are those of training"
        proofs.hold(named, adapter_differences(staging, run))
        model = load_adapted(run.base.folder, staging)
        proofs.hold("PEFT loads every tensor on the base")
        answers = [model.answer(prompt.text, LONGEST_ANSWER) for prompt in work.prompts]
        write_consumer_files(staging, "adapter")
        asked = [prompt.id for prompt in work.prompts]
        work.keep("adapter", staging, {"proofs": proofs.held, "prompts": asked, "answers": answers})


def make_merged(work: ExportWork) -> None:
    """Make ``merged/``; check its tensors, files, tokens, logits and answers.

    Raises:
        ProofError: a check failed.
    """
    if work.is_done("merged", work.keys["adapter"], consumer_files("merged")):
        return
    adapter, base = work.folder.path / "adapter", work.run.base.folder
    with work.folder.making("merged") as staging:
        write_merged(staging, merged_tensors(load_adapted(base, adapter), base))
        gc.collect()
        write_config(staging, base)
        write_tokenizer(staging, work.run.adapter, work.run.tokenizer_model)
        proofs = Proofs("merged/", work.report)
        tensors = "each tensor is the base's plus the adapter's change, without NaN or infinity; stored in bfloat16"
        proofs.hold(tensors, tensor_differences(staging, base, adapter))
        files = "tokenizer, tokenizer.model and chat template are those of training; the stop ids are 1, 50 and 106"
        proofs.hold(files, file_differences(staging, work.run))
        facts = _compare(work, staging, proofs)
        write_consumer_files(staging, "merged")
        work.keep("merged", staging, {"proofs": proofs.held, **facts})


def _compare(work: ExportWork, staging: Path, proofs: Proofs) -> dict[str, Any]:
    """Compare merged weights with the adapter on its base."""
    from transformers import AutoTokenizer

    adapted, merged = load_adapted(work.run.base.folder, work.folder.path / "adapter"), load_merged(staging)
    texts, before = [prompt.text for prompt in work.prompts], work.folder.facts("adapter")["answers"]
    reader = AutoTokenizer.from_pretrained(staging, local_files_only=True)
    read = [reader(text, add_special_tokens=False)["input_ids"] for text in texts]
    tokens = f"transformers tokenizes {len(texts)} prompts as in training"
    proofs.hold(tokens, token_differences([merged.tokens(text) for text in texts], read, "AutoTokenizer"))
    moved: list[float] = []
    chosen = []
    for text, answer in zip(texts, before, strict=True):
        expected, found = adapted.logits(text, answer), merged.logits(text, answer)
        moved += [distance(*rows) for rows in zip(found, expected, strict=True)]
        chosen.append([int(row.argmax()) for row in found])
    compared = compare_answers(before, chosen, lambda at: adapted.logits(texts[at], before[at]))
    off = furthest(moved)
    near = f"logits are within {off:.3f} standard deviations of the adapter's (limit {BF16_DISTANCE})"
    proofs.hold(near, distance_differences(off, BF16_DISTANCE, "the merged weights"))
    differences = answer_differences(compared, BF16_DISTANCE, "the merged model")
    proofs.hold(compared.summary("the adapter's"), differences)
    answers = [merged.answer(text, LONGEST_ANSWER) for text in texts]
    smoke = [
        {"prompt": text, "output": merged.text(answer)}
        for text, answer, same in zip(texts, answers, before, strict=True)
        if answer == same and len(answer) < LONGEST_ANSWER
    ]
    return {"answers": answers, "agreement": compared.as_json(), "distance": off, "smoke": smoke[:_SMOKE]}
