"""Whether two models say the same: answers compared token by token, and logits.

Two ways of computing the same model differ in the last digits, so where the two best tokens are as good as equal either
may be chosen. What counts as equal is stated here once: a difference of logits that is small against their spread.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "BF16_DISTANCE",
    "F16_DISTANCE",
    "Agreement",
    "Parting",
    "compare_answers",
    "distance",
    "furthest",
    "parting",
    "same_answers",
]

BF16_DISTANCE = 0.1
"""Merged weights in bfloat16 against the adapter in 32 bits: the most that a logit may move, in standard deviations."""
F16_DISTANCE = 0.05
"""A GGUF file in float16 against the merged weights: the most that a logit may move, in standard deviations."""


@dataclass(frozen=True, slots=True)
class Parting:
    """Where an answer leaves another.

    Attributes:
        prompt: the prompt's place.
        position: the first token that differs.
        expected: the id there; -1 where the answer had ended.
        found: the id instead; -1 where it ended.
        margin: how much better the expected token was, in standard deviations of the logits.
    """

    prompt: int
    position: int
    expected: int
    found: int
    margin: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far answers agree.

    Attributes:
        answers: how many were compared.
        same: how many are the same, token by token.
        partings: where the others part.
    """

    answers: int
    same: int
    partings: tuple[Parting, ...]

    @property
    def rate(self) -> float:
        """The share of answers that are the same."""
        return self.same / max(self.answers, 1)

    def told(self, whose: str) -> str:
        """How many answers are the same, in words."""
        ties = "; the others part where two tokens were as good as equal" if self.partings else ""
        return f"{self.same} of {self.answers} answers are {whose}, token by token{ties}"

    def beyond(self, allowed: float) -> list[Parting]:
        """The partings that two ways of computing do not explain: each may move both logits by ``allowed``.

        A margin that is no number explains nothing.
        """
        return [part for part in self.partings if not part.margin <= 2 * allowed]

    def as_json(self) -> dict[str, Any]:
        """The facts for ``release.json``."""
        ties = [
            {"prompt": part.prompt, "token": part.position, "margin": round(part.margin, 4)} for part in self.partings
        ]
        return {"answers": self.answers, "same": self.same, "partings": ties}


def compare_answers(
    expected: Sequence[Sequence[int]],
    found: Sequence[Sequence[int]],
    logits: Callable[[int], Any],
) -> Agreement:
    """Compare answers to the same prompts.

    Args:
        expected: ids of each answer.
        found: the other's.
        logits: gives the logits that each token of an expected answer was chosen by; asked only where answers part.
    """
    partings = tuple(
        parting(at, one, other, logits(at))
        for at, (one, other) in enumerate(zip(expected, found, strict=True))
        if list(one) != list(other)
    )
    return Agreement(len(expected), len(expected) - len(partings), partings)


def parting(prompt: int, expected: Sequence[int], found: Sequence[int], logits: Any) -> Parting:  # noqa: ANN401
    """Where two different answers part, and how clear the choice was there."""
    longest = max(len(expected), len(found))
    padded = [[*ids, *[-1] * (longest - len(ids))] for ids in (expected, found)]
    at = next(place for place, (one, other) in enumerate(zip(*padded, strict=True)) if one != other)
    one, other = padded[0][at], padded[1][at]
    if one < 0 or other < 0:  # one goes on where the other has stopped or was cut off
        return Parting(prompt, at, one, other, float("inf"))
    row = logits[at]
    return Parting(prompt, at, one, other, float((row[one] - row[other]) / row.std()))


def distance(found: Any, expected: Any) -> float:  # noqa: ANN401 - tensors
    """The most that a logit moved, in standard deviations of the expected ones."""
    return float((found - expected).abs().max() / expected.std())


def furthest(distances: Iterable[float]) -> float:
    """The largest of distances; no number if one is none, which ``max`` would pass over."""
    found = list(distances)
    return math.nan if any(map(math.isnan, found)) else max(found, default=0.0)


def same_answers(facts: Mapping[str, Any]) -> str:
    """How many answers of a GGUF file were the merged model's, by what was measured of it; nothing if that is unknown.

    A count and no percentage: 199 of 200 is not all of them.
    """
    rate, answers = facts.get("agreement"), facts.get("answers")
    return f"{round(rate * answers):,} of {answers:,}" if rate is not None and answers else ""
