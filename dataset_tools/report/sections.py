"""Findings, changes and rejects as sections of a page."""

import json
import re
from collections.abc import Mapping
from typing import Any

from dataset_tools.checks.base import catalogue
from dataset_tools.display.html import isolated, table, text
from dataset_tools.pipeline.to_file import Report
from dataset_tools.validation.excerpts import Excerpts, part_meant
from dataset_tools.validation.validate import Result

__all__ = ["changes_section", "count", "findings_section", "rejects_section"]

_AROUND = 40  # characters shown on each side of a change
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")
_LONGEST = 160  # characters shown of a change


def count(number: int, noun: str) -> str:
    """Return a count with its noun: ``1 row``, ``2 rows``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def findings_section(
    result: Result, values: Excerpts, cleaning: Report | None = None, after: Result | None = None
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


def _outcome(code: str, cleaning: Report | None, after: Result | None) -> str:
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
    counts = f"{count(entry['rows'], 'row')}, {count(entry['findings'], 'finding')}{outcome}"
    kind = "bad" if entry["severity"] == "error" else "warn"
    head = (
        f'<span class="tag {kind}">{entry["severity"]}</span> <b>{text(code)}</b> <span class="quiet">{counts}</span>'
    )
    about = f"<p>{text(check.meaning)}. {text(check.why)}.</p>"
    examples = "\n".join(_example(example, values) for example in entry["examples"])
    return f'<details class="entry"><summary>{head}</summary><div>{about}\n{examples}</div></details>'


def _example(example: Mapping[str, Any], values: Excerpts) -> str:
    place = f"{example['file']}:{example['line']}" if example["line"] else "the whole dataset"
    where = " · ".join(isolated(part) for part in (place, example["id"], example["path"]) if part)
    value = values.get((example["file"], example["line"], example["path"]))
    shown = "" if value is None else _marked(value, example["message"])
    # A message that only names code points repeats what is marked in the value.
    repeats = shown and example["message"].startswith("U+")
    message = "" if repeats else f'<p dir="ltr">{_quoting(example["message"])}</p>'
    hint = f'<p class="quiet">→ {text(example["hint"])}</p>' if example["hint"] else ""
    return f'<div class="example"><p class="quiet">{where}</p>{shown}{message}{hint}</div>'


def _quoting(message: str) -> str:
    """Return a message with each quoted text in its own direction, and escaped characters as code points."""
    parts = _QUOTED.split(message)
    return "".join(
        f"'{isolated(_ESCAPE.sub(_character, part))}'" if at % 2 else text(part) for at, part in enumerate(parts)
    )


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1] or escape[2] or escape[3], 16))


def _marked(value: Any, message: str) -> str:  # noqa: ANN401 - JSON is any value
    pieces = part_meant(value, message).pieces
    inner = "".join(f"<mark>{_shown(piece)}</mark>" if meant else text(piece) for piece, meant in pieces)
    return f'<p class="value" dir="auto">{inner}</p>'


def _shown(piece: str) -> str:
    return text(piece) or '<span class="absent">empty</span>'


def changes_section(report: Report) -> str:
    """Return the changes by rule, with examples before and after."""
    if not report.rules:
        return "<p>No changes.</p>"
    order = sorted(report.rules.items(), key=lambda item: (-item[1]["rows"], item[0]))
    return "\n".join(_rule(rule, entry) for rule, entry in order)


def _rule(rule: str, entry: Mapping[str, Any]) -> str:
    counts = f"{count(entry['rows'], 'row')}, {count(entry['changes'], 'change')}"
    head = f'<b>{text(rule)}</b> <span class="quiet">{counts}</span>'
    samples = "\n".join(_sample(sample) for sample in entry["samples"])
    return f'<details class="entry"><summary>{head}</summary><div>{samples}</div></details>'


def _sample(sample: Mapping[str, Any]) -> str:
    place = f"{sample['file']}:{sample['line']}"
    where = " · ".join(isolated(part) for part in (place, sample["id"], sample["path"]) if part)
    before, after = _difference(_written(sample["before"]), _written(sample["after"]))
    return (
        f'<div class="example"><p class="quiet">{where}</p><dl class="pair">'
        f'<dt>before</dt><dd class="value" dir="auto">{before}</dd>'
        f'<dt>after</dt><dd class="value" dir="auto">{after}</dd></dl></div>'
    )


def _written(value: Any) -> str:  # noqa: ANN401 - JSON is any value
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _difference(before: str, after: str) -> tuple[str, str]:
    """Return two texts with the part in which they differ marked, and some text around it."""
    start = _common(before, after)
    end = min(_common(before[::-1], after[::-1]), len(before) - start, len(after) - start)
    return _around(before, start, end, "del"), _around(after, start, end, "ins")


def _common(one: str, other: str) -> int:
    """Return the length of the common prefix of two texts."""
    return next(
        (at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right),
        min(len(one), len(other)),
    )


def _around(value: str, start: int, end: int, tag: str) -> str:
    stop = len(value) - end
    first, last = max(0, start - _AROUND), min(len(value), stop + _AROUND)
    changed = value[start:stop]
    shown = changed if len(changed) <= _LONGEST else f"{changed[:_LONGEST]}…"
    inside = f"<{tag}>{text(shown)}</{tag}>" if shown else ""
    if not value:
        inside = '<span class="absent">empty</span>'
    return f"{'…' * (first > 0)}{text(value[first:start])}{inside}{text(value[stop:last])}{'…' * (last < len(value))}"


def rejects_section(rejected: Mapping[str, int]) -> str:
    """Return the rejected rows by reason."""
    if not rejected:
        return "<p>No row was rejected.</p>"
    rows = sorted(rejected.items(), key=lambda item: (-item[1], item[0]))
    return table(("reason", "rows"), [(text(code), f"{number:,}") for code, number in rows])
