"""Results as people and machines read them. A result is computed first and reported here; nothing is decided here."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dataset_tools.checks.base import Check, catalogue
from dataset_tools.display.console import isolate, isolate_message
from dataset_tools.display.invisibles import code_point, is_invisible

if TYPE_CHECKING:
    from rich.console import Console

    from dataset_tools.pipeline.to_file import Report
    from dataset_tools.samples.build import BuildReport
    from dataset_tools.split.split import SplitReport
    from dataset_tools.validation.validate import Result

__all__ = [
    "checks_markdown",
    "github_annotations",
    "print_build",
    "print_check",
    "print_checks",
    "print_split",
    "print_transform",
    "print_validation",
]

_BEFORE = 8  # characters of a sample before the first difference
_BAR = 40  # columns of the longest bar
_COUNTS = 20  # columns that the counts take, with the space between
_LARGE = 0.1  # of all rows: a group so large leaves no fine choice of sides
_COLOURS = {"error": "red", "warning": "yellow"}
# What GitHub's workflow commands need escaped, in messages and, beyond that, in properties.
_GITHUB = {"%": "%25", "\r": "%0D", "\n": "%0A"}


def print_validation(result: "Result", console: "Console") -> None:
    """The findings by check, worst first, each with examples and what mends it."""
    from rich.text import Text

    mark = isolate_message if console.is_terminal else str  # invisible marks help eyes, and hinder grep
    order = sorted(result.checks.items(), key=lambda item: (item[1]["severity"], -item[1]["rows"], item[0]))
    for code, entry in order:
        head = Text.assemble(
            (f"{entry['severity']:<8}", _COLOURS[entry["severity"]]),
            (code, "bold"),
            f"  {_plural(entry['rows'], 'row')}, {_plural(entry['findings'], 'finding')}",
        )
        console.print(head)
        console.print(f"        {catalogue()[code].meaning}", style="dim", markup=False)
        hints = {example["hint"] for example in entry["examples"]}
        for example in entry["examples"]:
            place = f"{example['file']}:{example['line']}" if example["line"] else "the whole dataset"
            where = " ".join(part for part in (place, example["id"], example["path"]) if part)
            console.print(Text.assemble("        ", (where, "cyan"), f"  {mark(example['message'])}"))
            if len(hints) > 1:
                console.print(f"        → {example['hint']}", style="green", markup=False)
        if len(hints) == 1:
            console.print(f"        → {hints.pop()}", style="green", markup=False)
    errors = sum(entry["severity"] == "error" for entry in result.checks.values())
    warnings = len(result.checks) - errors
    style = "bold red" if result.invalid else "bold green"
    summary = f"{_plural(result.rows, 'row')}: {result.valid:,} valid, {result.invalid:,} invalid"
    console.print(f"{summary}; {_plural(errors, 'check')} with errors, {warnings} with warnings", style=style)


def github_annotations(result: "Result") -> Iterator[str]:
    """A GitHub workflow command for each finding the result holds: it shows beside the line in a pull request."""
    for code, entry in result.checks.items():
        level = "error" if entry["severity"] == "error" else "warning"
        for example in entry["examples"]:
            message = f"{example['path']}: {example['message']}" if example["path"] else example["message"]
            place = f"file={_property(example['file'])},line={example['line']}," if example["line"] else ""
            yield f"::{level} {place}title={_property(code)}::{_escape(message)}"


def print_transform(report: "Report", console: "Console") -> None:
    """The counts of an import or a cleaning, and one before-and-after sample of each rule."""
    from rich.table import Table
    from rich.text import Text

    if report.rules:
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("rule", no_wrap=True, min_width=max(map(len, report.rules)))
        table.add_column("rows", justify="right", no_wrap=True, min_width=4)
        table.add_column("changes", justify="right", no_wrap=True, min_width=7)
        table.add_column("for example", no_wrap=True)
        room = max(10, (console.width - max(map(len, report.rules)) - _COUNTS - len(" → ")) // 2)
        for rule, count in sorted(report.rules.items(), key=lambda item: -item[1]["rows"]):
            table.add_row(
                rule, f"{count['rows']:,}", f"{count['changes']:,}", Text(_change(count["samples"][0], console, room))
            )
        console.print(table)
    _print_rejected(report.rejected, console)
    _print_done(report.rows_in, report.rows_out, report.rejected, report.output, console)


def print_build(report: "BuildReport", console: "Console") -> None:
    """The counts of a build, its lengths as bars, and what it was held against."""
    facts = report.facts
    most = max(bar["rows"] for bar in facts["lengths"])
    console.print("tokens         rows", style="dim")
    for bar in facts["lengths"]:
        if bar["rows"] or bar["from"] == 0:
            to = f"{bar['to']:,}" if bar["to"] is not None else "more"
            blocks = "█" * max(round(_BAR * bar["rows"] / most), bar["rows"] > 0)
            console.print(f"{bar['from']:>5,} to {to:<6}{bar['rows']:>7,} {blocks}", markup=False)
    within = ", ".join(f"{rows:,} within {int(limit):,}" for limit, rows in facts["rows_within"].items())
    console.print(f"{within} tokens", markup=False)
    share = f"{facts['trained_fraction']:.1%}"
    console.print(f"{facts['tokens']:,} tokens, {facts['trained_tokens']:,} of them trained ({share})", markup=False)
    dropped = facts["tools_dropped"]
    if dropped["rows"]:
        console.print(f"{_plural(dropped['tools'], 'tool')} dropped in {_plural(dropped['rows'], 'row')}", markup=False)
    tokenizer = facts["tokenizer"]
    template = {"none": "no template", "unknown": "a template of its own"}.get(
        tokenizer["template"], "a known template"
    )
    checked = f"{_plural(facts['verified_rows'], 'row')} equal to what the tokenizer itself gives"
    console.print(f"{checked} ({tokenizer['name']}, {template})", markup=False)
    _print_rejected(report.rejected, console)
    _print_done(report.rows_in, report.rows_out, report.rejected, str(report.output), console)


def print_checks(console: "Console") -> None:
    """The catalogue, a line each."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("check", "severity", "what it finds", "mended by"):
        table.add_column(name)
    for check in catalogue().values():
        table.add_row(check.code, str(check.severity), check.meaning, str(check.repair))
    console.print(table)


