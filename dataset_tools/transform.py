"""From rows of any layout to records on disk: what ``afg-data import`` and ``afg-data clean`` share.

A stage turns a shard into encoded output, rejects, trace and counts; the parent process writes them in the order of
the shards. So the output's bytes do not depend on the number of workers, and memory does not depend on the file.
"""

import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dataset_tools.changes import Change, Log
from dataset_tools.converting import Converter, companions_of, find_data, names_of, require_valid
from dataset_tools.errors import InputError, OutputError, RowError, UsageError
from dataset_tools.executor import run
from dataset_tools.jsonl import dump_line
from dataset_tools.output import Sink, check_writable, encode, json_report, write_file
from dataset_tools.reading import RawRow, batches, read_rows
from dataset_tools.rejects import reject_line
from dataset_tools.repairing import Repairer
from dataset_tools.shards import Shard, plan
from dataset_tools.sources import DataFile, split_ending
from schemas.record import Record

__all__ = ["Outputs", "Part", "Report", "Stage", "check_outputs", "clear_rejects", "transform"]

SAMPLES = 3
"""Before-and-after samples that a report keeps of each rule."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the results go.

    Attributes:
        records: the records, in the format that the file's ending names.
        rejects: the rows that no record could be made of, with the reasons; written only if there are any.
        report: the counts, as JSON; None for no file.
        trace: every change, a line each; None for no file.
    """

    records: Path
    rejects: Path
    report: Path | None = None
    trace: Path | None = None

    @staticmethod
    def default_rejects(records: Path) -> Path:
        """``train.jsonl.gz`` has its rejects in ``train.rejects.jsonl`` beside it."""
        return records.parent / f"{split_ending(records.name)[0]}.rejects.jsonl"


@dataclass(slots=True)
class RuleCount:
    """How often a rule acted, on how many rows, and the first samples."""

    rows: int = 0
    changes: int = 0
    samples: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Part:
    """What became of the rows of one shard, or of all shards so far."""

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

    def merge(self, other: "Part") -> None:
        """Add the counts of the shard that follows; payloads are written, not merged."""
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


@dataclass(frozen=True, slots=True)
class Report:
    """The counts of a run; ``rows_in == rows_out + sum(rejected.values())`` always holds."""

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
        """The object that ``--report`` writes."""
        return {
            "command": self.command,
            "version": version("arabic-functiongemma"),
            "python": platform.python_version(),
            "options": self.options,
            "inputs": self.inputs,
            "output": self.output,
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "rejected": self.rejected,
            "rules": self.rules,
            "renamed_tools": self.renamed_tools,
        }


class Stage:
    """Reads, and where asked repairs, one shard: a pure function of the shard, so any process may run it.

    Args:
        converter: reads the rows.
        repairer: repairs the records; None for no repair.
        output: names the form of the payloads.
        trace: whether the changes are kept one by one.
        refused: rows that are rejected although they can be read, by file and line.
    """

    def __init__(
        self,
        converter: Converter,
        repairer: Repairer | None,
        output: Path,
        *,
        trace: bool,
        refused: Mapping[str, Mapping[int, RowError]] | None = None,
    ) -> None:
        self._converter = converter
        self._repairer = repairer
        self._output = output
        self._trace = trace
        self._refused = refused or {}

    def __call__(self, shard: Shard) -> Part:
        """What becomes of the shard's rows."""
        part = Part()
        records: list[Record] = []
        rejects: list[bytes] = []
        trace: list[bytes] = []
        for batch in batches(read_rows(shard)):
            part.rows += len(batch)
            for raw, outcome, log in self._outcomes(batch, shard):
                if isinstance(outcome, RowError):
                    part.rejected[outcome.code] += 1
                    part.first_reject = part.first_reject or f"line {raw.line}: {outcome}"
                    rejects.append(reject_line(raw, outcome, shard.file))
                    continue
                records.append(outcome)
                if log:
                    part.count(log, outcome)
                    if self._trace:
                        trace.extend(dump_line(_sample(change, outcome)) for change in log)
        part.written = len(records)
        part.payload = encode(records, self._output)
        part.rejects = b"".join(rejects)
        part.trace = b"".join(trace)
        return part

    def _outcomes(self, batch: list[RawRow], shard: Shard) -> list[tuple[RawRow, Record | RowError, Log]]:
        """What became of each row: its record or the reason why there is none, and what was changed.

        One step over all rows, then the next: a processor is nearly twice as fast at that (see ``checking``).
        """
        logs: list[Log] = [[] for _ in batch]
        outcomes = [self._convert(raw, shard, log) for raw, log in zip(batch, logs, strict=True)]
        repairer = self._repairer
        if repairer is not None:
            outcomes = [_repair(repairer, outcome, log) for outcome, log in zip(outcomes, logs, strict=True)]
        outcomes = list(map(_checked, outcomes))
        if refused := self._refused.get(shard.file.place):
            pairs = zip(batch, outcomes, strict=True)
            outcomes = [
                outcome if isinstance(outcome, RowError) else refused.get(raw.line, outcome) for raw, outcome in pairs
            ]
        return list(zip(batch, outcomes, logs, strict=True))

    def _convert(self, raw: RawRow, shard: Shard, log: Log) -> Record | RowError:
        try:
            record, changes = self._converter.read(raw, shard.file)
        except RowError as error:
            return error
        log.extend(changes)
        return record


