"""Conversion of decoded rows of any layout to records."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import orjson

from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError
from dataset_tools.readers.row_reader import RawRow, read_rows
from dataset_tools.readers.shards import plan_shards
from dataset_tools.readers.sources import DataFile, find_files
from dataset_tools.records.layouts import Context, Draft, Layout, by_name, recognise
from dataset_tools.records.layouts.families import has_own_source
from dataset_tools.tool_schema.validator import SchemaError, Validator, dotted
from schemas import load
from schemas.record import JsonObject, Record, Source, Tool

__all__ = [
    "Converter",
    "record_errors",
    "require_shallow",
    "require_valid",
]

_UNSAFE_NAME = re.compile(r"[^A-Za-z0-9_-]")


class Converter:
    """Converts rows to records.

    Args:
        layout: the layout of every row; if empty, each row is recognised by its fields.
        tools: declarations by tool name, for layouts without them.
        rename_tools: whether names that FunctionGemma parsers reject are rewritten with underscores.

    Raises:
        UsageError: there is no layout of that name.
    """

    def __init__(
        self, layout: str = "", tools: Mapping[str, Tool] | None = None, *, rename_tools: bool = False
    ) -> None:
        self._forced = by_name(layout) if layout else None
        self._tools = tools or {}
        self._rename = rename_tools
        self._last: Layout | None = None
        self._context: tuple[Path | None, str, Context] = (None, "", Context())

    def read(self, raw: RawRow, file: DataFile) -> tuple[Record, Log]:
        """Return the record of a row that was read, and the changes; see :meth:`convert`.

        Raises:
            RowError: the row is unreadable, cannot be converted, or is nested too deeply to be written.
        """
        record, log = self.convert(_value(raw.value, raw.error), file, raw.line)
        if not raw.shallow:
            require_shallow(record)
        return record, log

    def convert(self, row: JsonObject, file: DataFile, line: int) -> tuple[Record, Log]:
        """Return the record of a row, and the changes.

        Raises:
            RowError: the row cannot be converted; the code has the reason.
        """
        layout = self._forced or recognise(row, self._last)
        self._last = layout
        log: Log = []
        try:
            draft = layout.convert(row, log, self._context_of(layout, file))
        except (KeyError, TypeError, AttributeError) as error:
            # A forced layout gets rows that it does not recognise; otherwise this is a defect of the layout.
            if self._forced is None:
                raise
            raise RowError("unknown-layout", f"the row is not of the layout {layout.name!r}") from error
        except RecursionError as error:
            raise RowError("nested-too-deep", "the row is nested too deeply to be a conversation") from error
        if self._rename:
            _rename_tools(draft, log)
        return _complete(draft, row, file, line), log

    def _context_of(self, layout: Layout, file: DataFile) -> Context:
        """Return the context of rows of this layout and file, cached for consecutive rows."""
        path, name, context = self._context
        if path is not file.path or name != layout.name:
            context = Context(self._tools, _companions(layout.name, file.path))
            self._context = (file.path, layout.name, context)
        return context


def record_errors(record: Record) -> list[SchemaError]:
    """Return the violations of ``record.schema.json``."""
    validator = _record_validator()
    return [] if validator.is_valid(record) else list(validator.errors(record))


def require_valid(record: Record) -> None:
    """Require a record that satisfies its schema.

    Raises:
        RowError: ``invalid-record``, with the first violation and its path.
    """
    errors = record_errors(record)
    if errors:
        first = errors[0]
        raise RowError("invalid-record", f"{dotted(first.path).lstrip('.') or 'record'}: {first.message:.200}")


def require_shallow(record: Record) -> None:
    """Require a record that JSON readers can read again: JSON text inside a row may be nested too deeply.

    Raises:
        RowError: ``nested-too-deep``.
    """
    try:
        orjson.dumps(record)
    except TypeError as error:
        if "ecursion" in str(error):
            raise RowError("nested-too-deep", "the row is nested too deeply to be a conversation") from error


def _value(value: JsonObject | None, error: RowError | None) -> JsonObject:
    if value is None:
        raise error or RowError("unreadable-row", "no row")
    return value


@lru_cache(maxsize=1)
def _record_validator() -> Validator:
    return Validator(load("record"))


@lru_cache(maxsize=64)
def _stem(file: DataFile) -> str:
    """Return the prefix of default ids: the name of the file, after that of the dataset if they differ."""
    stem = file.name.split(".")[0]
    return stem if stem == file.dataset else f"{file.dataset}/{stem}"


def _complete(draft: Draft, row: JsonObject, file: DataFile, line: int) -> Record:
    here: Source = {"dataset": file.dataset, "file": file.name, "line": line}
    return {
        "id": draft.get("id") or f"{_stem(file)}-{line}",
        "messages": draft["messages"],
        "tools": draft["tools"],
        "dialect": draft.get("dialect", ""),
        "domain": draft.get("domain", ""),
        "source": row["source"] if has_own_source(row) else here,
        "meta": draft.get("meta", {}),
    }


@lru_cache(maxsize=8)
def _companions(layout: str, path: Path) -> dict[str, JsonObject]:
    """Return the rows of the companions of a file by id, read once per file."""
    rows: dict[str, JsonObject] = {}
    companions_of = by_name(layout).companions
    for companion in companions_of(path) if companions_of else ():
        for shard in plan_shards(find_files([str(companion)])):
            for row in read_rows(shard):
                if row.value is not None and isinstance(row.value.get("id"), str):
                    rows[row.value["id"]] = row.value
    return rows


def _rename_tools(draft: Draft, log: Log) -> None:
    """Rewrite tool names that FunctionGemma parsers reject, in declarations, calls and results."""
    given = dict.fromkeys(tool["function"]["name"] for tool in draft["tools"])
    names = {name: name for name in given if not _UNSAFE_NAME.search(name)}
    if len(names) == len(given):
        return
    for name in given:
        if name not in names:
            safe = _UNSAFE_NAME.sub("_", name)
            while safe in names.values():
                safe += "_"
            names[name] = safe
    for position, tool in enumerate(draft["tools"]):
        old, new = tool["function"]["name"], names[tool["function"]["name"]]
        if old != new:
            log.append(Change("rename-tool", f"tools[{position}].function.name", old, new))
    draft["tools"] = [
        {**tool, "function": {**tool["function"], "name": names[tool["function"]["name"]]}} for tool in draft["tools"]
    ]
    for message in draft["messages"]:
        for call in message.get("tool_calls", ()):
            name = call["function"]["name"]
            call["function"]["name"] = names.get(name, name)
        if isinstance(message.get("name"), str):
            message["name"] = names.get(message["name"], message["name"])
