"""Decisions about rows after a first pass, attached to the shards that hold these rows.

Decisions are streamed in row order together with the shards, so they are never all in memory.
"""

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from dataset_tools.errors import InputError, RowError, UsageError
from dataset_tools.readers.row_reader import POISON
from dataset_tools.readers.shards import Shard
from dataset_tools.readers.sources import DataFile

__all__ = ["Decision", "decided", "digest_of", "in_order", "merged"]


class Decision(NamedTuple):
    """Decision about one row.

    Attributes:
        file: place of its file.
        line: its line number.
        what: the split of the row, or the reason for its rejection. A row that was fatal before is not read again.
    """

    file: str
    line: int
    what: str | RowError

    @property
    def reason(self) -> str:
        """Return the reason for the rejection in words, or the split."""
        return self.what.what if isinstance(self.what, RowError) else self.what


def decided(shards: Iterable[Shard], decisions: Iterable[Decision]) -> Iterator[Shard]:
    """Yield each shard with the decisions about its rows; ``decisions`` are in row order.

    Raises:
        InputError: the file of a decision is in no shard.
    """
    shards, decisions = iter(shards), iter(decisions)
    shard, decision = next(shards, None), next(decisions, None)
    while shard is not None:
        following = next(shards, None)
        mine = []
        while decision is not None and _is_before(decision, shard, following):
            mine.append(decision)
            decision = next(decisions, None)
        yield _with(shard, mine) if mine else shard
        shard = following
    if decision is not None:
        where = f"{decision.file}:{decision.line}"
        raise InputError("the row no longer exists", where=where, hint="was the file changed during the run?")


def merged(files: Sequence[DataFile], *decisions: Iterable[Decision]) -> Iterator[Decision]:
    """Merge streams of decisions, each in row order, into one in row order."""
    places = {file.place: at for at, file in enumerate(files)}
    return heapq.merge(*decisions, key=lambda decision: (places[decision.file], decision.line))


def in_order(files: Sequence[DataFile], errors: Mapping[str, Mapping[int, RowError]]) -> Iterator[Decision]:
    """Yield known rejections, given by file and line, as decisions in row order.

    Raises:
        UsageError: a file of ``errors`` is not among ``files``.
    """
    unknown = errors.keys() - {file.place for file in files}
    if unknown:
        what = f"{min(unknown)} has refused rows, but is not an input"
        raise UsageError(what, hint="name files as `DataFile.place` does")
    for file in files:
        for line, error in sorted(errors.get(file.place, {}).items()):
            yield Decision(file.place, line, error)


def digest_of(decisions: Iterable[Decision]) -> str:
    """Return a checksum of decisions."""
    digest = hashlib.blake2b(digest_size=16)
    for file, line, what in decisions:
        code = what.code if isinstance(what, RowError) else ""
        digest.update(repr((file, line, code, str(what))).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def _with(shard: Shard, decisions: Iterable[Decision]) -> Shard:
    decided: list[tuple[int, str | RowError]] = []
    poison: list[tuple[int, str]] = []
    for decision in decisions:
        if isinstance(decision.what, RowError) and decision.what.code == POISON:
            poison.append((decision.line, decision.reason))
        else:
            decided.append((decision.line, decision.what))
    return replace(shard, decided=tuple(decided), poison=tuple(poison))


def _is_before(decision: Decision, shard: Shard, following: Shard | None) -> bool:
    """Return whether a decision is about a row of a shard, given the next shard."""
    if decision.file != shard.file.place:
        return False
    return following is None or following.file.place != decision.file or decision.line < following.first_line
