"""Catalogue of checks: each is a named defect and a small generator that yields the places that have it.

A check never prints, raises or repairs. The name of its function or class gives its code, the docstring its one-line
meaning and then the reason; the decorator adds an example and the repair. The documentation is generated from these.
Every module of this package that defines checks is part of the catalogue: adding one needs no other change.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypeAlias

from dataset_tools.arabic.language import Language
from dataset_tools.checks.row_view import Call, Row
from dataset_tools.tool_schema.declaration import Text, ToolView

__all__ = [
    "ADVICE",
    "Calls",
    "Check",
    "DatasetCheck",
    "DatasetDefects",
    "Defect",
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
    """Severity of a defect: an error makes a training row wrong, a warning makes it worse than it could be."""

    ERROR = "error"
    WARNING = "warning"


class Scope(StrEnum):
    """Object that a check examines. A check without a scope is reported while a row is read."""

    TEXT = "text"  # an odd string of a message, an argument or a declaration
    TOOL = "tool"  # one declaration, examined once however often it is offered
    CALL = "call"  # one tool call
    ROW = "row"  # one record
    DATASET = "dataset"  # all records together


class Repair(StrEnum):
    """Command or person that repairs a defect."""

    CLEAN = "afg-data clean"
    FOLD = "afg-data clean --fold"
    PERSON = "a person"


ADVICE = {
    Repair.CLEAN: "afg-data clean repairs it",
    Repair.FOLD: "afg-data clean --fold repairs it",
    Repair.PERSON: "a person decides",
}
"""Default hint of a defect by its repair."""


class Place(NamedTuple):
    """File and line of a row; line 0 of no file means the whole dataset."""

    file: str
    line: int


class Defect(NamedTuple):
    """One defect: path, message, and a hint if it differs from :data:`ADVICE`."""

    path: str
    message: str
    hint: str = ""


# In batches: to start a generator for each record or call took longer than the check.
Rows: TypeAlias = Sequence[Row]
Calls: TypeAlias = Sequence[tuple[Row, Call]]


@dataclass(frozen=True, slots=True, eq=False)  # hashed for every defect
class Check:
    """One entry of the catalogue.

    Attributes:
        code: the name of the defect in reports.
        severity: error or warning.
        meaning: the defect, in one line.
        why: the reason why it hurts training.
        example: a value that has the defect.
        repair: the command or person that repairs it.
        text: yields the defects of one odd string; its second argument is the language of the row.
        tool: yields the defects of one declaration, with paths relative to the declaration.
        call: yields the defects of some calls, each with its record.
        row: yields the defects of some records, each with its record.
        dataset: the class that observes all records.
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
    """A check over all records: it observes each, merges with those of other shards, then reports.

    Instances are pickled between processes, so they hold plain data only.
    """

    CODE: ClassVar[str]

    def observe(self, rows: Rows) -> None:
        """Count some records."""

    def merge(self, other: Self) -> None:
        """Add the counts of the shard that follows."""

    def findings(self, most: int) -> "DatasetDefects":
        """Return the defects in the order of the rows; at most ``most`` are shown, or all if it is -1."""


class DatasetDefects(NamedTuple):
    """Defects of the whole dataset.

    Attributes:
        findings: the number of defects.
        rows: the number of rows that have them; the dataset as a whole counts as one.
        shown: the first defects, each with the place of its row.
    """

    findings: int
    rows: int
    shown: list[tuple[Place, Defect]]


TextCheck = Callable[[Text, Language], Iterator[Defect]]
ToolCheck = Callable[[ToolView], Iterator[Defect]]
CallCheck = Callable[[Calls], Iterator[tuple[Row, Defect]]]
RowCheck = Callable[[Rows], Iterator[tuple[Row, Defect]]]

_registry: dict[str, Check] = {}


def check(
    severity: Severity, scope: Scope, *, why: str = "", example: str, repair: Repair = Repair.PERSON
) -> Callable[[Any], Any]:
    """Return a decorator that adds a generator, or in dataset scope a class, to the catalogue under its own name."""

    def enter(run: Any) -> Any:  # noqa: ANN401 - a generator function or a class
        code = re.sub("(?<=[a-z])(?=[A-Z])|_", "-", run.__name__).lower()
        if scope is Scope.DATASET:
            run.CODE = code
        meaning, *reasons = (" ".join(part.split()).rstrip(".") for part in run.__doc__.split("\n\n"))
        add(Check(code, severity, meaning, why or reasons[0], example, repair, **{scope.value: run}))
        return run

    return enter


def add(entry: Check) -> None:
    """Add a check to the catalogue."""
    _registry[entry.code] = entry


@cache
def catalogue() -> dict[str, Check]:
    """Return every check by code, in alphabetical order."""
    package = importlib.import_module("dataset_tools.checks")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_registry.items()))
