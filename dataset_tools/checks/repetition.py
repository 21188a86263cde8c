"""Repeated questions in a dataset."""

import hashlib
from array import array
from collections.abc import Sequence
from typing import Self

from dataset_tools.arabic.compare import compare_key
from dataset_tools.checks.base import DatasetDefects, Defect, Place, Rows, Scope, Severity, check
from dataset_tools.checks.row_view import Row
from dataset_tools.records.results import text_of

__all__ = ["query_of"]

_FEW = 200_000  # up to so many rows, a dictionary is faster


def query_of(row: Row) -> str:
    """Return the text of all user turns of a record."""
    return "\n".join([text_of(message) for message in row.messages if message["role"] == "user"])


@check(Severity.WARNING, Scope.DATASET, example="two rows that ask ما الطقس في جدة؟ and ما الطقس في جده")
class DuplicateQuery:
    """A question repeats an earlier one, exactly or under the Arabic compare key.

    In training and test, it makes scores meaningless; in training alone, it wastes steps.

    Holds 16 bytes per row: a hash of the question and the line.
    """

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._lines = array("Q")
        self._files: list[tuple[int, str]] = []  # index of the first row of each run of rows from one file

    def observe(self, rows: Rows) -> None:
        """Hash the questions."""
        hashes = bytearray()
        lines: list[int] = []
        for row in rows:
            key = compare_key(query_of(row))
            if not key:  # no question
                continue
            if not self._files or self._files[-1][1] != row.file:
                self._files.append((len(self._lines) + len(lines), row.file))
            hashes += hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            lines.append(row.line)
        self._hashes.frombytes(hashes)
        self._lines.extend(lines)

    def merge(self, other: Self) -> None:
        """Add the questions of the shard that follows."""
        before = len(self._hashes)
        self._hashes.extend(other._hashes)
        self._lines.extend(other._lines)
        self._files.extend((before + start, file) for start, file in other._files)

    def findings(self, most: int) -> DatasetDefects:
        """Return each repeated question in row order, with the place of the first one."""
        indices, firsts = (_repeats_of_few if len(self._hashes) <= _FEW else _repeats_of_many)(self._hashes)
        # A file may have millions of repetitions, of which few are shown.
        shown = len(indices) if most < 0 else most
        found = [self._found(*pair) for pair in zip(indices[:shown], firsts[:shown], strict=True)]
        return DatasetDefects(len(indices), len(indices), found)

    def _found(self, index: int, first: int) -> tuple[Place, Defect]:
        place, before = self._place(index), self._place(first)
        where = f"line {before.line}" if before.file == place.file else f"{before.file} line {before.line}"
        return place, Defect("messages", f"the same question is in {where}")

    def _place(self, index: int) -> Place:
        file = next(file for start, file in reversed(self._files) if start <= index)
        return Place(file, self._lines[index])


def _repeats_of_few(hashes: "array[int]") -> tuple[Sequence[int], Sequence[int]]:
    """Return the positions of repeated hashes, and the first position of each."""
    first: dict[int, int] = {}
    found = [first.setdefault(value, index) for index, value in enumerate(hashes)]
    indices = [index for index, before in enumerate(found) if before != index]
    return indices, [found[index] for index in indices]


def _repeats_of_many(hashes: "array[int]") -> tuple[Sequence[int], Sequence[int]]:
    """Return the same for at least one hash, in a third of the memory; NumPy takes a tenth of a second to import."""
    import numpy as np

    values = np.frombuffer(hashes, dtype=np.uint64)
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    first = np.empty_like(order)
    first[order] = np.repeat(order[starts], np.diff(np.append(starts, len(ranked))))
    indices = np.flatnonzero(first != np.arange(len(first)))
    return array("Q", indices.astype(np.uint64).tobytes()), array("Q", first[indices].astype(np.uint64).tobytes())
