"""Decisions about rows after all were read, distributed to the shards with these rows.

Decisions come in the order of the rows. They are taken as the shards are, so those for later rows may be made while the
shards before are being done, and nobody holds all of them.
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
        file: where its file is.
        line: its line there.
        what: the side that it goes to, or why it is rejected. A row that was fatal before is not read again.
    """

    file: str
    line: int
    what: str | RowError

    @property
    def reason(self) -> str:
        """Why the row is rejected, in words; or its side."""
        return self.what.what if isinstance(self.what, RowError) else self.what


def decided(shards: Iterable[Shard], decisions: Iterable[Decision]) -> Iterator[Shard]:
    """Each shard with the decisions about its rows; ``decisions`` in the order of the shards' rows.

    Raises:
        InputError: a decision is about a file that is in no shard.
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
        raise InputError(
            "the row was there before, and is not any more", where=where, hint="was the file changed meanwhile?"
        )


def merged(files: Sequence[DataFile], *decisions: Iterable[Decision]) -> Iterator[Decision]:
    """Decisions of several kinds, each in the order of the rows, in that order; taken as they are needed."""
    places = {file.place: at for at, file in enumerate(files)}
    return heapq.merge(*decisions, key=lambda decision: (places[decision.file], decision.line))


def in_order(files: Sequence[DataFile], errors: Mapping[str, Mapping[int, RowError]]) -> Iterator[Decision]:
    """Decisions that are known already, by file and line, in the order of the rows.

    Raises:
        UsageError: one is about a file that is not among ``files``.
    """
    unknown = errors.keys() - {file.place for file in files}
    if unknown:
        what = f"rows of {min(unknown)} are refused, which is not read"
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
    """The shard with what was decided about its rows."""
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
