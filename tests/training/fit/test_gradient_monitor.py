"""The gradient-norm monitor: counts, warnings and the summary for the manifest."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.fit.gradient_monitor import NOT_FINITE_LIMIT, RUN_TO_WARN, GradientMonitor

NORMS = st.lists(st.one_of(st.floats(0, 100), st.just(math.nan), st.just(math.inf), st.none()), max_size=200)


def _observe(*norms: float | None) -> tuple[GradientMonitor, list[tuple[int, str]]]:
    monitor = GradientMonitor(1.0)
    observed = [(step, monitor.observe(step, norm)) for step, norm in enumerate(norms, 1)]
    return monitor, [(step, text) for step, text in observed if text]


def test_steps_above_the_limit_are_counted() -> None:
    """A norm equal to the limit is not above it; the highest norm is kept with its step."""
    monitor, warnings = _observe(0.5, 1.0, 1.01, 3.0, 0.9, 2.0)
    assert warnings == []
    assert monitor.summary() == {
        "limit": 1.0, "steps": 6, "steps_above": 3, "share_above": 0.5, "longest_run_above": 2, "highest": 3.0,
        "highest_step": 4, "steps_not_finite": 0, "first_not_finite": None,
    }  # fmt: skip
    assert monitor.above == [3, 4, 6]


def test_consecutive_steps_above_the_limit_give_warnings() -> None:
    """Warnings come after 20 consecutive steps and after 40, with a hint; a step below the limit resets the count."""
    _, warnings = _observe(*[2.0] * (2 * RUN_TO_WARN), 0.5, *[2.0] * (RUN_TO_WARN - 1))
    assert [step for step, _ in warnings] == [RUN_TO_WARN, 2 * RUN_TO_WARN]
    assert warnings[0][1] == (
        "step 20: the gradient norm was above 1 for 20 consecutive steps (2.00 now), so each was clipped; if the loss "
        "does not fall, lower schedule.peak_learning_rate or raise batch.accumulation in a recipe of your own"
    )


@pytest.mark.parametrize("norm", [math.nan, math.inf, None])
def test_a_norm_that_is_not_finite_gives_one_warning(norm: float | None) -> None:
    """After one such norm the run is not healthy, after three in a row it is lost; a finite norm resets the count."""
    monitor, warnings = _observe(0.5, norm)
    assert (monitor.healthy, monitor.lost) == (False, False)
    assert warnings[0][1].startswith("step 2: NaN or infinite gradient norm: the adapter's weights are lost")
    monitor, warnings = _observe(norm, norm, 0.5, *[norm] * NOT_FINITE_LIMIT)
    assert [step for step, _ in warnings] == [1, 4]
    assert (monitor.healthy, monitor.lost) == (False, True)
    assert (monitor.summary()["steps_not_finite"], monitor.summary()["first_not_finite"]) == (5, 1)


@given(NORMS)
def test_the_summary_adds_up(norms: list[float | None]) -> None:
    """For any norms, every step is counted once, and shares and runs are consistent."""
    monitor, warnings = _observe(*norms)
    found = monitor.summary()
    numbers = [norm for norm in norms if norm is not None and math.isfinite(norm)]
    assert found["steps"] == len(norms)
    assert found["steps_above"] == sum(norm > 1 for norm in numbers)
    assert found["steps_not_finite"] == len(norms) - len(numbers)
    assert found["highest"] == max(numbers, default=0.0)
    assert 0 <= found["longest_run_above"] <= found["steps_above"]
    assert bool(warnings) == (found["longest_run_above"] >= RUN_TO_WARN or found["steps_not_finite"] > 0)
