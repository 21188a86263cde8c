"""Questions that are asked more than once in a dataset."""

import hashlib
from array import array
from collections.abc import Sequence
from typing import ClassVar, Self

from dataset_tools.arabic.compare import compare_key
from dataset_tools.checks.base import Found, Overall, Place, Rows, Scope, Severity, check
from dataset_tools.checks.row_view import Row

__all__ = ["query_of"]

_FEW = 200_000  # rows whose questions are compared in Python's own dictionary


def query_of(row: Row) -> str:
    """What the user asked: every user turn of the record."""
    return "\n".join([message["content"] for message in row.messages if message["role"] == "user"])


@check(
    Severity.WARNING,
    Scope.DATASET,
    why="The same question in training and test makes scores meaningless; in training alone it wastes steps",
    example="two rows that ask ما الطقس في جدة؟ and ما الطقس في جده",
)
class DuplicateQuery:
    """A question was asked before, letter for letter or under the Arabic compare key.

    Holds 16 bytes a row: a hash of the question and the row's line.
    """

    CODE: ClassVar[str] = "duplicate-query"

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._lines = array("Q")
        self._files: list[tuple[int, str]] = []  # index of the first row of each run of rows from one file

    def observe(self, rows: Rows) -> None:
        """Take note of the records' questions."""
        hashes = bytearray()
        lines: list[int] = []
        for row in rows:
            key = compare_key(query_of(row))
            if not key:  # nothing was asked, so nothing is asked again
                continue
            if not self._files or self._files[-1][1] != row.file:
                self._files.append((len(self._lines) + len(lines), row.file))
            hashes += hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            lines.append(row.line)
        self._hashes.frombytes(hashes)
        self._lines.extend(lines)

    def merge(self, other: Self) -> None:
        """Take over the questions of the shard that follows."""
        before = len(self._hashes)
        self._hashes.extend(other._hashes)
        self._lines.extend(other._lines)
        self._files.extend((before + start, file) for start, file in other._files)

    def findings(self, most: int) -> Overall:
        """Each repeated question, in order of its row, with the place where it stood first."""
        indices, firsts = (_repeats_of_few if len(self._hashes) <= _FEW else _repeats_of_many)(self._hashes)
        # A file may hold millions of repetitions, and few of them are shown.
        shown = len(indices) if most < 0 else most
        found = [self._found(*pair) for pair in zip(indices[:shown], firsts[:shown], strict=True)]
        return Overall(len(indices), len(indices), found)

    def _found(self, index: int, first: int) -> tuple[Place, Found]:
        place, before = self._place(index), self._place(first)
        where = f"line {before.line}" if before.file == place.file else f"{before.file} line {before.line}"
        return place, Found("messages", f"the same question stands in {where}")

    def _place(self, index: int) -> Place:
        file = next(file for start, file in reversed(self._files) if start <= index)
        return Place(file, self._lines[index])


def _repeats_of_few(hashes: "array[int]") -> tuple[Sequence[int], Sequence[int]]:
    """The positions of hashes that stand before as well, and where each stood first."""
    first: dict[int, int] = {}
    found = [first.setdefault(value, index) for index, value in enumerate(hashes)]
    indices = [index for index, before in enumerate(found) if before != index]
    return indices, [found[index] for index in indices]


def _repeats_of_many(hashes: "array[int]") -> tuple[Sequence[int], Sequence[int]]:
    """The same, of one hash or more, in a third of the memory; its library takes a tenth of a second to import."""
    import numpy as np

    values = np.frombuffer(hashes, dtype=np.uint64)
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    first = np.empty_like(order)
    first[order] = np.repeat(order[starts], np.diff(np.append(starts, len(ranked))))
    indices = np.flatnonzero(first != np.arange(len(first)))
    return array("Q", indices.astype(np.uint64).tobytes()), array("Q", first[indices].astype(np.uint64).tobytes())
