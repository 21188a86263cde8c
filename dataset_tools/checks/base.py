"""What a check is: a named defect and a small generator that yields each place where some rows have it.

A check never prints, raises or repairs. Its function's name is the defect with underscores, its docstring the
one-line meaning; the decorator adds why it hurts, an example and what repairs it, from which the documentation is
made. A module of this package that defines checks is part of the catalogue: adding one needs no other change.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypeAlias

from dataset_tools.checks.row_view import Call, Row
from dataset_tools.tool_schema.declaration import Text, ToolView

__all__ = [
    "ADVICE",
    "Calls",
    "Check",
    "DatasetCheck",
    "Found",
    "Overall",
    "Place",
    "Repair",
    "Rows",
    "Scope",
    "Severity",
    "add",
    "catalogue",
    "check",
]


class Severity(StrEnum):
    """How bad a finding is: an error makes a training row wrong, a warning makes it worse than it could be."""

    ERROR = "error"
    WARNING = "warning"


class Scope(StrEnum):
    """What a check looks at. A check without any is reported while the row is read."""

    TEXT = "text"  # a string, of a message, an argument or a declaration, that is not plain
    TOOL = "tool"  # one declaration, looked at once however often it is offered
    CALL = "call"  # one tool call
    ROW = "row"  # one record
    DATASET = "dataset"  # all records together


class Repair(StrEnum):
    """Who can mend it."""

    CLEAN = "afg-data clean"
    FOLD = "afg-data clean --fold"
    PERSON = "a person"


ADVICE = {
    Repair.CLEAN: "afg-data clean repairs it",
    Repair.FOLD: "afg-data clean --fold repairs it",
    Repair.PERSON: "a person decides",
}
"""What a finding says where its check has nothing more to say."""


class Place(NamedTuple):
    """A row's file and line; line 0 of no file stands for the dataset as a whole."""

    file: str
    line: int


class Found(NamedTuple):
    """One defect: where, what, and what to do when there is more to say than the check's own advice."""

    path: str
    message: str
    hint: str = ""


# Records and calls come a batch at a time: starting a generator for each of them took longer than looking at it.
Rows: TypeAlias = Sequence[Row]
Calls: TypeAlias = Sequence[tuple[Row, Call]]


@dataclass(frozen=True, slots=True, eq=False)  # each is one of its kind, and is asked for its hash at every finding
class Check:
    """One entry of the catalogue.

    Attributes:
        code: the defect's name, which the reports use.
        severity: error or warning.
        meaning: what it finds, in one line.
        why: why that hurts training.
        example: a value that has the defect.
        repair: who can mend it.
        text: yields what it finds in one string that is not plain; told whether the text around it is Arabic.
        tool: yields what it finds in one declaration, with paths relative to the declaration.
        call: yields what it finds in some calls, each with its record.
        row: yields what it finds in some records, each with its record.
        dataset: makes a fresh observer of all records.
    """

    code: str
    severity: Severity
    meaning: str
    why: str
    example: str
    repair: Repair
    text: "TextCheck | None" = None
    tool: "ToolCheck | None" = None
    call: "CallCheck | None" = None
    row: "RowCheck | None" = None
    dataset: "type[DatasetCheck] | None" = None


class DatasetCheck(Protocol):
    """A check over all records: observes each, merges with its like from other shards, then finds.

    Instances are pickled between processes, so they hold plain data only.
    """

    CODE: ClassVar[str]

    def observe(self, rows: Rows) -> None:
        """Take note of some records."""

    def merge(self, other: Self) -> None:
        """Take over what the same check noted in the shard that follows."""

    def findings(self, most: int) -> "Overall":
        """The defects, in the order of the rows; ``most`` are shown, or all if it is -1."""


class Overall(NamedTuple):
    """What shows only in all rows together.

    Attributes:
        findings: how many there are.
        rows: how many rows they are in; the dataset as a whole is one.
        shown: the first of them, each with its row's place.
    """

    findings: int
    rows: int
    shown: list[tuple[Place, Found]]


TextCheck = Callable[[Text, bool], Iterator[Found]]
ToolCheck = Callable[[ToolView], Iterator[Found]]
CallCheck = Callable[[Calls], Iterator[tuple[Row, Found]]]
RowCheck = Callable[[Rows], Iterator[tuple[Row, Found]]]

_registry: dict[str, Check] = {}


def check(
    severity: Severity, scope: Scope, *, why: str, example: str, repair: Repair = Repair.PERSON
) -> Callable[[Any], Any]:
    """Enter a generator, or in dataset scope a class, into the catalogue under its own name."""

    def enter(run: Any) -> Any:  # noqa: ANN401 - a generator function or a class
        code = run.CODE if scope is Scope.DATASET else run.__name__.replace("_", "-")
        meaning = run.__doc__.strip().splitlines()[0].rstrip(".")
        add(Check(code, severity, meaning, why, example, repair, **{scope.value: run}))
        return run

    return enter


def add(entry: Check) -> None:
    """Enter a check that is made from data rather than written as a function."""
    _registry[entry.code] = entry


@cache
def catalogue() -> dict[str, Check]:
    """Every check by code, in alphabetical order."""
    package = importlib.import_module("dataset_tools.checks")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_registry.items()))
