"""Comparison of merged weights with the adapter: every logit counts, and NaN fails."""

import math
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from dataset_tools.errors import ProofError
from dataset_tools.samples.tokenizer import load_tokenizer
from publishing.export import steps
from publishing.export.agreement import BF16_DISTANCE, AnswerComparison, Divergence, furthest
from publishing.export.prompts import Prompt
from publishing.export.proofs import Proofs, answer_differences, distance_differences
from publishing.export.steps import ExportWork
from training.tiny import tokenizer_path

TEXTS = ("<bos>مرحبا", "<bos>كيف الطقس؟")
ANSWER = [5, 7, 1]
BROKEN = (float("nan"), float("inf"), float("-inf"))


class _Model:
    """A fake model with one answer; one logit of one prompt can be changed."""

    def __init__(self, number: float = 0.0, prompt: str = "") -> None:
        self._number, self._prompt = number, prompt
        self._tokenizer = load_tokenizer(tokenizer_path())

    def tokens(self, prompt: str) -> list[int]:
        """Return the ids of a prompt."""
        ids: list[int] = self._tokenizer.encode(prompt, add_special_tokens=False).ids
        return ids

    def text(self, ids: Sequence[int]) -> str:
        """Return the ids as text; no check reads it."""
        return str(list(ids))

    def answer(self, _prompt: str, _most: int) -> list[int]:
        """Return the same answer for every prompt."""
        return ANSWER

    def logits(self, prompt: str, answer: Sequence[int]) -> Any:
        """Return a row for each token, in which it has the largest logit."""
        rows = torch.linspace(-1.0, 1.0, 20).repeat(len(answer), 1)
        for row, token in zip(rows, answer, strict=True):
            row[token] = 9.0
        if prompt == self._prompt:
            rows[1, 0] += self._number
        return rows


def _compare(monkeypatch: pytest.MonkeyPatch, merged: _Model) -> tuple[dict[str, Any], list[str]]:
    monkeypatch.setattr(steps, "load_adapted", lambda _base, _adapter: _Model())
    monkeypatch.setattr(steps, "load_merged", lambda _folder: merged)
    run = SimpleNamespace(base=SimpleNamespace(folder=Path("base")))
    folder = SimpleNamespace(path=Path("release"), facts=lambda _step: {"answers": [ANSWER] * len(TEXTS)})
    prompts = [Prompt(str(at), text) for at, text in enumerate(TEXTS)]
    work = ExportWork(cast("Any", run), cast("Any", folder), "made-up", prompts, lambda _line: None)
    proofs = Proofs("merged/", lambda _line: None)
    return steps._compare(work, tokenizer_path(), proofs), proofs.held


def test_equal_logits_have_no_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two equal models give equal answers."""
    facts, held = _compare(monkeypatch, _Model())
    assert (facts["distance"], facts["agreement"]["same"], len(held)) == (0.0, 2, 3)


@pytest.mark.parametrize("text", TEXTS, ids=["first prompt", "last prompt"])
@pytest.mark.parametrize("number", BROKEN)
def test_nan_and_infinite_logits_stop_the_export(monkeypatch: pytest.MonkeyPatch, number: float, text: str) -> None:
    """One of them is enough, at any prompt."""
    with pytest.raises(ProofError, match=r"a logit of the merged weights differs by (nan|inf) standard deviations"):
        _compare(monkeypatch, _Model(number, text))


def test_the_furthest_distance_is_nan_if_one_is_nan() -> None:
    """At any position; otherwise it is the largest, or 0 for no distance."""
    assert furthest([0.2, 0.5, 0.1]) == 0.5
    assert furthest([]) == 0.0
    assert math.isnan(furthest([0.2, float("nan"), 0.1]))
    assert math.isnan(furthest([float("nan"), 0.2]))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_nan_and_infinity_exceed_any_limit(number: float) -> None:
    """Also an infinite limit, which quantized files have."""
    assert list(distance_differences(number, float("inf"), "llama.cpp"))
    compared = AnswerComparison(1, 0, (Divergence(0, 0, 5, 6, number),))
    assert list(answer_differences(compared, BF16_DISTANCE, "llama.cpp"))
