"""The number of steps and the learning rate of each, as numbers that can be checked by hand."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.fit.schedule import learning_rate, steps_per_epoch, total_steps

PEAK, FINAL = 1e-3, 1e-5


def _rate(done: int, total: int = 1000, warmup: int = 200) -> float:
    return learning_rate(done, total=total, warmup=warmup, peak=PEAK, final=FINAL)


@pytest.mark.parametrize(
    "done, expected",
    [(0, 0.0), (1, 5e-6), (100, 5e-4), (200, 1e-3), (600, (PEAK + FINAL) / 2), (1000, FINAL), (2000, FINAL)],
)
def test_the_rate_of_a_step(done: int, expected: float) -> None:
    """From 0 straight to the peak after the warmup, half way down in the middle, the final rate at the end."""
    assert _rate(done) == pytest.approx(expected, rel=1e-12, abs=1e-18)


@given(st.integers(0, 300), st.integers(1, 1000))
def test_the_rate_grows_then_falls_and_stays_in_bounds(warmup: int, rest: int) -> None:
    """Whatever the length, the rate rises through the warmup, never rises after it, and ends above the final rate."""
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
    """A rest that fills no batch or no step is still a step."""
    assert steps_per_epoch(rows, batch, accumulation) == expected
    assert total_steps(rows, batch, accumulation, 3) == 3 * expected


@given(st.integers(1, 10**6), st.integers(1, 64), st.integers(1, 64))
def test_steps_follow_from_rows(rows: int, batch: int, accumulation: int) -> None:
    """Where batches are full, the steps are the rows divided by the rows of a step, rounded up."""
    steps = steps_per_epoch(rows, batch, accumulation)
    assert steps == math.ceil(rows / (batch * accumulation))
