"""Division of the rows of a split: the split of each row by hash, with minimal moves for strata, or why it has none."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dataset_tools.dedup.keys import Keys, RowKey
from dataset_tools.errors import RowError, UsageError
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.row_decisions import Decision, merged
from dataset_tools.readers.sources import DataFile
from dataset_tools.records.reading import ReadOptions
from dataset_tools.split.groups import LinkedRows, groups_of, leaks_of

__all__ = ["FIELDS", "FORMATS", "SPLITS", "Division", "SplitOptions", "assign_splits", "divide", "require_shares"]

Stratum = tuple[str, ...]

SPLITS = ("train", "validation", "test")
"""Names of the splits."""

TOLERANCE = 0.02
"""Allowed deviation of a share in a stratum; beyond it, the groups nearest to the border move."""

FIELDS = ("dialect", "domain")
"""Fields counted in every split: the first labels of each row."""

FORMATS = ("parquet", "jsonl")
"""File formats of the splits."""

_LEAKS = {
    "question": "asks the same as",
    "near": "asks nearly the same as",
    "call": "makes the same call as",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOptions:
    """Options of ``split``.

    Attributes:
        test: share of test rows.
        validation: share of validation rows.
        seed: seed of the assignment.
        by: fields to stratify by, such as dialect and domain.
        near: Jaccard similarity, from 0.3 to 1, from which questions stay in one split; None for equal ones only.
        against: evaluation data; rows that repeat one of its questions or calls are rejected.
        reports: reports of `afg-data clean` and `dedup`, for the card.
        format: parquet or jsonl.
        reading: options for reading rows.
        work: the processes that do the work.
    """

    test: float = 0.1
    validation: float = 0.1
    seed: int = 0
    by: tuple[str, ...] = ()
    near: float | None = 0.8
    against: tuple[str, ...] = ()
    reports: tuple[Path, ...] = ()
    format: str = "parquet"
    reading: ReadOptions = field(default_factory=ReadOptions)
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True)
class Division:
    """The rows of a split.

    Attributes:
        splits: the groups of each split that is not empty.
        rows: the keys of each row; groups refer to rows by position.
        leaks: rows that repeat evaluation data: position, kind of leak, and the repeated row.
        places: the split of each row, or the reason why it has none, in order; None for evaluation data.
        poison: the rows that end a worker process, without those of evaluation data.
    """

    splits: Mapping[str, Sequence[LinkedRows]]
    rows: Sequence[RowKey]
    leaks: Sequence[tuple[int, str, RowKey]]
    places: Sequence[str | RowError | None]
    poison: Sequence[Decision]

    def decisions(self, files: Sequence[DataFile]) -> Iterator[Decision]:
        """Return the decision about each row of the split files, in order."""
        placed = zip(self.rows, self.places, strict=True)
        made = (Decision(row.file, row.line, place) for row, place in placed if place is not None)
        return merged(files, made, self.poison)

    def without(self, lost: Collection[tuple[str, int]]) -> "Division":
        """Return the division without rows, by file and line, that could not be read a second time."""
        if not lost:
            return self
        lost = set(lost)
        gone = {at for at, row in enumerate(self.rows) if (row.file, row.line) in lost}
        kept = {
            split: [replace(group, rows=[at for at in group.rows if at not in gone]) for group in groups]
            for split, groups in self.splits.items()
        }
        splits = {split: [group for group in groups if group.rows] for split, groups in kept.items()}
        return replace(self, splits=splits, leaks=[leak for leak in self.leaks if leak[0] not in gone])

    def rows_of(self, split: str) -> list[RowKey]:
        """Return the rows of one split."""
        return [self.rows[at] for group in self.splits[split] for at in group.rows]

    def stratum(self, group: LinkedRows) -> Stratum:
        """Return the most frequent labels of a group to stratify by."""
        return _stratum(self.rows, group)


def divide(keys: Keys, held_out: Sequence[DataFile], options: SplitOptions) -> Division:
    """Assign each row to a split.

    Args:
        keys: the keys of the evaluation data and of the rows to split.
        held_out: the files of the evaluation data.
        options: see :class:`SplitOptions`.
    """
    apart = {file.place for file in held_out}
    tested = [at for at, row in enumerate(keys.rows) if row.file in apart]
    chosen = [at for at, row in enumerate(keys.rows) if row.file not in apart]
    leaks = leaks_of(keys, chosen, tested, options.near) if tested else {}
    groups = groups_of(keys, [at for at in chosen if at not in leaks], options.near)
    strata = [_stratum(keys.rows, group) for group in groups] if options.by else None
    splits: dict[str, list[LinkedRows]] = {split: [] for split in SPLITS}
    for group, split in zip(
        groups, assign_splits(groups, options.test, options.validation, options.seed, strata), strict=True
    ):
        splits[split].append(group)
    places: list[str | RowError | None] = [None] * len(keys.rows)
    for split, found in splits.items():
        for at in (at for group in found for at in group.rows):
            places[at] = split
    for at, (kind, row) in leaks.items():
        what = f"{_LEAKS[kind]} {row.id!r} (line {row.line}) of the evaluation data"
        places[at] = RowError(f"leaked-{kind}", what, repeats=row.id)
    left_out = [(at, f"leaked-{kind}", row) for at, (kind, row) in leaks.items()]
    poison = [row for row in keys.poison if row.file not in apart]
    return Division({split: found for split, found in splits.items() if found}, keys.rows, left_out, places, poison)


def _stratum(rows: Sequence[RowKey], group: LinkedRows) -> Stratum:
    labels = Counter(rows[at].labels[len(FIELDS) :] for at in group.rows)
    return min(labels, key=lambda label: (-labels[label], label))


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
