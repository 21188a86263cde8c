"""The number of steps, and the learning rate of each by the formula of docs/recipe.md."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.bases import load_figures
from training.recipe.recipe import Batch

PEAK, FINAL = 1e-3, 1e-5
learning_rate = load_figures().learning_rate


def _rate(done: int, total: int = 1000, warmup: int = 200) -> float:
    rate: float = learning_rate(done, total=total, warmup=warmup, peak=PEAK, final=FINAL)
    return rate


@pytest.mark.parametrize(
    "done, expected", [(0, 0.0), (1, 5e-6), (100, 5e-4), (200, 1e-3), (600, (PEAK + FINAL) / 2), (1000, FINAL)]
)
def test_the_rate_of_a_step(done: int, expected: float) -> None:
    """The rate is 0 at first, the peak after the warmup, the mean half way down, and the final rate at the end."""
    assert _rate(done) == pytest.approx(expected, rel=1e-12, abs=1e-18)


@given(st.integers(0, 300), st.integers(1, 1000))
def test_the_rate_rises_then_falls(warmup: int, rest: int) -> None:
    """For any length, the rate rises through the warmup, never rises after it, and stays above the final rate."""
    total = warmup + rest
    rates = [_rate(done, total, warmup) for done in range(total)]
    assert all(earlier < later for earlier, later in itertools.pairwise(rates[: warmup + 1]))
    assert all(earlier >= later for earlier, later in itertools.pairwise(rates[warmup:]))
    assert rates[warmup] == PEAK
    assert all(FINAL <= rate <= PEAK for rate in rates[warmup:])


@pytest.mark.parametrize(
    "rows, batch, accumulation, expected",
    [(1, 4, 4, 1), (16, 4, 4, 1), (17, 4, 4, 2), (480, 4, 4, 30), (480, 8, 1, 60), (5, 2, 2, 2)],
)
def test_steps_of_a_pass(rows: int, batch: int, accumulation: int, expected: int) -> None:
    """Rows that fill no batch or no step still make a step."""
    assert Batch(batch, accumulation).steps(rows) == expected


@given(st.integers(1, 10**6), st.integers(1, 64), st.integers(1, 64))
def test_steps_follow_from_rows(rows: int, batch: int, accumulation: int) -> None:
    """The steps are the rows divided by the rows of a step, rounded up."""
    assert Batch(batch, accumulation).steps(rows) == math.ceil(rows / (batch * accumulation))
