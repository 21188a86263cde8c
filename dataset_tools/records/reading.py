"""Inputs of a run: reading options, resolved files, and rows as records."""

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from dataset_tools.changes import Log
from dataset_tools.errors import AfgError, InputError, RowError
from dataset_tools.readers.row_reader import RawRow, read_rows, row_batches
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.readers.sources import DataFile, Stamps, find_files
from dataset_tools.records.converter import Converter, require_valid
from dataset_tools.records.declarations import read_tools
from dataset_tools.records.layouts import companions_of
from schemas.record import JsonObject, Record, Tool

__all__ = ["Inputs", "ReadOptions", "ReadRow", "Step", "load_tools", "record_batches", "records_of"]

Step: TypeAlias = Callable[[Record, Log], Record]
"""Changes a record and logs each change; may raise RowError."""

ReadRow: TypeAlias = tuple[RawRow, Record | RowError, Log]
"""A row, its record or the reason why it has none, and the logged changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """Options for reading rows.

    Attributes:
        layout: the layout of every row; if empty, each row is recognised by its fields.
        tools_file: declarations for layouts without them.
    """

    layout: str = ""
    tools_file: Path | None = None

    def converter(self, *, rename_tools: bool = False) -> Converter:
        """Return the converter from rows to records.

        Raises:
            InputError: the tools file cannot be read, or has no list of tools.
            UsageError: there is no layout of that name.
        """
        tools = load_tools(self.tools_file) if self.tools_file else {}
        return Converter(self.layout, tools, rename_tools=rename_tools)


@dataclass(frozen=True, slots=True)
class Inputs:
    """All files that a run reads, resolved once, with size and modification time.

    Attributes:
        sources: the sources as the user named them.
        files: the data files.
        companions: other files that are read (accepted answers of BFCL, a tools file).
        stamps: size and modification time of all files.
    """

    sources: tuple[str, ...]
    files: tuple[DataFile, ...]
    companions: tuple[Path, ...]
    stamps: Stamps

    @classmethod
    def of(cls, sources: "Sequence[str] | Inputs", *more: Path | None) -> "Inputs":
        """Resolve ``sources`` to data files without companions; resolved inputs are returned as they are.

        Args:
            sources: files, folders, globs or ``hf://datasets/...``, or resolved inputs.
            more: further companions; None is ignored.

        Raises:
            InputError: a source cannot be read.
            UsageError: a file is given twice.
        """
        given = [path for path in more if path is not None]
        if isinstance(sources, Inputs):
            if not given:
                return sources
            return replace(
                sources, companions=(*sources.companions, *given), stamps=Stamps(given, earlier=sources.stamps)
            )
        found = find_files(list(map(str, sources)))
        paths = [file.path for file in found]
        companions = companions_of(paths)
        if companions:
            accompany = {path.resolve() for path in companions}
            found = [file for file in found if file.path.resolve() not in accompany] or found
            paths = [file.path for file in found]
            companions = companions_of(paths)
        others = (*companions, *given)
        return cls(tuple(map(str, sources)), tuple(found), others, Stamps([*paths, *others]))

    @property
    def places(self) -> list[str]:
        """Return the names of the data files for messages."""
        return [file.place for file in self.files]

    @property
    def size(self) -> int:
        """Return the size of the data files in bytes."""
        return sum(self.stamps.sizes[file.path] for file in self.files)

    def require_rows(self, rows: int, usable: int, first_reject: str = "") -> None:
        """Reject inputs without a usable row.

        Args:
            rows: rows read.
            usable: rows with a usable record.
            first_reject: place and reason of the first rejected row.

        Raises:
            InputError: there is no row, or no usable one.
        """
        where = ", ".join(self.sources)
        if not rows:
            raise InputError("no rows: the input has blank lines only", where=where)
        if not usable:
            first, hint = (
                (f"; the first: {first_reject}", "") if first_reject else ("", "`afg-data validate` shows the reasons")
            )
            raise InputError(f"none of {rows} rows could be used{first}", where=where, hint=hint)


def load_tools(path: Path) -> dict[str, Tool]:
    """Return the tools of a JSON or JSONL file (``--tools-file``) by name.

    Raises:
        InputError: the file cannot be read or holds no list of tools.
    """
    declared: list[JsonObject] = []
    try:
        for shard in plan_shards(find_files([str(path)])):
            for raw in read_rows(shard):
                if raw.value is None:
                    raise raw.error or RowError("unreadable-row", "no row")
                tools = raw.value.get("tools")
                declared += tools if isinstance(tools, list) else [raw.value]
        return {tool["function"]["name"]: tool for tool in read_tools(declared, [])}
    except RowError as error:
        raise InputError(f"no list of tools: {error.what}", where=str(path), hint="a JSON array of tools") from error


def records_of(shard: Shard, converter: Converter) -> Iterator[ReadRow]:
    """Read a shard's rows into valid records; see :func:`record_batches`."""
    return chain.from_iterable(record_batches(shard, converter))


