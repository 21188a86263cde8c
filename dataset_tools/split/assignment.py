"""Which side of a split a group is on: by a hash of what it is known by, corrected only where a stratum needs it."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from dataset_tools.errors import UsageError
from dataset_tools.split.groups import LinkedRows

Stratum = tuple[str, ...]

__all__ = ["SIDES", "TOLERANCE", "require_shares", "sides_of"]

SIDES = ("train", "validation", "test")
"""The sides, by name."""

TOLERANCE = 0.02
"""How far the share of a side may be off in a stratum, before the groups nearest to the border move."""


def require_shares(test: float, validation: float) -> None:
    """Make sure that the shares leave something to train on.

    Raises:
        UsageError: they do not.
    """
    if min(test, validation) < 0 or not 0 < test + validation < 1:
        what = f"{test:g} for testing and {validation:g} for validation make no split"
        raise UsageError(what, hint="for example --test 0.1 --validation 0.1")


def sides_of(
    groups: Sequence[LinkedRows], test: float, validation: float, seed: int, strata: Sequence[Stratum] | None = None
) -> list[str]:
    """The side of each group.

    A hash puts each group at a number from 0 to 1, and what lies below ``test`` is tested on. So groups that come
    later move none of the others.

    Args:
        groups: the groups.
        test: the share of rows to test on.
        validation: the share of rows to watch training with.
        seed: another one gives another split.
        strata: the stratum of each group. Where the share of a side in a stratum is off by more than
            :data:`TOLERANCE`, its border moves over as few groups as bring it back.
    """
    draws = [_draw(group.key, seed) for group in groups]
    inside: dict[Stratum, list[int]] = defaultdict(list)
    for at in range(len(groups)):
        inside[strata[at] if strata else ()].append(at)
    stratified, sides = strata is not None, ["train"] * len(groups)
    for members in inside.values():
        members.sort(key=lambda at: (draws[at], groups[at].key))
        sizes = [len(groups[at].rows) for at in members]
        placed = [draws[at] for at in members]
        cut = _border(placed, sizes, test, stratified=stratified)
        until = max(cut, _border(placed, sizes, test + validation, stratified=stratified))
        for place, at in enumerate(members[:until]):
            sides[at] = "test" if place < cut else "validation"
    return sides


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