def _repair(repairer: Repairer, outcome: Record | RowError, log: Log) -> Record | RowError:
    if isinstance(outcome, RowError):
        return outcome
    try:
        return repairer.repair(outcome, log)
    except RecursionError:
        return RowError("nested-too-deep", "the row is nested too deeply to be a conversation")
    except RowError as error:
        return error


def _checked(outcome: Record | RowError) -> Record | RowError:
    if isinstance(outcome, RowError):
        return outcome
    try:
        require_valid(outcome)
    except RowError as error:
        return error
    return outcome


def transform(  # noqa: PLR0913 - the inputs, outputs and hooks of a run
    command: str,
    sources: Sequence[str] | Sequence[DataFile],
    outputs: Outputs,
    stage: Stage,
    *,
    workers: int = 1,
    options: dict[str, Any] | None = None,
    also_read: Sequence[Path] = (),
    on_shard: Callable[[Shard, Part], None] | None = None,
) -> Report:
    """Run ``stage`` over every row of ``sources`` and write what comes of it.

    Raises:
        InputError: a source cannot be read, or not one of its rows.
        OutputError: a result cannot be written; nothing stands under its final name then.
        UsageError: an output is also an input; ``also_read`` are inputs beside the sources.
    """
    files = find_data(sources)
    check_outputs(outputs, files, also_read)
    total = Part()
    with ExitStack() as stack:
        records = stack.enter_context(Sink(outputs.records))
        trace = stack.enter_context(Sink(outputs.trace)) if outputs.trace else None
        rejects: Sink | None = None
        for part in stack.enter_context(closing(run(stage, plan(files), workers, on_done=on_shard))):
            records.write_payload(part.payload)
            if trace and outputs.trace and part.trace:
                trace.write_payload(encode([part.trace], outputs.trace))
            if part.rejects:
                rejects = rejects or stack.enter_context(Sink(outputs.rejects))
                rejects.write_payload(encode([part.rejects], outputs.rejects))
            total.merge(part)
        if total.rows and not total.written:
            raise InputError(
                f"not one of {total.rows} rows could be read; the first: {total.first_reject}",
                where=", ".join(names_of(sources)),
            )
        if not total.rows:
            raise InputError("there is no row: nothing but blank lines", where=", ".join(names_of(sources)))
    if rejects is None:
        clear_rejects(outputs)
    report = _report(command, sources, outputs, total, options or {})
    if outputs.report:
        json_report(outputs.report, report.as_json())
    return report


def check_outputs(outputs: Outputs, files: Sequence[DataFile], also_read: Sequence[Path] = ()) -> None:
    """Make sure, before any work, that each output can be written and that none is in the way of another.

    Raises:
        OutputError: one cannot be.
        UsageError: one is an input or another output, or is to hold lines and named Parquet.
    """
    inputs = [*(file.path for file in files), *companions_of(files), *also_read]
    seen: set[Path] = set()
    for path in (outputs.records, outputs.rejects, outputs.report, outputs.trace):
        if path is None:
            continue
        if path.resolve() in seen:
            raise UsageError(f"{path} is named for two outputs", hint="each needs a file of its own")
        seen.add(path.resolve())
        if path in (outputs.rejects, outputs.trace) and split_ending(path.name)[1] == ".parquet":
            raise UsageError(f"{path}: rejects and traces are written as lines", hint="end its name in .jsonl")
        check_writable(path, inputs)


def clear_rejects(outputs: Outputs) -> None:
    """Leave no rejects of an earlier run: they would mislead. A file that the user named is emptied, never removed."""
    if outputs.rejects != Outputs.default_rejects(outputs.records):
        write_file(outputs.rejects, encode([], outputs.rejects))
        return
    try:
        outputs.rejects.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(error.strerror or str(error), where=str(outputs.rejects)) from error


def _report(
    command: str, sources: Sequence[str] | Sequence[DataFile], outputs: Outputs, total: Part, options: dict[str, Any]
) -> Report:
    rules = {
        rule: {"rows": count.rows, "changes": count.changes, "samples": count.samples}
        for rule, count in sorted(total.rules.items())
    }
    rejected = dict(sorted(total.rejected.items()))
    return Report(
        command,
        options,
        names_of(sources),
        str(outputs.records),
        total.rows,
        total.written,
        rejected,
        rules,
        total.renamed,
    )


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
