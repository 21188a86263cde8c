"""Defects of whole datasets: imbalance, and patterns that a model would learn instead of the task."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Self

from dataset_tools.checks.base import DatasetDefects, Defect, Place, Rows, Scope, Severity, check

__all__: list[str] = []

_WHOLE = Place("", 0)
_ENOUGH = 30  # below so many rows a share means little


class _Whole:
    """A check of the dataset as a whole: its attributes are numbers and counters, which merge by adding."""

    def merge(self, other: Self) -> None:
        """Add the counts of another shard."""
        for name, count in vars(other).items():
            vars(self)[name] += count

    def findings(self, most: int) -> DatasetDefects:
        """Return the defects, without a row."""
        found = list(self._found())
        shown = found if most < 0 else found[:most]
        return DatasetDefects(len(found), 1 if found else 0, [(_WHOLE, item) for item in shown])

    def _found(self) -> Iterator[Defect]:
        raise NotImplementedError


@check(Severity.WARNING, Scope.DATASET, example="the called tool is the first of four in every row")
class GoldToolPosition(_Whole):
    """The called tool is at one position of the list far more often than by chance.

    The model learns to call the tool at that position without reading the others.

    By chance it is there in one of n rows, with n tools offered. Reported from 30 rows, if the share is more than twice
    that (with two tools, more than three quarters).
    """

    def __init__(self) -> None:
        self._rows = 0
        self._seen: Counter[int] = Counter()
        self._offered: Counter[int] = Counter()  # rows by the number of tools that they offer

    def observe(self, rows: Rows) -> None:
        """Count the positions of the first called tools."""
        for row in rows:
            offered = len(row.tools)
            tool = row.calls[0].tool if row.calls else None
            if tool is not None and offered > 1:  # a choice needs two
                self._rows += 1
                self._seen[row.tools.index(tool)] += 1
                self._offered[offered] += 1

    def _found(self) -> Iterator[Defect]:
        if self._rows < _ENOUGH:
            return
        for position, count in self._seen.most_common(1):
            expected = sum(rows / offered for offered, rows in sorted(self._offered.items()) if offered > position)
            if count > min(2 * expected, (self._rows + expected) / 2):
                ordinal = "first" if position == 0 else f"number {position + 1}"
                message = (
                    f"the called tool is {ordinal} in {count} of {self._rows} rows; {expected:.0f} expected by chance"
                )
                yield Defect("tools", message, "shuffle the tools of each row")


@check(Severity.WARNING, Scope.DATASET, example="cancel_flight offered in 900 rows, called in none")
class NeverCalledTool(_Whole):
    """A tool is offered in 30 or more rows and never called.

    The model learns that this tool is always wrong.
    """

    def __init__(self) -> None:
        self._offered: Counter[str] = Counter()
        self._called: Counter[str] = Counter()

    def observe(self, rows: Rows) -> None:
        """Count the tools offered, and collect those called."""
        self._offered.update([name for row in rows for name in row.names])
        self._called.update([call.name for row in rows for call in row.calls])

    def _found(self) -> Iterator[Defect]:
        for name, count in sorted(self._offered.items()):
            if count >= _ENOUGH and name not in self._called:
                yield Defect("tools", f"{name!r} is offered in {count} rows and never called")


@check(Severity.WARNING, Scope.DATASET, example="msa 9,000 rows, maghrebi 120")
class DialectImbalance(_Whole):
    """A dialect has less than a fifth of the rows of the most frequent one.

    The model is worst at the rare dialects, and a score over all rows hides it.
    """

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()

    def observe(self, rows: Rows) -> None:
        """Count the dialects."""
        self._rows.update([dialect for row in rows if (dialect := row.record.get("dialect"))])

    def _found(self) -> Iterator[Defect]:
        if sum(self._rows.values()) < _ENOUGH:
            return
        most, rows = max(self._rows.items(), key=lambda item: (item[1], item[0]))
        for dialect, count in sorted(self._rows.items()):
            if count * 5 < rows:
                yield Defect("dialect", f"rows of {dialect!r}: {count}; of {most!r}: {rows}")


@check(Severity.WARNING, Scope.DATASET, example="500 rows, every one with a call")
class NegativeRatio(_Whole):
    """Fewer than 5% or more than 50% of the rows have no call.

    Without rows that have no call the model always calls a tool; with too many it rarely does.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._negative = 0

    def observe(self, rows: Rows) -> None:
        """Count the records, and those without a call."""
        self._rows += len(rows)
        self._negative += sum([not row.calls for row in rows])

    def _found(self) -> Iterator[Defect]:
        share = self._negative / max(self._rows, 1)
        if self._rows >= _ENOUGH and not 0.05 <= share <= 0.5:  # noqa: PLR2004 - the bounds of the docstring
            message = f"{self._negative} of {self._rows} rows have no call ({share:.1%})"
            yield Defect("messages", message, "aim for 10% to 30%")


_ARABIC = re.compile("[ء-غف-ي]")
_LATIN = re.compile("[A-Za-z]")


@check(Severity.WARNING, Scope.DATASET, example='"country": "الأردن" in some rows and "Jordan" in others')
class MixedScriptParameter(_Whole):
    """A parameter has Arabic values in some rows and Latin values in others.

    The model cannot know which script to use, so half of its answers count as wrong.

    Reported if the rarer script has at least a tenth of 30 or more values.
    """

    def __init__(self) -> None:
        self._arabic: Counter[str] = Counter()
        self._latin: Counter[str] = Counter()

    def observe(self, rows: Rows) -> None:
        """Count the scripts of text arguments."""
        for row in rows:
            for call in row.calls:
                for path, value in call.values:
                    if not isinstance(value, str):
                        continue
                    if value.isascii():
                        if _LATIN.search(value):
                            self._latin[call.name + path.split("[")[0]] += 1
                    elif _ARABIC.search(value):
                        self._arabic[call.name + path.split("[")[0]] += 1

    def _found(self) -> Iterator[Defect]:
        for name in sorted(self._arabic.keys() & self._latin.keys()):
            arabic, latin = self._arabic[name], self._latin[name]
            if arabic + latin >= _ENOUGH and min(arabic, latin) * 10 >= arabic + latin:
                yield Defect("arguments", f"{name}: {arabic} Arabic and {latin} Latin values")
