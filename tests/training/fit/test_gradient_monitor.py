"""The gradient-norm monitor: what it counts, when it speaks, and what the manifest gets of it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.fit.gradient_monitor import NOT_FINITE_LIMIT, RUN_TO_WARN, GradientMonitor

NORMS = st.lists(st.one_of(st.floats(0, 100), st.just(math.nan), st.just(math.inf), st.none()), max_size=200)


def _observe(*norms: float | None) -> tuple[GradientMonitor, list[tuple[int, str]]]:
    monitor = GradientMonitor(1.0)
    told = [(step, monitor.observe(step, norm)) for step, norm in enumerate(norms, 1)]
    return monitor, [(step, text) for step, text in told if text]


def test_steps_above_the_limit_are_counted() -> None:
    """The limit itself is not above it; the highest is remembered with its step."""
    monitor, told = _observe(0.5, 1.0, 1.01, 3.0, 0.9, 2.0)
    assert told == []
    assert monitor.summary() == {
        "limit": 1.0, "steps": 6, "steps_above": 3, "share_above": 0.5, "longest_run_above": 2, "highest": 3.0,
        "highest_step": 4, "steps_not_finite": 0, "first_not_finite": None,
    }  # fmt: skip
    assert monitor.above == [3, 4, 6]


def test_a_run_of_steps_above_the_limit_is_told_again_when_it_has_doubled() -> None:
    """After 20 in a row, then after 40, with what to do; a step below the limit begins anew."""
    _, told = _observe(*[2.0] * (2 * RUN_TO_WARN), 0.5, *[2.0] * (RUN_TO_WARN - 1))
    assert [step for step, _ in told] == [RUN_TO_WARN, 2 * RUN_TO_WARN]
    assert told[0][1] == (
        "step 20: the gradient norm was above 1 for 20 steps in a row (2.00 now), so each was clipped; if the loss "
        "does not fall, lower schedule.peak_learning_rate or raise batch.accumulation in a recipe of your own"
    )


@pytest.mark.parametrize("gone", [math.nan, math.inf, None])
def test_a_gradient_that_is_no_number_is_told_once(gone: float | None) -> None:
    """At the first one the run is not healthy, after three in a row it is lost; a number in between begins anew."""
    monitor, told = _observe(0.5, gone)
    assert (monitor.healthy, monitor.lost) == (False, False)
    assert told[0][1].startswith("step 2: the gradient norm is not a number, so the adapter's weights are lost")
    monitor, told = _observe(gone, gone, 0.5, *[gone] * NOT_FINITE_LIMIT)
    assert [step for step, _ in told] == [1, 4]
    assert (monitor.healthy, monitor.lost) == (False, True)
    assert (monitor.summary()["steps_not_finite"], monitor.summary()["first_not_finite"]) == (5, 1)


@given(NORMS)
def test_the_summary_adds_up(norms: list[float | None]) -> None:
    """Whatever comes, every step is counted once, and shares and runs stay within what was seen."""
    monitor, told = _observe(*norms)
    found = monitor.summary()
    numbers = [norm for norm in norms if norm is not None and math.isfinite(norm)]
    assert found["steps"] == len(norms)
    assert found["steps_above"] == sum(norm > 1 for norm in numbers)
    assert found["steps_not_finite"] == len(norms) - len(numbers)
    assert found["highest"] == max(numbers, default=0.0)
    assert 0 <= found["longest_run_above"] <= found["steps_above"]
    assert bool(told) == (found["longest_run_above"] >= RUN_TO_WARN or found["steps_not_finite"] > 0)
