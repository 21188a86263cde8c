"""Groups of rows connected, directly or indirectly, by equal or similar questions or by equal calls.

A group must stay in one split; otherwise test rows leak into training. Its key is the smallest digest of its rows, so
neither the order of rows nor other groups change it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dataset_tools.dedup.keys import Keys, RowKey
from dataset_tools.dedup.minhash import Buckets, Texts

__all__ = ["LinkedRows", "groups_of", "leaks_of"]

# A question with this many dissimilar candidates fills the same template as they do. It joins their group, which cannot
# leak, so that the number of comparisons stays bounded.
_MOST_COMPARED = 1000


@dataclass(frozen=True, slots=True)
class LinkedRows:
    """Rows that must stay in one split.

    Attributes:
        key: smallest digest of the rows.
        rows: their positions in the keys, in order.
    """

    key: bytes
    rows: list[int]


def groups_of(keys: Keys, chosen: Sequence[int], threshold: float | None) -> list[LinkedRows]:
    """Return the groups of some rows.

    Args:
        keys: the keys of all rows.
        chosen: positions of the rows to group.
        threshold: Jaccard similarity from which questions belong together; None for equal ones only.
    """
    trees = _Trees(len(keys.rows))
    asked: dict[int, int] = {}  # the first row with each question
    called: dict[bytes, int] = {}
    for at in chosen:
        row = keys.rows[at]
        if row.question:
            trees.join(asked.setdefault(keys.places[at], at), at)
        for call in row.calls:
            trees.join(called.setdefault(call, at), at)
    if threshold is not None and keys.hashes is not None and keys.sketches is not None:
        _join_alike(Texts(keys.questions, keys.sketches, threshold), Buckets(keys.hashes), asked, trees)
    members: dict[int, list[int]] = defaultdict(list)
    for at in chosen:
        members[trees.root(at)].append(at)
    return [LinkedRows(min(_digest(keys.rows[at]) for at in rows), rows) for rows in members.values()]


def leaks_of(
    keys: Keys, chosen: Sequence[int], held_out: Sequence[int], threshold: float | None
) -> dict[int, tuple[str, RowKey]]:
    """Return the rows of ``chosen`` that repeat a question or call of ``held_out`` exactly or nearly.

    Returns:
        For each, the kind of leak (``question``, ``near`` or ``call``) and the repeated row.
    """
    asked = {keys.places[at]: at for at in reversed(held_out) if keys.rows[at].question}
    called = {call: at for at in reversed(held_out) for call in keys.rows[at].calls}
    near: dict[int, int] = {}
    if threshold is not None and keys.hashes is not None and keys.sketches is not None:
        near = _alike_to(keys.questions, Texts(keys.questions, keys.sketches, threshold), Buckets(keys.hashes), asked)
    found: dict[int, tuple[str, RowKey]] = {}
    for at in chosen:
        row, place = keys.rows[at], keys.places[at]
        call = next((call for call in row.calls if call in called), None)
        if place in asked:
            found[at] = ("question", keys.rows[asked[place]])
        elif call is not None:
            found[at] = ("call", keys.rows[called[call]])
        elif place in near:
            found[at] = ("near", keys.rows[asked[near[place]]])
    return found


class _Trees:
    """Disjoint sets of rows (union-find)."""

    def __init__(self, size: int) -> None:
        self._above = list(range(size))

    def root(self, at: int) -> int:
        above = self._above
        while above[at] != at:
            above[at] = above[above[at]]
            at = above[at]
        return at

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        self._above[second] = first


def _join_alike(texts: Texts, buckets: Buckets, asked: dict[int, int], trees: _Trees) -> None:
    """Join the rows with similar questions; ``asked`` has a row for each question."""
    # Questions of each bucket by the root of their tree: a question is compared only with trees it does not belong to.
    filled: dict[int, dict[int, list[int]]] = defaultdict(dict)
    for place, row in asked.items():
        compared = 0
        for bucket in buckets.of(place):
            trees_in = filled[bucket]
            for known in list(trees_in):
                if trees.root(known) == trees.root(row):
                    continue
                looked_at = trees_in[known][: _MOST_COMPARED - compared]
                like = next(texts.alike(place, looked_at), None)
                compared += len(looked_at) if like is None else like[0] + 1
                if like or len(looked_at) < len(trees_in[known]):
                    trees.join(known, row)
            mine = trees.root(row)
            joined = [known for known in trees_in if known != mine and trees.root(known) == mine]
            together = trees_in.setdefault(mine, [])
            for known in joined:
                together.extend(trees_in.pop(known))
            together.append(place)


def _alike_to(questions: Sequence[str], texts: Texts, buckets: Buckets, asked: dict[int, int]) -> dict[int, int]:
    """Return the similar question in ``asked`` for each question that has one."""
    filled: dict[int, list[int]] = defaultdict(list)
    for place in asked:
        for bucket in buckets.of(place):
            filled[bucket].append(place)

    def others(place: int) -> Iterator[int]:
        for bucket in buckets.of(place):
            yield from filled.get(bucket, ())

    found: dict[int, int] = {}
    for place, question in enumerate(questions):
        if not question or place in asked:
            continue
        near = list(dict.fromkeys(others(place)))
        like = next(texts.alike(place, near), None)
        if like:
            found[place] = near[like[0]]
    return found


def _digest(row: RowKey) -> bytes:
    digest = hashlib.blake2b(row.question.encode("utf-8", "surrogatepass"), digest_size=16)
    for call in row.calls:
        digest.update(call)
    return digest.digest()
