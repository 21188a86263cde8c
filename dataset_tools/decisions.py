"""What was decided about rows when all of them had been read, given to each shard with the rows that it holds.

Decisions come in the order of the rows. They are taken as the shards are, so those for later rows may be made while the
shards before are being done, and nobody holds all of them.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from dataset_tools.errors import InputError, RowError
from dataset_tools.shards import Shard
from dataset_tools.sources import DataFile

__all__ = ["Decision", "decided", "digest_of", "in_order"]


class Decision(NamedTuple):
    """What becomes of one row.

    Attributes:
        file: where its file is.
        line: its line there.
        what: the side that it goes to, or why it is rejected.
    """

    file: str
    line: int
    what: str | RowError


def decided(shards: Iterable[Shard], decisions: Iterable[Decision]) -> Iterator[Shard]:
    """Each shard with the decisions about its rows; ``decisions`` in the order of the shards' rows.

    Raises:
        InputError: a decision is about a row that no shard holds.
    """
    shards, decisions = iter(shards), iter(decisions)
    shard, decision = next(shards, None), next(decisions, None)
    while shard is not None:
        following = next(shards, None)
        mine = []
        while decision is not None and _is_before(decision, shard, following):
            mine.append((decision.line, decision.what))
            decision = next(decisions, None)
        yield replace(shard, decided=tuple(mine)) if mine else shard
        shard = following
    if decision is not None:
        what = "the row was there before, and is not any more"
        raise InputError(what, where=f"{decision.file}:{decision.line}", hint="was the file changed meanwhile?")


def in_order(files: Sequence[DataFile], errors: Mapping[str, Mapping[int, RowError]]) -> Iterator[Decision]:
    """Decisions that are known already, by file and line, in the order of the rows."""
    for file in files:
        for line, error in sorted(errors.get(file.place, {}).items()):
            yield Decision(file.place, line, error)


def digest_of(decisions: Iterable[Decision]) -> str:
    """What decisions are known again by."""
    digest = hashlib.blake2b(digest_size=16)
    for file, line, what in decisions:
        code = what.code if isinstance(what, RowError) else ""
        digest.update(repr((file, line, code, str(what))).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def _is_before(decision: Decision, shard: Shard, following: Shard | None) -> bool:
    """Whether a decision is about a row of a shard, given the shard after it."""
    if decision.file != shard.file.place:
        return False
    return following is None or following.file.place != decision.file or decision.line < following.first_line