def print_check(check: Check, console: "Console") -> None:
    """All that the catalogue says of one check."""
    console.print(f"{check.code} ({check.severity})", style="bold", markup=False)
    for name, value in _facts(check):
        console.print(f"  {name:<12}{isolate(value)}", markup=False)


def checks_markdown() -> str:
    """The catalogue as the page of the documentation."""
    sections = []
    for check in catalogue().values():
        facts = "\n".join(
            f"- {name}: {f'`{value}`' if name == 'example' else value}" for name, value in _facts(check)[1:]
        )
        sections.append(f"## `{check.code}`\n\n{check.severity.capitalize()}. {check.meaning}.\n\n{facts}\n")
    return "\n".join(sections)


def check_facts(check: Check) -> dict[str, str]:
    """One entry of the catalogue, for ``--json``."""
    return {"code": check.code, "severity": str(check.severity), **dict(_facts(check))}


def print_split(report: "SplitReport", console: "Console") -> None:
    """The sides with their shares and dialects, and what is on none."""
    facts = report.facts
    for side, entry in facts["splits"].items():
        dialects = ", ".join(f"{name or 'none'} {rows:,}" for name, rows in entry["dialects"].items())
        counts = f"{_plural(entry['rows'], 'row'):>14} {entry['share']:>6.1%}  in {_plural(entry['groups'], 'group')}"
        console.print(f"{side:<11}{counts}; {entry['negatives']:,} without a call; {dialects}", markup=False)
    wanted = [name for name in ("train", "validation", "test") if facts["options"].get(name, 1)]  # train has no share
    for side in (name for name in wanted if name not in facts["splits"]):
        console.print(f"warning: no row is for {side}: too few groups; try another --seed", style="yellow")
    if unread := facts["against_unread"]:
        told = f"warning: {_plural(unread, 'row')} of the evaluation data cannot be read: what they ask may leak"
        console.print(told, style="yellow")
    largest = facts["groups"]["largest"]
    if largest > 1 and largest > _LARGE * facts["rows_out"]:
        told = (
            f"warning: {largest:,} rows are one group, connected by questions and calls: no side may have a part of it"
        )
        console.print(told, style="yellow")
    _print_rejected(facts["rejected"], console)
    _print_done(facts["rows_in"], facts["rows_out"], facts["rejected"], str(report.output), console)


def _print_rejected(rejected: dict[str, int], console: "Console") -> None:
    for code, rows in rejected.items():
        console.print(f"rejected  {code}: {_plural(rows, 'row')}", style="yellow", markup=False)


def _print_done(rows_in: int, rows_out: int, rejected: dict[str, int], output: str, console: "Console") -> None:
    refused = sum(rejected.values())
    done = f"{_plural(rows_in, 'row')} in, {rows_out:,} out, {refused:,} rejected → {output}"
    console.print(done, style="bold", markup=False)


def _facts(check: Check) -> list[tuple[str, str]]:
    return [
        ("meaning", check.meaning),
        ("why", check.why),
        ("example", check.example),
        ("mended by", str(check.repair)),
    ]


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _change(sample: dict[str, Any], console: "Console", room: int) -> str:
    """One change on one line: what stood there and what stands there now, each cut to ``room`` characters."""
    mark = isolate if console.is_terminal else str
    before, after = sample["before"], sample["after"]
    if after is None:
        return f"{sample['path'].rpartition('.')[2]} removed"
    if before is None:
        return f"{mark(_short(_json(after), room))} added"
    if not (isinstance(before, str) and isinstance(after, str)):
        return f"{mark(_short(_json(before), room))} → {mark(_short(_json(after), room))}"
    pairs = enumerate(zip(before, after, strict=False))
    same = next((i for i, (a, b) in pairs if a != b), min(len(before), len(after)))
    start = max(0, same - _BEFORE)
    pieces = [_short(("…" if start else "") + _visible(text[start:]), room) for text in (before, after)]
    return f"{mark(pieces[0])} → {mark(pieces[1])}"


def _json(value: Any) -> str:  # noqa: ANN401 - JSON is any value
    from dataset_tools.io.jsonl import dump_text

    return dump_text(value)


def _short(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _visible(text: str) -> str:
    """Characters that nobody sees, or that look like a letter and are none, by their code points."""
    return "".join(code_point(c) if _is_hidden(c) else c for c in text)


def _is_hidden(character: str) -> bool:
    shaped = "\ufb50" <= character <= "\ufdff" or "\ufe70" <= character <= "\ufefc"
    mark = "\u0653" <= character <= "\u0655"
    return shaped or mark or is_invisible(character)


def _escape(text: str) -> str:
    return "".join(_GITHUB.get(character, character) for character in text)


def _property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
