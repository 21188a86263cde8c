"""Comparison of two models: their answers token by token, and their logits.

Two implementations of the same model differ in the last digits, so either of two nearly tied tokens may be chosen. Two
tokens are nearly tied if their logits differ by little compared with the standard deviation of all logits.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "BF16_DISTANCE",
    "F16_DISTANCE",
    "AnswerComparison",
    "Divergence",
    "compare_answers",
    "distance",
    "furthest",
    "same_answers",
]

BF16_DISTANCE = 0.1
"""Largest difference of a logit, in standard deviations: merged weights in bfloat16 against the adapter in float32."""
F16_DISTANCE = 0.05
"""Largest difference of a logit, in standard deviations: a GGUF file in float16 against the merged weights."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """First difference between two answers to a prompt.

    Attributes:
        prompt: index of the prompt.
        position: index of the first token that differs.
        expected: the expected token id; -1 after the end of that answer.
        found: the other token id; -1 after the end of that answer.
        margin: by how many standard deviations the expected token's logit is larger.
    """

    prompt: int
    position: int
    expected: int
    found: int
    margin: float


@dataclass(frozen=True, slots=True)
class AnswerComparison:
    """Number of compared answers, number of equal ones, and the divergence of each other one."""

    answers: int
    same: int
    divergences: tuple[Divergence, ...]

    def summary(self, whose: str) -> str:
        """Return the number of equal answers as a sentence."""
        ties = "; the others diverge where two tokens are nearly tied" if self.divergences else ""
        return f"{self.same} of {self.answers} answers equal {whose}, token by token{ties}"

    def beyond(self, allowed: float) -> list[Divergence]:
        """Return the divergences without the near ties: rounding may move both logits by ``allowed``."""
        return [found for found in self.divergences if not found.margin <= 2 * allowed]

    def as_json(self) -> dict[str, Any]:
        """Return the facts for ``release.json``."""
        found = [
            {"prompt": one.prompt, "token": one.position, "margin": round(one.margin, 4)} for one in self.divergences
        ]
        return {"answers": self.answers, "same": self.same, "divergences": found}


def compare_answers(
    expected: Sequence[Sequence[int]], found: Sequence[Sequence[int]], logits: Callable[[int], Any]
) -> AnswerComparison:
    """Compare answers to the same prompts.

    Args:
        expected: token ids of each expected answer.
        found: token ids of each answer to compare.
        logits: maps a prompt's index to the logits (tokens by vocabulary) of its expected answer; called only where
            answers differ.
    """
    divergences = tuple(
        _divergence(at, one, other, logits(at))
        for at, (one, other) in enumerate(zip(expected, found, strict=True))
        if list(one) != list(other)
    )
    return AnswerComparison(len(expected), len(expected) - len(divergences), divergences)


def _divergence(prompt: int, expected: Sequence[int], found: Sequence[int], logits: Any) -> Divergence:  # noqa: ANN401
    longest = max(len(expected), len(found))
    padded = [[*ids, *[-1] * (longest - len(ids))] for ids in (expected, found)]
    at = next(place for place, (one, other) in enumerate(zip(*padded, strict=True)) if one != other)
    one, other = padded[0][at], padded[1][at]
    if one < 0 or other < 0:  # one answer is longer than the other
        return Divergence(prompt, at, one, other, float("inf"))
    row = logits[at]
    return Divergence(prompt, at, one, other, float((row[one] - row[other]) / row.std()))


def distance(found: Any, expected: Any) -> float:  # noqa: ANN401 - tensors
    """Return the largest difference of a logit, in standard deviations of the expected ones."""
    return float((found - expected).abs().max() / expected.std())


def furthest(distances: Iterable[float]) -> float:
    """Return the largest distance; NaN if one is NaN, which ``max`` may ignore."""
    found = list(distances)
    return math.nan if any(map(math.isnan, found)) else max(found, default=0.0)


def same_answers(facts: Mapping[str, Any]) -> str:
    """Return "199 of 200" for a GGUF file's answers that equal the merged model's; empty if not measured.

    A count, because a rounded percentage would show 100% for 199 of 200.
    """
    rate, answers = facts.get("agreement"), facts.get("answers")
    return f"{round(rate * answers):,} of {answers:,}" if rate is not None and answers else ""
