"""Findings, changes and rejects as sections of a page."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dataset_tools.changes import shared_start
from dataset_tools.checks.base import catalogue
from dataset_tools.display.console import counted
from dataset_tools.display.html import isolated, table, text
from dataset_tools.pipeline.stage import RunReport
from dataset_tools.validation.excerpts import Excerpts, named_part
from dataset_tools.validation.validate import ValidationResult

__all__ = ["changes_section", "findings_section", "rejects_section"]

_AROUND = 40  # characters shown on each side of a change
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")
_EMPTY = '<span class="absent">empty</span>'
_VALUE = '<dd class="value" dir="auto">'
_LONGEST = 160  # characters shown of a change


def findings_section(
    result: ValidationResult, values: Excerpts, cleaning: RunReport | None = None, after: ValidationResult | None = None
) -> str:
    """Return the findings by check, errors first.

    Args:
        result: result of validation.
        values: values at the paths of the examples.
        cleaning: report of cleaning the rows.
        after: result of validation after cleaning; the number of rows left is added to each check.
    """
    if not result.checks:
        return "<p>No findings.</p>"
    order = sorted(result.checks.items(), key=lambda item: (item[1]["severity"], -item[1]["rows"], item[0]))
    return "\n".join(_check(code, entry, values, _outcome(code, cleaning, after)) for code, entry in order)


def _outcome(code: str, cleaning: RunReport | None, after: ValidationResult | None) -> str:
    """Return what cleaning did to the rows of a check."""
    if cleaning is None or after is None:
        return ""
    left = after.checks.get(code, {}).get("rows", 0)
    rejected = cleaning.rejected.get(code, 0)
    parts = [f"{rejected:,} rejected"] if rejected else []
    if left or not rejected:
        parts.append(f"{left:,} left after cleaning" if left else "repaired by cleaning")
    return f"; {', '.join(parts)}"


def _check(code: str, entry: Mapping[str, Any], values: Excerpts, outcome: str) -> str:
    check = catalogue()[code]
    counts = f"{counted(entry['rows'], 'row')}, {counted(entry['findings'], 'finding')}{outcome}"
    kind = "bad" if entry["severity"] == "error" else "warn"
    about = f"<p>{text(check.meaning)}. {text(check.why)}.</p>"
    examples = [_example(example, values) for example in entry["examples"]]
    return _entry(f'<span class="tag {kind}">{entry["severity"]}</span> ', code, counts, [about, *examples])


def _entry(tag: str, name: str, counts: str, parts: Sequence[str]) -> str:
    head = f'{tag}<b>{text(name)}</b> <span class="quiet">{counts}</span>'
    return f'<details class="entry"><summary>{head}</summary><div>{"".join(parts)}</div></details>'


def _where(example: Mapping[str, Any]) -> str:
    line = f"{example['file']}:{example['line']}" if example["line"] else "the whole dataset"
    parts = " · ".join(isolated(part) for part in (line, example["id"], example["path"]) if part)
    return f'<p class="quiet">{parts}</p>'


def _example(example: Mapping[str, Any], values: Excerpts) -> str:
    value = values.get((example["file"], example["line"], example["path"]))
    shown = "" if value is None else _marked(value, example["message"])
    # A message that only names code points repeats what is marked in the value.
    repeats = shown and example["message"].startswith("U+")
    message = "" if repeats else f'<p dir="ltr">{_quoting(example["message"])}</p>'
    hint = f'<p class="quiet">→ {text(example["hint"])}</p>' if example["hint"] else ""
    return f'<div class="example">{_where(example)}{shown}{message}{hint}</div>'


def _quoting(message: str) -> str:
    """Return a message with each quoted text in its own direction, and escaped characters as code points."""
    parts = _QUOTED.split(message)
    return "".join(
        f"'{isolated(_ESCAPE.sub(_character, part))}'" if at % 2 else text(part) for at, part in enumerate(parts)
    )


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1] or escape[2] or escape[3], 16))


def _marked(value: Any, message: str) -> str:  # noqa: ANN401 - JSON is any value
    pieces = named_part(value, message).pieces
    inner = "".join(f"<mark>{text(piece) or _EMPTY}</mark>" if meant else text(piece) for piece, meant in pieces)
    return f'<p class="value" dir="auto">{inner}</p>'


def changes_section(report: RunReport) -> str:
    """Return the changes by rule, with examples before and after."""
    if not report.rules:
        return "<p>No changes.</p>"
    order = sorted(report.rules.items(), key=lambda item: (-item[1]["rows"], item[0]))
    return "\n".join(
        _entry("", rule, f"{counted(entry['rows'], 'row')}, {counted(entry['changes'], 'change')}", samples)
        for rule, entry in order
        for samples in [[_sample(sample) for sample in entry["samples"]]]
    )


def _sample(sample: Mapping[str, Any]) -> str:
    before, after = _difference(_written(sample["before"]), _written(sample["after"]))
    pair = f"<dt>before</dt>{_VALUE}{before}</dd><dt>after</dt>{_VALUE}{after}</dd>"
    return f'<div class="example">{_where(sample)}<dl class="pair">{pair}</dl></div>'


def _written(value: Any) -> str:  # noqa: ANN401 - JSON is any value
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _difference(before: str, after: str) -> tuple[str, str]:
    """Return two texts with the part in which they differ marked, and some text around it."""
    start = shared_start(before, after)
    end = min(shared_start(before[::-1], after[::-1]), len(before) - start, len(after) - start)
    return _around(before, start, end, "del"), _around(after, start, end, "ins")


def _around(value: str, start: int, end: int, tag: str) -> str:
    stop = len(value) - end
    first, last = max(0, start - _AROUND), min(len(value), stop + _AROUND)
    changed = value[start:stop]
    shown = changed if len(changed) <= _LONGEST else f"{changed[:_LONGEST]}…"
    inside = f"<{tag}>{text(shown)}</{tag}>" if shown else "" if value else _EMPTY
    return f"{'…' * (first > 0)}{text(value[first:start])}{inside}{text(value[stop:last])}{'…' * (last < len(value))}"


def rejects_section(rejected: Mapping[str, int]) -> str:
    """Return the rejected rows by reason."""
    if not rejected:
        return "<p>No row was rejected.</p>"
    rows = sorted(rejected.items(), key=lambda item: (-item[1], item[0]))
    return table(("reason", "rows"), [(text(code), f"{number:,}") for code, number in rows])
