"""Parts of HTML pages: the frame, escaped text, tables, number cards and figures. A page is one file without links."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from itertools import groupby

from dataset_tools.display.invisibles import is_invisible

__all__ = ["cards", "figure", "heat_table", "isolated", "marked", "shell", "table", "text"]

_FIELD = re.compile(r"\{\{([a-z-]+)\}\}")


def shell(title: str, facts: str, body: str, *, header: str = "", style: str = "", script: str = "") -> str:
    """Return a complete page.

    Args:
        title: title, as text.
        facts: line below the title, as HTML.
        body: content, as HTML.
        header: further content of the header, as HTML.
        style: style rules in addition to those of every page.
        script: script; the page must show everything without it, too.
    """
    style = _resource("page.css") + style
    fields = {
        "title": text(title),
        "facts": facts,
        "header": header,
        "body": body,
        "style": style,
        "style-hash": _hash(style),
        "script": script,
        "script-hash": _hash(script),
    }
    # One pass, so that a field name inside a row is not replaced.
    return _FIELD.sub(lambda field: fields[field[1]], _resource("page.html"))


def text(value: str) -> str:
    """Escape text, and show invisible characters except line ends as code points."""
    return marked(value, _is_odd)


def marked(value: str, is_odd: Callable[[str], bool]) -> str:
    """Escape text, and show each character that ``is_odd`` selects as its code point."""
    if not any(map(is_odd, value)):
        return escape(value)
    parts: list[str] = []
    for odd, group in groupby(value, key=is_odd):
        if odd:
            parts.extend(f'<span class="odd">U+{ord(character):04X}</span>' for character in group)
        else:
            parts.append(escape("".join(group)))
    return "".join(parts)


def _is_odd(character: str) -> bool:
    return character != "\n" and is_invisible(character)


def isolated(value: str) -> str:
    """Escape text and isolate its direction from the text around it."""
    return f"<bdi>{text(value)}</bdi>"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table that scrolls sideways where it is too wide. Cells are HTML; the first of a row is its header."""
    head = "".join(
        f'<th scope="col"{"" if at == 0 else " class=number"}>{name}</th>' for at, name in enumerate(columns)
    )
    body = "\n".join(
        f'<tr><th scope="row">{first}</th>{"".join(_cell(cell) for cell in rest)}</tr>' for first, *rest in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def heat_table(label: str, columns: Iterable[str], rows: Iterable[tuple[str, str]], kind: str = "") -> str:
    """Return a heat map of tools that scrolls sideways by itself, also with the keyboard.

    Args:
        label: description for screen readers.
        columns: names of the columns.
        rows: names of the tools with their cells, as HTML.
        kind: further class of the table.
    """
    head = "".join(f'<th scope="col">{isolated(name)}</th>' for name in ("tool", *columns))
    body = "\n".join(f'<tr><th scope="row">{isolated(name)}</th>{cells}</tr>' for name, cells in rows)
    inner = f'<table class="heat {kind}"><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>'
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">{inner}</div>'


def cards(shown: Mapping[str, tuple[str, str]]) -> str:
    """Return headline numbers: for each name its value and a note, as text."""
    entries = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}<small>{text(note)}</small></dd></div>"
        for name, (value, note) in shown.items()
    )
    return f'<dl class="cards">{entries}</dl>'


def figure(drawing: str, caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a chart with its caption, and its numbers as a folded table."""
    numbers = f"<details><summary>Numbers</summary>{table(columns, rows)}</details>"
    return f'<figure>{drawing}<figcaption class="quiet">{text(caption)}</figcaption>{numbers}</figure>'


def _cell(cell: str) -> str:
    """Return a cell; one that begins with its own tag is kept, with its class."""
    return cell if cell.startswith("<td") else f'<td class="number">{cell}</td>'


def _resource(name: str) -> str:
    return (files("dataset_tools.display") / "pages" / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    """Return the hash by which the content security policy allows an inline style or script."""
    return base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")
