"""Assignment of groups by hash, and minimal moves for strata."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.errors import UsageError
from dataset_tools.split.division import TOLERANCE, assign_splits, require_shares
from dataset_tools.split.groups import LinkedRows


def groups(sizes: list[int]) -> list[LinkedRows]:
    """Return groups with distinct keys."""
    return [
        LinkedRows(hashlib.sha256(str(at).encode()).digest()[:16], list(range(size))) for at, size in enumerate(sizes)
    ]


def test_shares_are_the_requested_ones() -> None:
    """Ten thousand groups have the requested shares; another seed chooses other groups."""
    made = groups([1] * 10_000)
    splits = assign_splits(made, 0.1, 0.2, 0)
    assert splits.count("test") == pytest.approx(1000, abs=100)
    assert splits.count("validation") == pytest.approx(2000, abs=130)
    others = assign_splits(made, 0.1, 0.2, -7)
    assert sum(one == other == "test" for one, other in zip(splits, others, strict=True)) == pytest.approx(100, abs=40)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=80), st.data())
def test_new_groups_do_not_move_others(sizes: list[int], data: st.DataObject) -> None:
    """Without strata, the split depends only on the key of the group and the seed."""
    made = groups(sizes)
    chosen = data.draw(st.lists(st.sampled_from(range(len(made))), unique=True))
    splits = assign_splits(made, 0.3, 0.2, 5)
    assert assign_splits([made[at] for at in chosen], 0.3, 0.2, 5) == [splits[at] for at in chosen]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=120), st.sampled_from([0.05, 0.1, 0.3]), st.integers(0, 3))
def test_a_stratum_has_the_requested_shares(sizes: list[int], share: float, seed: int) -> None:
    """Each share is off by at most two points, or by less than the group at the border."""
    made = groups(sizes)
    splits = assign_splits(made, share, share, seed, [("x",)] * len(made))
    total = sum(sizes)
    for wanted, names in ((share, ("test",)), (2 * share, ("test", "validation"))):
        rows = sum(size for size, name in zip(sizes, splits, strict=True) if name in names)
        assert abs(rows / total - wanted) <= max(TOLERANCE, max(sizes) / total)


def test_only_necessary_groups_move() -> None:
    """Strata change nothing if the hash gives good shares."""
    made = groups([1] * 4000)
    assert assign_splits(made, 0.1, 0.1, 0, [("x",)] * 4000) == assign_splits(made, 0.1, 0.1, 0)


def test_a_share_of_zero_gives_no_rows() -> None:
    """A share of 0 gives an empty split, also with strata."""
    made = groups([3] * 50)
    assert "validation" not in assign_splits(made, 0.2, 0, 0, [("x",)] * 50)
    assert "test" not in assign_splits(made, 0, 0.2, 0, [("x",)] * 50)


@pytest.mark.parametrize("shares", [(0.0, 0.0), (0.5, 0.5), (-0.1, 0.5), (1.2, 0.1)])
def test_shares_without_training_rows_are_errors(shares: tuple[float, float]) -> None:
    """The error is one line with an example."""
    with pytest.raises(UsageError, match=r"invalid shares: .* \(for example --test 0.1 --validation 0.1\)"):
        require_shares(*shares)