def record_batches(
    shard: Shard,
    converter: Converter,
    repair: Step | None = None,
    *,
    reject_invalid: bool = True,
    lines: Container[int] | None = None,
) -> Iterator[list[ReadRow]]:
    """Read a shard's rows into records, one batch at a time.

    Each step is done for all rows of a batch before the next, which is nearly twice as fast. An exception that a row
    causes becomes the reason why it has no record.

    Args:
        shard: the shard.
        converter: converts the rows.
        repair: changes the records before they are validated.
        reject_invalid: whether records that violate the schema are rejected.
        lines: line numbers of the requested rows; all if None.

    Raises:
        InputError: the file cannot be read.
    """
    for raws in row_batches(read_rows(shard)):
        batch = raws if lines is None else [raw for raw in raws if raw.line in lines]
        logs: list[Log] = [[] for _ in batch]
        outcomes = [_converted(converter, raw, shard.file, log) for raw, log in zip(batch, logs, strict=True)]
        if repair is not None:
            outcomes = [_repaired(repair, outcome, log) for outcome, log in zip(outcomes, logs, strict=True)]
        if reject_invalid:
            outcomes = list(map(_validated, outcomes))
        yield list(zip(batch, outcomes, logs, strict=True))


def _converted(converter: Converter, raw: RawRow, file: DataFile, log: Log) -> Record | RowError:
    try:
        record, changes = converter.read(raw, file)
    except Exception as error:  # noqa: BLE001 - one row must not end the run
        return _reason(error)
    log.extend(changes)
    return record


def _repaired(repair: Step, outcome: Record | RowError, log: Log) -> Record | RowError:
    if isinstance(outcome, RowError):
        return outcome
    try:
        return repair(outcome, log)
    except Exception as error:  # noqa: BLE001 - one row must not end the run
        reason = _reason(error)
    # A repair assumes a valid structure; validating it first would slow down every row.
    checked = _validated(outcome) if reason.code == "defect" else reason
    return checked if isinstance(checked, RowError) else reason


def _validated(outcome: Record | RowError) -> Record | RowError:
    if isinstance(outcome, RowError):
        return outcome
    try:
        require_valid(outcome)
    except Exception as error:  # noqa: BLE001 - one row must not end the run
        return _reason(error)
    return outcome


def _reason(error: Exception) -> RowError:
    """Return the reason for the rejection of a row.

    Raises:
        Exception: the error, if files or the machine caused it, not the row.
    """
    if isinstance(error, RowError):
        return error
    if isinstance(error, AfgError | ImportError | MemoryError | OSError):
        raise error
    if isinstance(error, RecursionError):
        return RowError("nested-too-deep", "the row is nested too deeply to be a conversation")
    hint = "report this row as a bug"
    return RowError("defect", f"{type(error).__name__}: {error!s:.200}", hint=hint)
