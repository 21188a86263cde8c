"""Assignment of groups to splits by hash, with minimal moves for strata."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from dataset_tools.errors import UsageError
from dataset_tools.split.groups import LinkedRows

Stratum = tuple[str, ...]

__all__ = ["SPLITS", "TOLERANCE", "assign_splits", "require_shares"]

SPLITS = ("train", "validation", "test")
"""Names of the splits."""

TOLERANCE = 0.02
"""Allowed deviation of a share in a stratum; beyond it, the groups nearest to the border move."""


def require_shares(test: float, validation: float) -> None:
    """Require shares that leave rows for training.

    Raises:
        UsageError: a share is negative, both are 0, or they add up to 1 or more.
    """
    if min(test, validation) < 0 or not 0 < test + validation < 1:
        what = f"invalid shares: {test:g} for test, {validation:g} for validation"
        raise UsageError(what, hint="for example --test 0.1 --validation 0.1")


def assign_splits(
    groups: Sequence[LinkedRows], test: float, validation: float, seed: int, strata: Sequence[Stratum] | None = None
) -> list[str]:
    """Return the split of each group.

    A hash maps each group to a number from 0 to 1; groups below ``test`` are the test split. So new groups never move
    others.

    Args:
        groups: the groups.
        test: share of test rows.
        validation: share of validation rows.
        seed: seed of the hash.
        strata: the stratum of each group. If a share in a stratum is off by more than :data:`TOLERANCE`, its border
            moves over as few groups as possible.
    """
    draws = [_draw(group.key, seed) for group in groups]
    inside: dict[Stratum, list[int]] = defaultdict(list)
    for at in range(len(groups)):
        inside[strata[at] if strata else ()].append(at)
    stratified, splits = strata is not None, ["train"] * len(groups)
    for members in inside.values():
        members.sort(key=lambda at: (draws[at], groups[at].key))
        sizes = [len(groups[at].rows) for at in members]
        placed = [draws[at] for at in members]
        cut = _border(placed, sizes, test, stratified=stratified)
        until = max(cut, _border(placed, sizes, test + validation, stratified=stratified))
        for place, at in enumerate(members[:until]):
            splits[at] = "test" if place < cut else "validation"
    return splits


def _border(draws: Sequence[float], sizes: Sequence[int], share: float, *, stratified: bool) -> int:
    """Return the number of groups of a stratum, in the order of their draws, below a share."""
    cut = sum(draw < share for draw in draws)
    if not stratified or not share:
        return cut
    total, below = sum(sizes), sum(sizes[:cut])

    def off(rows: int) -> float:
        return abs(rows / total - share)

    while off(below) > TOLERANCE:
        down = below < share * total
        moved = below + (sizes[cut] if down else -sizes[cut - 1])
        if off(moved) >= off(below):
            break  # the group at the border is larger than what is missing
        cut, below = cut + (1 if down else -1), moved
    return cut


def _draw(key: bytes, seed: int) -> float:
    digest = hashlib.blake2b(key, digest_size=8, salt=seed.to_bytes(8, "little", signed=True)).digest()
    return int.from_bytes(digest, "big") / 2**64
