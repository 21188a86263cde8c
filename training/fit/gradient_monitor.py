"""The gradient-norm monitor: how often gradients were clipped, and when to worry.

The recipe's learning rate is high, so the length of the gradient before clipping is watched at every step. It is pure:
it sees numbers and returns warnings; who shows them is decided elsewhere.
"""

import math
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LOWER_RATE", "NOT_FINITE_LIMIT", "RUN_TO_WARN", "GradientMonitor"]

RUN_TO_WARN = 20
"""So many steps above the limit in a row are told; twice as many are told again, and so on."""

NOT_FINITE_LIMIT = 3
"""After so many steps in a row whose gradient is no number, nothing is left to save."""

LOWER_RATE = "lower schedule.peak_learning_rate in a recipe of your own, and look for odd rows with `afg-data validate`"
"""What to do about gradients that are no numbers."""


@dataclass(slots=True)
class GradientMonitor:
    """Counts steps whose gradient norm, before clipping, was above ``limit``.

    Attributes:
        limit: the length that gradients are clipped to.
        above: the steps above it.
        not_finite: the steps at which it was no number.
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
        """Take in the norm of a step, none for what is no number; returns a warning if there is something to do."""
        self.steps += 1
        if norm is None or not math.isfinite(norm):
            return self._no_number(step)
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
            f"step {step}: the gradient norm was above {self.limit:g} for {self._run} steps in a row ({norm:.2f} now), "
            "so each was clipped; if the loss does not fall, lower schedule.peak_learning_rate or raise "
            "batch.accumulation in a recipe of your own"
        )

    @property
    def lost(self) -> bool:
        """Whether the numbers are gone for good."""
        return self._lost >= NOT_FINITE_LIMIT

    @property
    def healthy(self) -> bool:
        """Whether the last step's gradient was a number: only then is a checkpoint worth keeping."""
        return self._lost == 0

    def summary(self) -> dict[str, Any]:
        """What the run manifest and the model card say about gradients."""
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

    def _no_number(self, step: int) -> str | None:
        self.not_finite.append(step)
        self._run = 0
        self._lost += 1
        if self._lost > 1:
            return None
        return (
            f"step {step}: the gradient norm is not a number, so the adapter's weights are lost from here on; no "
            f"checkpoint is written any more: {LOWER_RATE}"
        )
