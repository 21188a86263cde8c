"""``afg-data validate``: every check over every row, as one library call.

A stage turns a shard into a tally, tallies merge in the order of the shards, and the merged tally becomes the result;
so the result does not depend on the number of workers.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dataset_tools.checks.base import ADVICE, Check, DatasetCheck, Found, Severity, catalogue
from dataset_tools.checks.reading import UNREADABLE, reading_defects
from dataset_tools.converting import Converter, find_data, load_tools, record_errors, require_shallow
from dataset_tools.errors import RowError
from dataset_tools.executor import run
from dataset_tools.reading import read_rows
from dataset_tools.rows import Row
from dataset_tools.shards import Shard, plan
from dataset_tools.tool_view import ToolView
from dataset_tools.validators import dotted

if TYPE_CHECKING:
    from schemas.record import Tool

__all__ = ["Finding", "Options", "Result", "Tally", "validate"]


class Finding(NamedTuple):
    """One defect at its place."""

    check: str
    severity: str
    file: str
    line: int
    id: str
    path: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Options:
    """What ``validate`` can be told.

    Attributes:
        layout: the layout of every row; recognised by the fields when empty.
        tools_file: declarations for layouts that carry none.
        workers: processes to use; the result is the same for any number.
        examples: how many findings of each check the result holds; all are counted. -1 holds them all.
    """

    layout: str = ""
    tools_file: Path | None = None
    workers: int = 1
    examples: int = 3


@dataclass(slots=True)
class Tally:
    """What the checks found in some rows: counts, and the first findings of each check."""

    keep: int
    rows: int = 0
    invalid: int = 0
    unreadable: int = 0
    bytes: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    rows_by_check: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Finding]] = field(default_factory=dict)
    observers: list[DatasetCheck] = field(default_factory=list)

    def add(self, check: Check, place: tuple[str, int, str], found: Found, path: str = "") -> None:
        """Count one finding, and hold it while there is room."""
        self.counts[check.code] += 1
        held = self.examples.setdefault(check.code, [])
        if self.keep < 0 or len(held) < self.keep:
            hint = found.hint or ADVICE[check.repair]
            held.append(Finding(check.code, check.severity, *place, path + found.path, found.message, hint))

    def merge(self, other: "Tally") -> None:
        """Take over the tally of the shard that follows."""
        self.rows += other.rows
        self.invalid += other.invalid
        self.unreadable += other.unreadable
        self.counts.update(other.counts)
        self.rows_by_check.update(other.rows_by_check)
        for code, findings in other.examples.items():
            held = self.examples.setdefault(code, [])
            held.extend(findings if self.keep < 0 else findings[: self.keep - len(held)])
        if not self.observers:
            self.observers = other.observers
        else:
            for mine, theirs in zip(self.observers, other.observers, strict=True):
                mine.merge(theirs)


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
        checks = catalogue()
        scopes = _Scopes(list(checks.values()))
        tally = Tally(self._keep)
        tally.observers = [entry.dataset() for entry in checks.values() if entry.dataset]
        name = shard.file.place
        for raw in read_rows(shard):
            tally.rows += 1
            try:
                if raw.value is None:
                    raise raw.error or RowError(UNREADABLE, "no row")
                record, changes = self._converter.convert(raw.value, shard.file, raw.line)
                require_shallow(record, raw.raw)
            except RowError as error:
                _refuse(tally, error, (name, raw.line, ""))
                continue
            errors = record_errors(record)
            place = (name, raw.line, record["id"])
            if errors:
                for broken in errors:
                    found = Found(dotted(broken.path).lstrip("."), f"{broken.message:.200}")
                    tally.add(checks["invalid-record"], place, found)
                tally.rows_by_check["invalid-record"] += 1
                tally.invalid += 1
                continue
            row = Row(record, changes, name, raw.line)
            _check_row(row, place, tally, scopes)
            for observer in tally.observers:
                observer.observe(row)
        return tally


def _refuse(tally: Tally, error: RowError, place: tuple[str, int, str]) -> None:
    """Count a row of which no record could be made."""
    checks = catalogue()
    check = checks["unknown-layout" if error.code == "unknown-layout" else UNREADABLE]
    reason = error.what if error.code in (check.code, UNREADABLE) else f"{error.code}: {error.what}"
    tally.add(check, place, Found("", reason, error.hint))
    tally.rows_by_check[check.code] += 1
    tally.invalid += 1
    tally.unreadable += 1


class _Scopes:
    """The catalogue by what each check looks at, as pairs of the generator and its entry."""

    def __init__(self, checks: list[Check]) -> None:
        self.text = [(entry.text, entry) for entry in checks if entry.text]
        self.tool = [(entry.tool, entry) for entry in checks if entry.tool]
        self.call = [(entry.call, entry) for entry in checks if entry.call]
        self.row = [(entry.row, entry) for entry in checks if entry.row]

    def findings(self, row: Row) -> list[tuple[Check, str, Found]]:
        """What the checks find in a record: the check, the path that the finding's own is relative to, the finding."""
        found = [(check, "", one) for find, check in self.row for one in find(row)]
        for call in row.calls:
            found += [(check, "", one) for find, check in self.call for one in find(row, call)]
        for position, view in enumerate(row.tools):
            if view.findings is None:
                view.findings = list(self._in_tool(view))
            if view.findings:
                found += [(check, f"tools[{position}]", one) for check, one in view.findings]
        if row.odd:
            arabic = row.arabic
            for text in row.odd:
                found += [(check, "", one) for find, check in self.text for one in find(text, arabic)]
        return found

    def _in_tool(self, view: ToolView) -> Iterator[tuple[Check, Found]]:
        for find_in_tool, check in self.tool:
            for found in find_in_tool(view):
                yield check, found
        for text in view.odd:
            for find_in_text, check in self.text:
                for found in find_in_text(text, view.arabic):
                    yield check, found


