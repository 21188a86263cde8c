"""Intervals: published and independent figures, and properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluate.intervals import f1, f1_interval, mcnemar, wilson


@pytest.mark.parametrize(
    "hits, n, low, high",
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_figures(hits: int, n: int, low: float, high: float) -> None:
    """To four digits."""
    found = wilson(hits, n)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_contains_the_share(counts: tuple[int, int]) -> None:
    """The ends are between 0 and 1, and the complement has the mirrored interval."""
    hits, n = counts
    found, mirrored = wilson(hits, n), wilson(n - hits, n)
    assert 0 <= found.low <= (hits / n if n else 0.5) <= found.high <= 1
    assert math.isclose(found.low, 1 - mirrored.high, abs_tol=1e-12)


def test_impossible_counts_are_refused() -> None:
    """More hits than rows are an error of the caller."""
    with pytest.raises(ValueError, match="3 hits in 2 rows"):
        wilson(3, 2)
    with pytest.raises(ValueError, match="of 2 rows"):
        mcnemar(2, 1, 2)


def test_f1_of_counts() -> None:
    """Two of three predicted and two of four gold names are right."""
    assert f1(2, 3, 4) == 4 / 7
    assert f1(0, 0, 0) is None


def test_the_bootstrap_equals_one_over_rows() -> None:
    """Drawing counts gives the interval of drawing rows, up to noise."""
    rng = np.random.default_rng(7)
    gold = rng.integers(1, 5, 300)
    right = np.minimum(rng.integers(0, 5, 300), gold)
    rows = [
        (int(r), int(r) + int(extra), int(g)) for r, g, extra in zip(right, gold, rng.integers(0, 2, 300), strict=True)
    ]
    table = np.array(rows)
    drawn = table[rng.integers(0, 300, (4000, 300))].sum(axis=1)
    expected = np.percentile(2 * drawn[:, 0] / (drawn[:, 1] + drawn[:, 2]), (2.5, 97.5))
    assert np.allclose(f1_interval(rows), expected, atol=0.006)
    assert f1_interval(rows) == f1_interval(rows)
    assert f1_interval([]) == (0.0, 1.0)


@pytest.mark.parametrize(
    "gained, lost, p",
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (1, 0, 1.0),
        (6, 0, 0.03125),
        (0, 10, 0.001953125),
        (10, 2, 79 * 2 / 4096),
        (8, 1, 20 / 512),
    ],
)
def test_mcnemar_is_exact(gained: int, lost: int, p: float) -> None:
    """The two-sided binomial probability, calculated by hand."""
    assert math.isclose(mcnemar(gained, lost, 100).p, p, rel_tol=1e-12)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200))
def test_swapping_the_systems_mirrors_the_difference(gained: int, lost: int, kept: int) -> None:
    """The interval is mirrored, too."""
    n = gained + lost + kept
    one, other = mcnemar(gained, lost, n), mcnemar(lost, gained, n)
    assert math.isclose(one.p, other.p)
    assert (one.difference, one.low, one.high) == (-other.difference, -other.high, -other.low)
    assert -1 <= one.low <= one.high <= 1


def test_the_paired_interval_keeps_its_level() -> None:
    """It contains a known difference in about 95 of 100 experiments."""
    rng = np.random.default_rng(3)
    for n, up, down in ((50, 0.1, 0.05), (200, 0.2, 0.1), (500, 0.02, 0.02)):
        flips = rng.multinomial(n, (up, down, 1 - up - down), size=2000)
        inside = [
            found.low <= up - down <= found.high for won, lost, _ in flips.tolist() for found in [mcnemar(won, lost, n)]
        ]
        assert 0.93 <= np.mean(inside) <= 0.985


def test_many_flips_are_fast() -> None:
    """Fifty thousand flipped rows neither overflow nor take long."""
    assert mcnemar(25_000, 25_000, 60_000).p == 1
    assert 0 <= mcnemar(26_000, 24_000, 60_000).p < 1e-15
