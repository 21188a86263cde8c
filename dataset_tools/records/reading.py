"""Options for reading rows of any layout into records."""

from dataclasses import dataclass
from pathlib import Path

from dataset_tools.errors import InputError, RowError
from dataset_tools.readers.row_reader import read_rows
from dataset_tools.readers.shards import plan
from dataset_tools.readers.sources import find_files
from dataset_tools.records.converter import Converter
from dataset_tools.records.declarations import read_tools
from schemas.record import JsonObject, Tool

__all__ = ["Reading", "load_tools", "require_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Options for reading rows.

    Attributes:
        layout: name of the layout of every row; detected row by row when empty.
        tools_file: declarations for layouts that carry none.
    """

    layout: str = ""
    tools_file: Path | None = None

    def converter(self, *, rename_tools: bool = False) -> Converter:
        """Return the converter of rows into records.

        Raises:
            InputError: the tools file cannot be read, or holds no list of tools.
            UsageError: there is no layout of that name.
        """
        tools = load_tools(self.tools_file) if self.tools_file else {}
        return Converter(self.layout, tools, rename_tools=rename_tools)


def load_tools(path: Path) -> dict[str, Tool]:
    """Return the declarations of a JSON or JSONL file of tools (``--tools-file``), by name.

    Raises:
        InputError: the file cannot be read or holds no list of tools.
    """
    declared: list[JsonObject] = []
    try:
        for shard in plan(find_files([str(path)])):
            for raw in read_rows(shard):
                if raw.value is None:
                    raise raw.error or RowError("unreadable-row", "no row")
                tools = raw.value.get("tools")
                declared += tools if isinstance(tools, list) else [raw.value]
        return {tool["function"]["name"]: tool for tool in read_tools(declared, [])}
    except RowError as error:
        raise InputError(f"no list of tools: {error.what}", where=str(path), hint="a JSON array of tools") from error


def require_rows(where: str, rows: int, usable: int, first_reject: str = "") -> None:
    """Refuse inputs without a usable row.

    Args:
        where: the sources.
        rows: rows read.
        usable: rows of which a record could be made and used.
        first_reject: place and reason of the first other row.

    Raises:
        InputError: there is no row, or no usable one.
    """
    if not rows:
        raise InputError("there is no row: nothing but blank lines", where=where)
    if not usable:
        first, hint = (f"; the first: {first_reject}", "") if first_reject else ("", "`afg-data validate` says why")
        raise InputError(f"not one of {rows} rows could be used{first}", where=where, hint=hint)
