"""How far a number can be trusted: 95% intervals of shares, of F1, and of the difference of paired shares."""

import math
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Interval", "Paired", "f1", "f1_interval", "mcnemar", "wilson"]

_Z = 1.959963984540054  # two-sided 95% of the normal distribution
_FEW = 1000  # flipped rows for which whole numbers are quick enough
_RESAMPLES = 2000
_SEED = 20260


class Interval(NamedTuple):
    """The two ends of an interval."""

    low: float
    high: float


class Paired(NamedTuple):
    """Two systems on the same rows.

    Attributes:
        difference: the second's share less the first's.
        low: lower end of the 95% interval of the difference.
        high: its upper end.
        p: of McNemar's exact test: how likely so lopsided a split of the flipped rows is where both are equally good.
    """

    difference: float
    low: float
    high: float
    p: float


def wilson(hits: int, n: int) -> Interval:
    """Wilson's score interval of a share; the whole range where there is nothing to count.

    Raises:
        ValueError: more hits than rows.
    """
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} hits in {n} rows")
    if n == 0:
        return Interval(0.0, 1.0)
    share, z = hits / n, _Z * _Z
    middle = (share + z / (2 * n)) / (1 + z / n)
    half = _Z * math.sqrt(share * (1 - share) / n + z / (4 * n * n)) / (1 + z / n)
    # Rounding must not push an end past the share itself or past the scale.
    low = 0.0 if hits == 0 else max(0.0, min(middle - half, share))
    high = 1.0 if hits == n else min(1.0, max(middle + half, share))
    return Interval(low, high)


def f1(right: int, predicted: int, gold: int) -> float | None:
    """The harmonic mean of precision and recall; None where there is neither a prediction nor gold."""
    return 2 * right / (predicted + gold) if predicted + gold else None


def f1_interval(counts: Sequence[tuple[int, int, int]]) -> Interval:
    """Percentile bootstrap over rows of the F1 of all of them; ``counts`` holds (right, predicted, gold) of each row.

    Rows with the same counts are interchangeable, so drawing rows is drawing how often each distinct count occurs: the
    same distribution, in a fraction of the time. The seed is fixed, so the same rows give the same interval.
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


def mcnemar(gained: int, lost: int, n: int) -> Paired:
    """The paired difference of two shares on the same ``n`` rows, of which some were gained and some lost.

    The interval is Wald's with one row added to each kind of flip (Bonett and Price), which keeps its level on few
    rows; the test is exact.

    Raises:
        ValueError: more flipped rows than rows.
    """
    if min(gained, lost) < 0 or gained + lost > n:
        raise ValueError(f"{gained} gained and {lost} lost of {n} rows")
    if n == 0:
        return Paired(0.0, -1.0, 1.0, 1.0)
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = _Z * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return Paired((gained - lost) / n, max(-1.0, up - down - half), min(1.0, up - down + half), _exact(gained, lost))


def _exact(gained: int, lost: int) -> float:
    """Two-sided probability of a split at least as lopsided when either side is as likely."""
    flipped = gained + lost
    if gained == lost:
        return 1.0
    if flipped <= _FEW:
        ways = sum(math.comb(flipped, k) for k in range(min(gained, lost) + 1))
        return min(1.0, 2 * ways / (1 << flipped))
    logs = [_log_binomial(flipped, k) - flipped * math.log(2) for k in range(min(gained, lost) + 1)]
    return min(1.0, 2 * math.fsum(map(math.exp, logs)))


def _log_binomial(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
