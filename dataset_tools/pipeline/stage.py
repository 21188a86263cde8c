"""One shard of rows made into records: what each process of ``afg-data import``, ``clean`` and ``dedup`` does."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dataset_tools.changes import Change, Log
from dataset_tools.errors import AfgError, RowError
from dataset_tools.io.jsonl import dump_line
from dataset_tools.io.writer import encode
from dataset_tools.pipeline.row_decisions import require_met
from dataset_tools.readers.rejects import reject_line
from dataset_tools.readers.row_reader import RawRow, batches, read_rows
from dataset_tools.readers.shards import Shard
from dataset_tools.records.converter import Converter, require_valid
from schemas.record import Record

__all__ = ["Part", "RuleCount", "Stage"]

SAMPLES = 3
"""Before-and-after samples that a report keeps of each rule."""


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


class Repairer(Protocol):
    """A repair of one record, which logs each change."""

    def repair(self, record: Record, log: Log) -> Record:
        """Return the repaired record."""


class Stage:
    """Reads, and where asked repairs, one shard: a pure function of the shard, so any process may run it.

    Args:
        converter: reads the rows.
        repairer: repairs the records; None for no repair.
        output: names the form of the payloads.
        trace: whether the changes are kept one by one.
    """

    def __init__(self, converter: Converter, repairer: Repairer | None, output: Path, *, trace: bool) -> None:
        self._converter = converter
        self._repairer = repairer
        self._output = output
        self._trace = trace

    def __call__(self, shard: Shard) -> Part:
        """What becomes of the shard's rows.

        Raises:
            InputError: the file cannot be read on, or something was decided about a row that it does not hold.
        """
        part = Part()
        records: list[Record] = []
        rejects: list[bytes] = []
        trace: list[bytes] = []
        refused = {line: what for line, what in shard.decided if isinstance(what, RowError)}
        left = set(refused)
        for batch in batches(read_rows(shard)):
            part.rows += len(batch)
            left.difference_update([raw.line for raw in batch])
            for raw, outcome, log in self._outcomes(batch, shard, refused):
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
        require_met(shard, left)
        return part

    def _outcomes(
        self, batch: list[RawRow], shard: Shard, refused: Mapping[int, RowError]
    ) -> list[tuple[RawRow, Record | RowError, Log]]:
        """What became of each row: its record or the reason why there is none, and what was changed.

        One step over all rows, then the next: a processor is nearly twice as fast at that (see ``checking``).
        """
        logs: list[Log] = [[] for _ in batch]
        outcomes = [self._convert(raw, shard, log) for raw, log in zip(batch, logs, strict=True)]
        repairer = self._repairer
        if repairer is not None:
            outcomes = [_repair(repairer, outcome, log) for outcome, log in zip(outcomes, logs, strict=True)]
        outcomes = list(map(_checked, outcomes))
        if refused:
            pairs = zip(batch, outcomes, strict=True)
            outcomes = [
                outcome if isinstance(outcome, RowError) else refused.get(raw.line, outcome) for raw, outcome in pairs
            ]
        return list(zip(batch, outcomes, logs, strict=True))

    def _convert(self, raw: RawRow, shard: Shard, log: Log) -> Record | RowError:
        try:
            record, changes = self._converter.read(raw, shard.file)
        except Exception as error:  # noqa: BLE001 - one row must not end the run
            return _reason(error)
        log.extend(changes)
        return record


def _repair(repairer: Repairer, outcome: Record | RowError, log: Log) -> Record | RowError:
    if isinstance(outcome, RowError):
        return outcome
    try:
        return repairer.repair(outcome, log)
    except Exception as error:  # noqa: BLE001 - one row must not end the run
        reason = _reason(error)
    # The repairer trusts the record's structure; to validate that first would make every row pay for this one.
    checked = _checked(outcome) if reason.code == "defect" else reason
    return checked if isinstance(checked, RowError) else reason


def _checked(outcome: Record | RowError) -> Record | RowError:
    if isinstance(outcome, RowError):
        return outcome
    try:
        require_valid(outcome)
    except Exception as error:  # noqa: BLE001 - one row must not end the run
        return _reason(error)
    return outcome


def _reason(error: Exception) -> RowError:
    """Return why a row cannot be used.

    Raises:
        Exception: the error, if it is about the files or the machine rather than the row.
    """
    if isinstance(error, RowError):
        return error
    if isinstance(error, AfgError | ImportError | MemoryError | OSError):
        raise error
    if isinstance(error, RecursionError):
        return RowError("nested-too-deep", "the row is nested too deeply to be a conversation")
    hint = "report the row as a defect of this program"
    return RowError("defect", f"{type(error).__name__}: {error!s:.200}", hint=hint)


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
