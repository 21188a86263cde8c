"""Results of the data commands as text."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dataset_tools.changes import shared_start
from dataset_tools.checks.base import Check, catalogue
from dataset_tools.display.console import counted, isolate, isolate_message, print_table, text_bar
from dataset_tools.display.invisibles import code_point, is_invisible

if TYPE_CHECKING:
    from rich.console import Console

    from dataset_tools.pipeline.stage import RunReport
    from dataset_tools.samples.build import BuildReport
    from dataset_tools.split.split import SplitReport
    from dataset_tools.validation.validate import ValidationResult

__all__ = [
    "check_facts", "github_annotations", "print_build", "print_check", "print_checks", "print_split", "print_transform",
    "print_validation",
]  # fmt: skip

_BEFORE = 8  # characters of an example before the first difference
_COUNTS = 24  # columns of the counts of a rule, with spaces
_LARGE = 0.1  # share of the rows from which a group makes split sizes coarse
_COLORS = {"error": "red", "warning": "yellow"}
# Escapes of GitHub's workflow commands, in messages and in properties.
_GITHUB_MESSAGE = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_GITHUB_PROPERTY = _GITHUB_MESSAGE | str.maketrans({":": "%3A", ",": "%2C"})


def print_validation(result: "ValidationResult", console: "Console") -> None:
    """Print the findings by check, errors first, with examples and repairs."""
    from rich.text import Text

    mark = isolate_message if console.is_terminal else str  # in a file, invisible marks would break grep
    order = sorted(result.checks.items(), key=lambda item: (item[1]["severity"], -item[1]["rows"], item[0]))
    for code, entry in order:
        severity = (f"{entry['severity']:<8}", _COLORS[entry["severity"]])
        counts = f"  {counted(entry['rows'], 'row')}, {counted(entry['findings'], 'finding')}"
        console.print(Text.assemble(severity, (code, "bold"), counts))
        console.print(f"        {catalogue()[code].meaning}", style="dim", markup=False)
        hints = {example["hint"] for example in entry["examples"]}
        for example in entry["examples"]:
            line = f"{example['file']}:{example['line']}" if example["line"] else "the whole dataset"
            where = " ".join(part for part in (line, example["id"], example["path"]) if part)
            console.print(Text.assemble("        ", (where, "cyan"), f"  {mark(example['message'])}"))
            if len(hints) > 1:
                console.print(f"        → {example['hint']}", style="green", markup=False)
        if len(hints) == 1:
            console.print(f"        → {hints.pop()}", style="green", markup=False)
    errors = sum(entry["severity"] == "error" for entry in result.checks.values())
    warnings = len(result.checks) - errors
    style = "bold red" if result.invalid else "bold green"
    summary = f"{counted(result.rows, 'row')}: {result.valid:,} valid, {result.invalid:,} invalid"
    console.print(f"{summary}; {counted(errors, 'check')} with errors, {warnings} with warnings", style=style)


def github_annotations(result: "ValidationResult") -> Iterator[str]:
    """Yield a GitHub workflow command for each example of a finding; a pull request shows it next to its line."""
    for code, entry in result.checks.items():
        level = "error" if entry["severity"] == "error" else "warning"
        for example in entry["examples"]:
            message = f"{example['path']}: {example['message']}" if example["path"] else example["message"]
            file = example["file"].translate(_GITHUB_PROPERTY)
            line = f"file={file},line={example['line']}," if example["line"] else ""
            yield f"::{level} {line}title={code.translate(_GITHUB_PROPERTY)}::{message.translate(_GITHUB_MESSAGE)}"


def print_transform(report: "RunReport", console: "Console") -> None:
    """Print the counts of importing or cleaning, and an example of each rule."""
    if report.rules:
        room = max(10, (console.width - max(map(len, report.rules)) - _COUNTS) // 2)
        rows = [
            (rule, f"{count['rows']:,}", f"{count['changes']:,}", _change(count["samples"][0], console, room))
            for rule, count in sorted(report.rules.items(), key=lambda item: -item[1]["rows"])
        ]
        print_table(("rule", "rows", "changes", "example"), rows, console, left=(0, 3))
    _print_counts(report.rows_in, report.rows_out, report.rejected, report.output, console)


def print_build(report: "BuildReport", console: "Console") -> None:
    """Print the counts of a build, its lengths as bars, and the result of the template check."""
    facts = report.facts
    most = max(bar["rows"] for bar in facts["lengths"])
    console.print("tokens         rows", style="dim")
    for bar in facts["lengths"]:
        if bar["rows"]:
            to = f"{bar['to']:,}" if bar["to"] is not None else "more"
            console.print(f"{bar['from']:>5,} to {to:<6}{bar['rows']:>7,} {text_bar(bar['rows'], most)}", markup=False)
    within = ", ".join(f"{rows:,} within {int(limit):,}" for limit, rows in facts["rows_within"].items())
    console.print(f"{within} tokens", markup=False)
    share = f"{facts['trained_fraction']:.1%}"
    console.print(f"{facts['tokens']:,} tokens, {facts['trained_tokens']:,} of them trained ({share})", markup=False)
    if (dropped := facts["tools_dropped"])["rows"]:
        console.print(f"{counted(dropped['tools'], 'tool')} dropped in {counted(dropped['rows'], 'row')}", markup=False)
    tokenizer = facts["tokenizer"]
    templates = {"none": "no template", "unknown": "an unknown template"}
    template = templates.get(tokenizer["template"], "a known template")
    checked = f"{counted(facts['verified_rows'], 'row')} equal to the output of the tokenizer's own template"
    console.print(f"{checked} ({tokenizer['name']}, {template})", markup=False)
    _print_counts(report.rows_in, report.rows_out, report.rejected, str(report.output), console)


def print_checks(console: "Console") -> None:
    """Print the catalogue of checks, one line each."""
    rows = [(check.code, str(check.severity), check.meaning, str(check.repair)) for check in catalogue().values()]
    print_table(("check", "severity", "meaning", "repair"), rows, console, left=range(4), flexible=(2, 3))


def print_check(check: Check, console: "Console") -> None:
    """Print one entry of the catalogue."""
    console.print(f"{check.code} ({check.severity})", style="bold", markup=False)
    for name, value in list(check_facts(check).items())[2:]:
        console.print(f"  {name:<9}{isolate(value)}", markup=False)


def check_facts(check: Check) -> dict[str, str]:
    """Return one entry of the catalogue."""
    names = ("code", "severity", "meaning", "why", "example", "repair")
    return {name: str(getattr(check, name)) for name in names}


def print_split(report: "SplitReport", console: "Console") -> None:
    """Print the splits with their shares and dialects, and the rejected rows."""
    facts = report.facts
    for name, entry in facts["splits"].items():
        dialects = ", ".join(f"{dialect or 'no dialect'} {rows:,}" for dialect, rows in entry["dialects"].items())
        counts = f"{counted(entry['rows'], 'row'):>14} {entry['share']:>6.1%}  in {counted(entry['groups'], 'group')}"
        console.print(f"{name:<11}{counts}; {entry['negatives']:,} without a call; {dialects}", markup=False)
    wanted = [name for name in ("train", "validation", "test") if facts["options"].get(name, 1)]  # train has no share
    warnings = [
        f"no row is in {name}: too few groups; try another --seed" for name in wanted if name not in facts["splits"]
    ]
    if unread := facts["against_unread"]:
        warnings.append(f"{counted(unread, 'row')} of the evaluation set cannot be read; their questions may leak")
    largest = facts["groups"]["largest"]
    if largest > 1 and largest > _LARGE * facts["rows_out"]:
        warnings.append(f"{largest:,} rows are one group, connected by questions and calls, and stay in one split")
    for warning in warnings:
        console.print(f"warning: {warning}", style="yellow")
    _print_counts(facts["rows_in"], facts["rows_out"], facts["rejected"], str(report.output), console)


def _print_counts(rows_in: int, rows_out: int, rejected: dict[str, int], output: str, console: "Console") -> None:
    for code, rows in rejected.items():
        console.print(f"rejected  {code}: {counted(rows, 'row')}", style="yellow", markup=False)
    counts = f"{counted(rows_in, 'row')} in, {rows_out:,} out, {sum(rejected.values()):,} rejected → {output}"
    console.print(counts, style="bold", markup=False)


def _change(sample: dict[str, Any], console: "Console", room: int) -> str:
    """Return one change on one line: the values before and after, each cut to ``room`` characters."""
    from dataset_tools.io.json_text import dump_text

    before, after = sample["before"], sample["after"]
    mark = isolate if console.is_terminal else str
    if after is None:
        return f"{sample['path'].rpartition('.')[2]} removed"
    if isinstance(before, str) and isinstance(after, str):
        start = max(0, shared_start(before, after) - _BEFORE)
        shown = [("…" if start else "") + _visible(text[start:]) for text in (before, after)]
    else:
        shown = [dump_text(value) for value in (before, after)]
    left, right = (mark(text if len(text) <= room else f"{text[: room - 1]}…") for text in shown)
    return f"{right} added" if before is None else f"{left} → {right}"


def _visible(text: str) -> str:
    """Return text with invisible characters, and those that look like another letter, as code points."""
    return "".join(code_point(character) if _is_hidden(character) else character for character in text)


def _is_hidden(character: str) -> bool:
    shaped = "\ufb50" <= character <= "\ufdff" or "\ufe70" <= character <= "\ufefc"
    mark = "\u0653" <= character <= "\u0655"
    return shaped or mark or is_invisible(character)
