"""``afg-data validate``: every check over every row, as one library call.

A stage makes a tally of each shard, and the tallies merge in order. So the result does not depend on the number of
workers.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from dataset_tools.checks.base import Defect, Severity, catalogue
from dataset_tools.checks.row_view import Row
from dataset_tools.errors import RowError
from dataset_tools.executor.run import Work, run
from dataset_tools.io.json_text import UNREADABLE
from dataset_tools.readers.shards import SHARD_BYTES, Shard, plan_shards
from dataset_tools.records.converter import Converter, record_errors
from dataset_tools.records.reading import Inputs, ReadOptions, ReadRow, record_batches
from dataset_tools.tool_schema.validator import dotted
from dataset_tools.validation.tally import Checker, Tally

__all__ = ["ValidateOptions", "ValidationResult", "validate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateOptions:
    """Options of ``validate``.

    Attributes:
        examples: maximum number of examples of each check in the result; -1 for all. All findings are counted.
        reading: options for reading rows.
        work: the processes that do the work.
    """

    examples: int = 3
    reading: ReadOptions = field(default_factory=ReadOptions)
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Result of ``validate``.

    Attributes:
        rows: rows read, valid or not.
        valid: rows without an error; they may have warnings.
        checks: for each check code: severity, number of distinct rows, number of findings, and examples.
    """

    rows: int
    valid: int
    checks: dict[str, dict[str, Any]]

    @property
    def invalid(self) -> int:
        """Return the number of rows with an error."""
        return self.rows - self.valid

    def has(self, severity: Severity) -> bool:
        """Return whether there is a finding of this severity or worse."""
        bad = {Severity.ERROR} if severity is Severity.ERROR else set(Severity)
        return any(entry["severity"] in bad for entry in self.checks.values())

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``--format json`` prints."""
        return {"rows": self.rows, "valid": self.valid, "invalid": self.invalid, "checks": self.checks}


class CheckStage:
    """Validates one shard: a pure function of the shard, so any process may run it."""

    def __init__(self, converter: Converter, keep: int) -> None:
        self._converter = converter
        self._keep = keep

    def __call__(self, shard: Shard) -> Tally:
        """Return the tally of one shard."""
        checker = Checker()
        tally = checker.new_tally(self._keep)
        for batch in record_batches(shard, self._converter, reject_invalid=False):
            tally.rows += len(batch)
            checker.check(list(_checkable(batch, shard.file.place, tally)), tally)
        return tally


def _checkable(batch: Sequence[ReadRow], file: str, tally: Tally) -> Iterator[Row]:
    """Yield the rows with a valid record, and count the others."""
    for raw, outcome, log in batch:
        if isinstance(outcome, RowError):
            check = catalogue()["unknown-layout" if outcome.code == "unknown-layout" else UNREADABLE]
            reason = outcome.what if outcome.code in (check.code, UNREADABLE) else f"{outcome.code}: {outcome.what}"
            tally.add_rejected_row(check, (file, raw.line, ""), [Defect("", reason, outcome.hint)])
        elif errors := record_errors(outcome):
            found = [Defect(dotted(error.path).lstrip("."), f"{error.message:.200}") for error in errors]
            tally.add_rejected_row(catalogue()["invalid-record"], (file, raw.line, outcome["id"]), found)
        else:
            yield Row(outcome, log, file, raw.line)


def validate(
    sources: Sequence[str] | Inputs,
    options: ValidateOptions | None = None,
    *,
    on_shard: Callable[[Shard, Tally], None] | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> ValidationResult:
    """Check every row of ``sources`` with the whole catalogue.

    Args:
        sources: files, folders, globs or ``hf://datasets/...``, in any known layout.
        options: see :class:`ValidateOptions`.
        on_shard: called after each shard, in order, for progress.
        shard_bytes: size of a shard; it does not change the result.

    Raises:
        UsageError: an option is invalid.
        InputError: a source cannot be read; an unreadable row is a finding.
    """
    options = options or ValidateOptions()
    inputs = Inputs.of(sources)
    stage = CheckStage(options.reading.converter(), options.examples)
    total = Tally(options.examples)
    shards = plan_shards(inputs.files, shard_bytes)
    with closing(run(stage, shards, options.work, on_done=on_shard)) as tallies:
        for tally in tallies:
            total.merge(tally)
    inputs.require_rows(total.rows, total.rows)
    total.finish()
    checks = {code: _entry(code, total) for code in sorted(total.counts)}
    return ValidationResult(total.rows, total.rows - total.invalid, checks)


def _entry(code: str, total: Tally) -> dict[str, Any]:
    return {
        "severity": str(catalogue()[code].severity),
        "rows": total.rows_by_check[code],
        "findings": total.counts[code],
        "examples": [
            {"file": f.file, "line": f.line, "id": f.id, "path": f.path, "message": f.message, "hint": f.hint}
            for f in total.examples.get(code, ())
        ],
    }
