"""What a layout is: how rows of one family of datasets are recognised and read into records."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from dataset_tools.changes import Log
from schemas.record import JsonObject, Message, Tool

__all__ = ["Context", "Draft", "Layout", "text"]


class Draft(TypedDict):
    """What an adapter reads from a row; the caller adds the source, and an id where the row has none."""

    id: NotRequired[str]
    messages: list[Message]
    tools: list[Tool]
    dialect: NotRequired[str]
    domain: NotRequired[str]
    meta: NotRequired[JsonObject]


@dataclass(frozen=True, slots=True)
class Context:
    """What a row needs besides itself.

    Attributes:
        tools: tool name to declaration, from ``--tools-file``, for layouts that carry no declarations.
        companions: row id to the row of the companion file (BFCL's accepted answers).
    """

    tools: Mapping[str, Tool] = field(default_factory=dict)
    companions: Mapping[str, JsonObject] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """One family of datasets.

    Attributes:
        name: what ``--layout`` takes.
        title: the datasets that use it, for people.
        recognises: whether a decoded row is of this layout, by its fields alone. Exactly one layout says yes to a row.
        convert: reads a recognised row into a draft and logs what it changed. Values (numbers, nulls, letters) stay as
            they are: repairing them is the business of cleaning. Raises RowError when the row cannot be read.
        companions: the files that belong to a data file, for layouts whose rows are spread over two files.
    """

    name: str
    title: str
    recognises: Callable[[Mapping[str, Any]], bool]
    convert: Callable[[JsonObject, Log, Context], Draft]
    companions: Callable[[Path], list[Path]] | None = None


def text(value: object) -> str:
    """A field that should hold text: itself, or empty for anything else."""
    return value if isinstance(value, str) else ""