def _check_row(row: Row, place: tuple[str, int, str], tally: Tally, scopes: _Scopes) -> None:
    codes: set[str] = set()
    invalid = False
    for check, path, found in scopes.findings(row):
        tally.add(check, place, found, path)
        codes.add(check.code)
        invalid = invalid or check.severity is Severity.ERROR
    if row.changes:
        checks = catalogue()
        for code, path, message in reading_defects(row.changes):
            tally.add(checks[code], place, Found(path, message))
            codes.add(code)
    if codes:
        tally.rows_by_check.update(codes)
        tally.invalid += invalid


def validate(
    sources: list[str], options: Options | None = None, *, on_shard: Callable[[Shard, Tally], None] | None = None
) -> Result:
    """Check every row of ``sources`` with the whole catalogue.

    Args:
        sources: files, folders, globs or ``hf://datasets/...``, in any known layout.
        options: see :class:`Options`.
        on_shard: called after each shard, in order, for progress.

    Raises:
        UsageError: an option makes no sense.
        InputError: a source cannot be read; a row that cannot is a finding.
    """
    options = options or Options()
    tools: dict[str, Tool] = load_tools(options.tools_file) if options.tools_file else {}
    stage = Stage(Converter(options.layout, tools), options.examples)
    total = Tally(options.examples)
    with closing(run(stage, plan(find_data(sources)), options.workers, on_done=on_shard)) as tallies:
        for tally in tallies:
            total.merge(tally)
    _finish(total)
    checks = {code: _entry(code, total) for code in sorted(total.counts)}
    return Result(total.rows, total.rows - total.invalid, checks)


def _finish(total: Tally) -> None:
    """Add what shows only when all rows have been seen."""
    checks = catalogue()
    for observer in total.observers:
        check = checks[observer.CODE]
        places = set()
        for place, found in observer.findings():
            total.add(check, (place.file, place.line, ""), found)
            places.add(place)
        if places:
            total.rows_by_check[check.code] = len(places)


def _entry(code: str, total: Tally) -> dict[str, Any]:
    examples: Iterator[Finding] = iter(total.examples[code])
    return {
        "severity": str(catalogue()[code].severity),
        "rows": total.rows_by_check[code],
        "findings": total.counts[code],
        "examples": [
            {"file": f.file, "line": f.line, "id": f.id, "path": f.path, "message": f.message, "hint": f.hint}
            for f in examples
        ],
    }
