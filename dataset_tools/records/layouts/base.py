"""Definition of a layout: recognition and conversion of the rows of one family of datasets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from dataset_tools.changes import Log
from schemas.record import JsonObject, Message, Tool

__all__ = ["Context", "Draft", "Layout", "text"]


class Draft(TypedDict):
    """Record made by a layout; the caller adds the source, and an id if the row has none."""

    id: NotRequired[str]
    messages: list[Message]
    tools: list[Tool]
    dialect: NotRequired[str]
    domain: NotRequired[str]
    meta: NotRequired[JsonObject]


@dataclass(frozen=True, slots=True)
class Context:
    """Data for the conversion of a row that is not in the row.

    Attributes:
        tools: declarations by tool name, from ``--tools-file``, for layouts without declarations.
        companions: rows of the companion file by id (accepted answers of BFCL).
    """

    tools: Mapping[str, Tool] = field(default_factory=dict)
    companions: Mapping[str, JsonObject] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """One family of datasets.

    Attributes:
        name: value of ``--layout``.
        title: the datasets that use it, for people.
        recognises: returns whether a row has this layout, by its fields. At most one layout recognises a row.
        convert: converts a recognised row to a draft and logs changes. It keeps values (numbers, nulls, letters), which
            ``clean`` repairs. Raises RowError if the row cannot be converted.
        companions: returns the files that belong to a data file, for layouts with rows in two files.
    """

    name: str
    title: str
    recognises: Callable[[Mapping[str, Any]], bool]
    convert: Callable[[JsonObject, Log, Context], Draft]
    companions: Callable[[Path], list[Path]] | None = None


def text(value: object) -> str:
    """Return a text field, or empty text for another type."""
    return value if isinstance(value, str) else ""
