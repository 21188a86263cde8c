"""95% intervals: of shares (Wilson), of F1 (bootstrap), and of paired differences (Wald, with McNemar's test)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Interval", "MetricChange", "f1", "f1_interval", "mcnemar", "wilson"]

_Z = 1.959963984540054  # two-sided 95% of the normal distribution
_RESAMPLES = 2000
_SEED = 20260


class Interval(NamedTuple):
    """An interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class MetricChange:
    """Difference of one metric between a baseline and another system on the same rows.

    Attributes:
        n: rows of the metric.
        gained: rows that count only in the other.
        lost: rows that count only in the baseline.
        difference: share of the other minus share of the baseline.
        low: lower end of the 95% interval of the difference.
        high: upper end.
        p: McNemar's exact test: the probability of a split of the flipped rows at least this uneven if both are equally
            good.
    """

    n: int
    gained: int
    lost: int
    difference: float
    low: float
    high: float
    p: float


def wilson(hits: int, n: int) -> Interval:
    """Return Wilson's score interval of a share; 0 to 1 for no rows.

    Raises:
        ValueError: there are more hits than rows.
    """
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} hits in {n} rows")
    if n == 0:
        return Interval(0.0, 1.0)
    share, z = hits / n, _Z * _Z
    middle = (share + z / (2 * n)) / (1 + z / n)
    half = _Z * math.sqrt(share * (1 - share) / n + z / (4 * n * n)) / (1 + z / n)
    # Rounding must not move an end beyond the share or beyond 0 and 1.
    low = 0.0 if hits == 0 else max(0.0, min(middle - half, share))
    high = 1.0 if hits == n else min(1.0, max(middle + half, share))
    return Interval(low, high)


def f1(right: int, predicted: int, gold: int) -> float | None:
    """Return the harmonic mean of precision and recall; None without predictions and gold."""
    return 2 * right / (predicted + gold) if predicted + gold else None


def f1_interval(counts: Sequence[tuple[int, int, int]]) -> Interval:
    """Return the percentile bootstrap interval of F1 over rows, from the (right, predicted, gold) of each row.

    Rows with equal counts are interchangeable, so it draws the frequency of each distinct count: the same distribution,
    much faster. The seed is fixed.
    """
    import numpy as np

    kinds, times = np.unique(np.asarray(counts, dtype=np.int64).reshape(-1, 3), axis=0, return_counts=True)
    n = int(times.sum())
    if n == 0:
        return Interval(0.0, 1.0)
    drawn = np.random.default_rng(_SEED).multinomial(n, times / n, size=_RESAMPLES)
    right, predicted, gold = (drawn @ kinds).T
    both = predicted + gold
    values = np.divide(2 * right, both, out=np.ones(_RESAMPLES), where=both > 0)
    low, high = np.percentile(values, (2.5, 97.5))
    return Interval(float(low), float(high))


def mcnemar(gained: int, lost: int, n: int) -> MetricChange:
    """Return the paired difference of two shares on the same ``n`` rows.

    The interval is Wald's with one row added to each kind of flip (Bonett and Price), which keeps its level on few
    rows; the test is exact.

    Raises:
        ValueError: there are more flipped rows than rows.
    """
    if min(gained, lost) < 0 or gained + lost > n:
        raise ValueError(f"{gained} gained and {lost} lost of {n} rows")
    if n == 0:
        return MetricChange(n, gained, lost, 0.0, -1.0, 1.0, 1.0)
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = _Z * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    low, high = max(-1.0, up - down - half), min(1.0, up - down + half)
    return MetricChange(n, gained, lost, (gained - lost) / n, low, high, _exact(gained, lost))


def _exact(gained: int, lost: int) -> float:
    """Return the two-sided probability of a split at least this uneven if both sides are equally likely."""
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(gained, lost), gained + lost, 0.5)))
