"""Monitor of the gradient norm before clipping: counts and warnings.

The recipe's learning rate is high, so the norm is watched at every step. The monitor is pure: it takes numbers and
returns warnings.
"""

import math
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LOWER_RATE", "NOT_FINITE_LIMIT", "RUN_TO_WARN", "GradientMonitor"]

RUN_TO_WARN = 20
"""Consecutive steps above the limit before a warning; the next warning comes after twice as many."""

NOT_FINITE_LIMIT = 3
"""Consecutive steps with a NaN or infinite gradient norm after which the run stops."""

LOWER_RATE = "lower schedule.peak_learning_rate in a recipe of your own, and look for odd rows with `afg-data validate`"
"""The hint for NaN or infinite gradients."""


@dataclass(slots=True)
class GradientMonitor:
    """Counts of steps whose gradient norm before clipping was above ``limit``, or not finite.

    Attributes:
        limit: the norm that gradients are clipped to.
        above: the steps above it.
        not_finite: the steps with a NaN or infinite norm.
    """

    limit: float
    steps: int = 0
    above: list[int] = field(default_factory=list)
    not_finite: list[int] = field(default_factory=list)
    highest: float = 0.0
    highest_step: int = 0
    longest_run: int = 0
    _run: int = 0
    _lost: int = 0
    _warn_at: int = RUN_TO_WARN

    def observe(self, step: int, norm: float | None) -> str | None:
        """Count the norm of a step, where None means NaN or infinite; return a warning if there is one."""
        self.steps += 1
        if norm is None or not math.isfinite(norm):
            return self._observe_not_finite(step)
        self._lost = 0
        if norm > self.highest:
            self.highest, self.highest_step = norm, step
        if norm <= self.limit:
            self._run, self._warn_at = 0, RUN_TO_WARN
            return None
        self.above.append(step)
        self._run += 1
        self.longest_run = max(self.longest_run, self._run)
        if self._run < self._warn_at:
            return None
        self._warn_at *= 2
        return (
            f"step {step}: the gradient norm was above {self.limit:g} for {self._run} consecutive steps ({norm:.2f} "
            "now), so each was clipped; if the loss does not fall, lower schedule.peak_learning_rate or raise "
            "batch.accumulation in a recipe of your own"
        )

    @property
    def lost(self) -> bool:
        """True after :data:`NOT_FINITE_LIMIT` consecutive steps that were not finite."""
        return self._lost >= NOT_FINITE_LIMIT

    @property
    def healthy(self) -> bool:
        """True if the last step was finite, so that a checkpoint is worth keeping."""
        return self._lost == 0

    def summary(self) -> dict[str, Any]:
        """Return the summary for the run manifest and the model card."""
        return {
            "limit": self.limit,
            "steps": self.steps,
            "steps_above": len(self.above),
            "share_above": round(len(self.above) / self.steps, 6) if self.steps else 0.0,
            "longest_run_above": self.longest_run,
            "highest": self.highest,
            "highest_step": self.highest_step,
            "steps_not_finite": len(self.not_finite),
            "first_not_finite": self.not_finite[0] if self.not_finite else None,
        }

    def _observe_not_finite(self, step: int) -> str | None:
        self.not_finite.append(step)
        self._run = 0
        self._lost += 1
        if self._lost > 1:
            return None
        return (
            f"step {step}: NaN or infinite gradient norm: the adapter's weights are lost, and no further checkpoint is "
            f"saved: {LOWER_RATE}"
        )
