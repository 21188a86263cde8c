"""``afg-data validate``: every check over every row, as one library call.

A stage turns a shard into a tally, tallies merge in the order of the shards, and the merged tally becomes the result;
so the result does not depend on the number of workers.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from dataset_tools.changes import Log
from dataset_tools.checks.base import Defect, Severity, catalogue
from dataset_tools.checks.reading import UNREADABLE
from dataset_tools.checks.row_view import Row
from dataset_tools.errors import RowError
from dataset_tools.executor.run import Work, run
from dataset_tools.readers.row_reader import RawRow, batches, read_rows
from dataset_tools.readers.shards import Shard, plan
from dataset_tools.readers.sources import DataFile
from dataset_tools.records.converter import Converter, find_data, names_of, record_errors
from dataset_tools.records.reading import Reading, require_rows
from dataset_tools.tool_schema.validator import dotted
from dataset_tools.validation.tally import Checker, Tally
from schemas.record import Record

__all__ = ["Result", "ValidateOptions", "validate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateOptions:
    """What ``validate`` can be told.

    Attributes:
        examples: how many findings of each check the result holds; all are counted. -1 holds them all.
        reading: how rows are read.
        work: the processes that do the work.
    """

    examples: int = 3
    reading: Reading = field(default_factory=Reading)
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True)
class Result:
    """What ``validate`` found.

    Attributes:
        rows: rows read, readable or not.
        valid: rows without an error (they may have warnings).
        checks: check code to its severity, the number of distinct rows with it, of findings, and examples.
    """

    rows: int
    valid: int
    checks: dict[str, dict[str, Any]]

    @property
    def invalid(self) -> int:
        """Rows with at least one error."""
        return self.rows - self.valid

    def has(self, severity: Severity) -> bool:
        """Whether anything of that severity, or worse, was found."""
        bad = {Severity.ERROR} if severity is Severity.ERROR else set(Severity)
        return any(entry["severity"] in bad for entry in self.checks.values())

    def as_json(self) -> dict[str, Any]:
        """The object that ``--format json`` prints."""
        return {"rows": self.rows, "valid": self.valid, "invalid": self.invalid, "checks": self.checks}


class Stage:
    """Validates one shard: a pure function of the shard, so any process may run it."""

    def __init__(self, converter: Converter, keep: int) -> None:
        self._converter = converter
        self._keep = keep

    def __call__(self, shard: Shard) -> Tally:
        """The tally of one shard."""
        checker = Checker()
        tally = checker.tally(self._keep)
        for batch in batches(read_rows(shard)):
            tally.rows += len(batch)
            converted = [self._convert(raw, shard, tally) for raw in batch]
            records = [found for found in converted if found is not None and _is_valid(*found, shard, tally)]
            checker.check([Row(record, log, shard.file.place, raw.line) for raw, record, log in records], tally)
        return tally

    def _convert(self, raw: RawRow, shard: Shard, tally: Tally) -> tuple[RawRow, Record, Log] | None:
        """The record of a row; None for a row of which none could be made, which is tallied."""
        try:
            record, log = self._converter.read(raw, shard.file)
        except RowError as error:
            check = catalogue()["unknown-layout" if error.code == "unknown-layout" else UNREADABLE]
            reason = error.what if error.code in (check.code, UNREADABLE) else f"{error.code}: {error.what}"
            tally.refuse(check, (shard.file.place, raw.line, ""), [Defect("", reason, error.hint)])
            return None
        return raw, record, log


def _is_valid(raw: RawRow, record: Record, log: Log, shard: Shard, tally: Tally) -> bool:  # noqa: ARG001 - one of three
    """Whether a record keeps its schema; what breaks it is tallied."""
    errors = record_errors(record)
    if errors:
        found = [Defect(dotted(error.path).lstrip("."), f"{error.message:.200}") for error in errors]
        tally.refuse(catalogue()["invalid-record"], (shard.file.place, raw.line, record["id"]), found)
    return not errors


def validate(
    sources: Sequence[str] | Sequence[DataFile],
    options: ValidateOptions | None = None,
    *,
    on_shard: Callable[[Shard, Tally], None] | None = None,
) -> Result:
    """Check every row of ``sources`` with the whole catalogue.

    Args:
        sources: files, folders, globs or ``hf://datasets/...``, in any known layout.
        options: see :class:`ValidateOptions`.
        on_shard: called after each shard, in order, for progress.

    Raises:
        UsageError: an option makes no sense.
        InputError: a source cannot be read; a row that cannot is a finding.
    """
    options = options or ValidateOptions()
    stage = Stage(options.reading.converter(), options.examples)
    total = Tally(options.examples)
    with closing(run(stage, plan(find_data(sources)), options.work, on_done=on_shard)) as tallies:
        for tally in tallies:
            total.merge(tally)
    require_rows(", ".join(names_of(sources)), total.rows, total.rows)
    total.finish()
    checks = {code: _entry(code, total) for code in sorted(total.counts)}
    return Result(total.rows, total.rows - total.invalid, checks)


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
