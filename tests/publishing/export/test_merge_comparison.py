"""The comparison of merged weights with the adapter: every logit counts, and what is no number is no proof."""

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
from publishing.export.agreement import BF16_DISTANCE, Agreement, Parting, furthest
from publishing.export.prompts import Prompt
from publishing.export.proofs import Proofs, answer_differences, distance_differences
from publishing.export.steps import Work
from training.tiny import tokenizer_path

TEXTS = ("<bos>مرحبا", "<bos>كيف الطقس؟")
ANSWER = [5, 7, 1]
BROKEN = (float("nan"), float("inf"), float("-inf"))


class _Model:
    """A model that always answers the same; one logit of one prompt can be anything."""

    def __init__(self, number: float = 0.0, prompt: str = "") -> None:
        self._number, self._prompt = number, prompt
        self._tokenizer = load_tokenizer(tokenizer_path())

    def tokens(self, prompt: str) -> list[int]:
        """The ids of a prompt."""
        ids: list[int] = self._tokenizer.encode(prompt, add_special_tokens=False).ids
        return ids

    def text(self, ids: Sequence[int]) -> str:
        """Not the text: no proof looks at it."""
        return str(list(ids))

    def answer(self, _prompt: str, _most: int) -> list[int]:
        """The same for every prompt."""
        return ANSWER

    def logits(self, prompt: str, answer: Sequence[int]) -> Any:
        """A row for each token, which is the likeliest in it."""
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
    work = Work(cast("Any", run), cast("Any", folder), "made-up", prompts, lambda _line: None)
    proofs = Proofs("merged/", lambda _line: None)
    return steps._compare(work, tokenizer_path(), proofs), proofs.held


def test_the_same_logits_are_no_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models that compute the same agree in every answer."""
    facts, held = _compare(monkeypatch, _Model())
    assert (facts["distance"], facts["agreement"]["same"], len(held)) == (0.0, 2, 3)


@pytest.mark.parametrize("text", TEXTS, ids=["first prompt", "last prompt"])
@pytest.mark.parametrize("number", BROKEN)
def test_a_logit_that_is_no_number_stops_the_export(monkeypatch: pytest.MonkeyPatch, number: float, text: str) -> None:
    """One of them, at any prompt, although every other logit is right."""
    with pytest.raises(ProofError, match=r"a logit of the merged weights is (nan|inf) standard deviations off"):
        _compare(monkeypatch, _Model(number, text))


def test_the_furthest_of_distances_is_no_number_if_one_is_none() -> None:
    """Wherever it stands; the largest otherwise, and nothing of nothing."""
    assert furthest([0.2, 0.5, 0.1]) == 0.5
    assert furthest([]) == 0.0
    assert math.isnan(furthest([0.2, float("nan"), 0.1]))
    assert math.isnan(furthest([float("nan"), 0.2]))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_no_number_is_beyond_what_is_allowed(number: float) -> None:
    """Also where any distance is allowed, as for a file in fewer bits."""
    assert list(distance_differences(number, float("inf"), "llama.cpp"))
    agreement = Agreement(1, 0, (Parting(0, 0, 5, 6, number),))
    assert list(answer_differences(agreement, BF16_DISTANCE, "llama.cpp"))
