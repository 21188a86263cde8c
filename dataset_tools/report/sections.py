"""Findings and repairs as parts of a page: what was found and where, what was changed, what was left out."""

import json
import re
from collections.abc import Mapping
from typing import Any

from dataset_tools.checks.base import catalogue
from dataset_tools.display.html import isolated, table, text
from dataset_tools.pipeline.to_file import Report
from dataset_tools.validation.excerpts import Excerpts, part_meant
from dataset_tools.validation.validate import Result

__all__ = ["cards", "cleaning_part", "count", "findings_part", "rejected_part"]

_AROUND = 40  # characters shown on each side of a change
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")
_LONGEST = 160  # characters shown of a value, or of what was changed in it


def cards(shown: Mapping[str, tuple[str, str]]) -> str:
    """Numbers to see first: what each is, its value, and a word more."""
    entries = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}<small>{more}</small></dd></div>"
        for name, (value, more) in shown.items()
    )
    return f'<dl class="cards">{entries}</dl>'


def count(number: int, what: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def findings_part(result: Result, values: Excerpts, after: Result | None = None) -> str:
    """The findings by check, the worst first; where ``after`` is given, with how many rows cleaning leaves of each."""
    if not result.checks:
        return "<p>Nothing was found.</p>"
    order = sorted(result.checks.items(), key=lambda item: (item[1]["severity"], -item[1]["rows"], item[0]))
    return "\n".join(_check(code, entry, values, after) for code, entry in order)


def _check(code: str, entry: Mapping[str, Any], values: Excerpts, after: Result | None) -> str:
    check = catalogue()[code]
    counts = f"{count(entry['rows'], 'row')}, {count(entry['findings'], 'finding')}"
    if after is not None:
        left = after.checks.get(code, {}).get("rows", 0)
        counts += f"; after cleaning {left:,}" if left else "; none after cleaning"
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
    told = f'<p dir="ltr">{_quoting(example["message"])}</p>' if not shown or _says_more(example["message"]) else ""
    hint = f'<p class="quiet">→ {text(example["hint"])}</p>' if example["hint"] else ""
    return f'<div class="example"><p class="quiet">{where}</p>{shown}{told}{hint}</div>'


def _quoting(message: str) -> str:
    """A message, each text that it quotes in its own direction."""
    parts = _QUOTED.split(message)
    return "".join(f"'{isolated(part)}'" if at % 2 else text(part) for at, part in enumerate(parts))


def _says_more(message: str) -> bool:
    """Whether a message is more than the code points and the text that are marked anyway."""
    return not message.startswith("U+")


def _marked(value: Any, message: str) -> str:  # noqa: ANN401 - JSON is any value
    pieces = part_meant(value, message).pieces
    inner = "".join(f"<mark>{_shown(piece)}</mark>" if meant else text(piece) for piece, meant in pieces)
    return f'<p class="value" dir="auto">{inner}</p>'


def _shown(piece: str) -> str:
    return text(piece) or '<span class="absent">empty</span>'


def cleaning_part(report: Report) -> str:
    """What cleaning changed, rule by rule, with samples before and after."""
    if not report.rules:
        return "<p>Nothing was changed.</p>"
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
    """Two texts with the part marked in which they differ, and what stands around it."""
    start = _common(before, after)
    end = min(_common(before[::-1], after[::-1]), len(before) - start, len(after) - start)
    return _around(before, start, end, "del"), _around(after, start, end, "ins")


def _common(one: str, other: str) -> int:
    """How many first characters two texts share."""
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
        inside = '<span class="absent">nothing</span>'
    return f"{'…' * (first > 0)}{text(value[first:start])}{inside}{text(value[stop:last])}{'…' * (last < len(value))}"


def rejected_part(rejected: Mapping[str, int]) -> str:
    """Rows that were left out, by reason."""
    if not rejected:
        return "<p>No row was left out.</p>"
    rows = sorted(rejected.items(), key=lambda item: (-item[1], item[0]))
    return table(("reason", "rows"), [(text(code), f"{number:,}") for code, number in rows])
