"""What the pages of evaluations share: one file that needs nothing else, numbers, and text that may hold anything."""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from itertools import groupby

from dataset_tools.visible import is_invisible
from training.metrics import Metric

__all__ = ["bar", "isolated", "shell", "table", "text"]

_PLACE = re.compile(r"\{\{([a-z-]+)\}\}")


def shell(title: str, facts: str, body: str) -> str:
    """A whole page; ``facts`` and ``body`` are HTML."""
    style, script = _part("page.css"), _part("page.js")
    places = {
        "title": text(title),
        "facts": facts,
        "body": body,
        "style": style,
        "style-hash": _hash(style),
        "script": script,
        "script-hash": _hash(script),
    }
    # In one pass, so that nothing in a row is taken for a place.
    return _PLACE.sub(lambda place: places[place[1]], _part("page.html"))


def text(value: str) -> str:
    """Text as HTML, invisible characters but line ends as marked code points."""
    if not any(map(_is_odd, value)):
        return escape(value)
    parts: list[str] = []
    for odd, group in groupby(value, key=_is_odd):
        if odd:
            parts.extend(f'<span class="odd">U+{ord(character):04X}</span>' for character in group)
        else:
            parts.append(escape("".join(group)))
    return "".join(parts)


def _is_odd(character: str) -> bool:
    return character != "\n" and is_invisible(character)


def isolated(value: str) -> str:
    """Text in its own direction, whatever stands around it."""
    return f"<bdi>{text(value)}</bdi>"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "") -> str:
    """A table that scrolls by itself where it is too wide. The cells are HTML; the first of each row heads it."""
    head = "".join(
        f'<th scope="col"{"" if at == 0 else " class=number"}>{name}</th>' for at, name in enumerate(columns)
    )
    body = "\n".join(
        f'<tr><th scope="row">{first}</th>{"".join(_cell(cell) for cell in rest)}</tr>' for first, *rest in rows
    )
    title = f"<caption>{caption}</caption>" if caption else ""
    return f'<div class="scroll"><table>{title}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def bar(metric: Metric) -> str:
    """A metric and its interval drawn on a line from 0 to 1; the numbers stand beside it."""
    if metric.value is None:
        return ""
    low, width, value = 100 * metric.low, max(100 * (metric.high - metric.low), 0.5), 100 * metric.value
    return (
        '<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" x="0" y="3.5" width="100" height="1"/>'
        f'<rect class="range" x="{low:.2f}" y="1" width="{width:.2f}" height="6"/>'
        f'<rect class="dot" x="{max(value - 0.6, 0):.2f}" y="0" width="1.2" height="8"/></svg>'
    )


def _cell(cell: str) -> str:
    """A cell; whatever begins with a tag of its own brings its class along."""
    return cell if cell.startswith("<td") else f'<td class="number">{cell}</td>'


def _part(name: str) -> str:
    return (files("training") / "pages" / name).read_text(encoding="utf-8")


def _hash(part: str) -> str:
    """What a content security policy calls an inline style or script by; nothing else on the page runs."""
    return base64.b64encode(hashlib.sha256(part.encode("utf-8")).digest()).decode("ascii")
