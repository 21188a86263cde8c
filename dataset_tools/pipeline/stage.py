"""Job of a run over shards of rows, its counts and its report; ``import``, ``clean`` and ``dedup`` are jobs."""

import platform
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError
from dataset_tools.executor.run import Work
from dataset_tools.io.json_text import dump_line
from dataset_tools.io.writer import encode
from dataset_tools.pipeline.row_decisions import Decision, decided
from dataset_tools.readers.row_reader import reject_line
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import Inputs, Step, record_batches
from schemas.record import Record

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Job", "RecordStage", "RuleCount", "RunReport", "ShardResult", "recorded_options"]

SAMPLES = 3
"""Before-and-after samples per rule in a report."""


@dataclass(slots=True)
class RuleCount:
    """Changes and changed rows of one rule, with the first samples."""

    rows: int = 0
    changes: int = 0
    samples: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class ShardResult:
    """Records, rejects, trace and counts of one shard; or the counts of all shards so far."""

    rows: int = 0
    written: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    rules: dict[str, RuleCount] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    first_reject: str = ""
    payload: bytes = b""
    rejects: bytes = b""
    trace: bytes = b""

    def count(self, log: Log, record: Record) -> None:
        """Add the changes of one row."""
        for rule in {change.rule for change in log}:
            self.rules.setdefault(rule, RuleCount()).rows += 1
        for change in log:
            entry = self.rules[change.rule]
            entry.changes += 1
            if len(entry.samples) < SAMPLES:
                entry.samples.append(_sample(change, record))
            if change.rule == "rename-tool":
                self.renamed.setdefault(change.before, change.after)

    def merge(self, other: "ShardResult") -> None:
        """Add the counts of the next shard; payloads are written, not merged."""
        self.rows += other.rows
        self.written += other.written
        self.rejected.update(other.rejected)
        self.first_reject = self.first_reject or other.first_reject
        self.renamed = other.renamed | self.renamed
        for rule, theirs in other.rules.items():
            mine = self.rules.setdefault(rule, RuleCount())
            mine.rows += theirs.rows
            mine.changes += theirs.changes
            mine.samples.extend(theirs.samples[: SAMPLES - len(mine.samples)])


class RecordStage:
    """Reader of one shard into encoded records; a pure function of the shard, so any process may run it.

    Args:
        converter: converts rows to records.
        repair: repairs the records; None for no repair.
        output: a path whose ending gives the format of the payloads.
        trace: whether to keep every change.
    """

    def __init__(self, converter: Converter, repair: Step | None, output: Path, *, trace: bool) -> None:
        self._converter = converter
        self._repair = repair
        self._output = output
        self._trace = trace

    def __call__(self, shard: Shard) -> ShardResult:
        """Return the records and the rejects of the shard.

        Raises:
            InputError: the file cannot be read.
        """
        result = ShardResult()
        records: list[Record] = []
        rejects: list[bytes] = []
        trace: list[bytes] = []
        refused = {line: what for line, what in shard.decided if isinstance(what, RowError)}
        for batch in record_batches(shard, self._converter, self._repair):
            result.rows += len(batch)
            for raw, read, log in batch:
                outcome = read if isinstance(read, RowError) else refused.get(raw.line, read)
                if isinstance(outcome, RowError):
                    result.rejected[outcome.code] += 1
                    result.first_reject = result.first_reject or f"line {raw.line}: {outcome}"
                    rejects.append(reject_line(raw, outcome, shard.file))
                    continue
                records.append(outcome)
                if log:
                    result.count(log, outcome)
                    if self._trace:
                        trace.extend(dump_line(_sample(change, outcome)) for change in log)
        result.written = len(records)
        result.payload = encode(records, self._output)
        result.rejects = b"".join(rejects)
        result.trace = b"".join(trace)
        return result


def _sample(change: Change, record: Record) -> dict[str, Any]:
    source = record["source"]
    return {
        "id": record["id"],
        "file": source["file"],
        "line": source["line"],
        "rule": change.rule,
        "path": change.path,
        "before": change.before,
        "after": change.after,
    }


@dataclass(frozen=True, slots=True)
class RunReport:
    """Counts of a run; ``rows_in == rows_out + sum(rejected.values())`` always holds."""

    command: str
    options: dict[str, Any]
    inputs: list[str]
    output: str
    rows_in: int
    rows_out: int
    rejected: dict[str, int]
    rules: dict[str, dict[str, Any]]
    renamed_tools: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``--report`` writes."""
        made_by = {"version": version("arabic-functiongemma"), "python": platform.python_version()}
        facts = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {"command": facts.pop("command"), **made_by, **facts}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Run that is fully resolved before its first row.

    Attributes:
        command: name of the command.
        inputs: the input files.
        stage: function applied to each shard.
        options: the options that change the bytes, for the report and the plan.
        work: the worker processes.
        on_shard: progress callback after each shard, in order.
        decisions: yields the decisions about rows in row order; called when the work begins.
    """

    command: str
    inputs: Inputs
    stage: Callable[[Shard], ShardResult]
    options: dict[str, Any] = field(default_factory=dict)
    work: Work = field(default_factory=Work)
    on_shard: Callable[[Shard, ShardResult], None] | None = None
    decisions: Callable[[], Iterator[Decision]] | None = None

    def shards(self, shard_bytes: int) -> Iterator[Shard]:
        """Return the shards of the inputs, each of about ``shard_bytes``, with the decisions about their rows."""
        shards = plan_shards(self.inputs.files, shard_bytes)
        return decided(shards, self.decisions()) if self.decisions else shards

    def report(self, output: Path, total: ShardResult) -> RunReport:
        """Return the report of all shards; refuse a run without a record.

        Args:
            output: name of the result for users.
            total: the merged counts.

        Raises:
            InputError: there is no row, or no usable row.
        """
        self.inputs.require_rows(total.rows, total.written, total.first_reject)
        rules = {
            rule: {"rows": count.rows, "changes": count.changes, "samples": count.samples}
            for rule, count in sorted(total.rules.items())
        }
        return RunReport(
            self.command,
            self.options,
            self.inputs.places,
            str(output),
            total.rows,
            total.written,
            dict(sorted(total.rejected.items())),
            rules,
            total.renamed,
        )


def recorded_options(options: "DataclassInstance") -> dict[str, Any]:
    """Return all options that may change the bytes of a result as JSON: every field except :class:`~.run.Work`.

    The report records them and ``--resume`` compares them. Fields of nested options are added one by one.
    """
    recorded: dict[str, Any] = {}
    for option in fields(options):
        value = getattr(options, option.name)
        if isinstance(value, Work):
            continue
        if is_dataclass(value) and not isinstance(value, type):
            recorded |= recorded_options(value)
        else:
            recorded[option.name] = _as_json(value, option.type)
    return recorded


def _as_json(value: Any, kind: object) -> Any:  # noqa: ANN401 - JSON is any value
    if kind == Path | None:
        return str(value or "")
    return list(value) if isinstance(value, tuple) else value
