"""What all pages for a browser share: one file that needs nothing else, and text that may hold anything."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from importlib.resources import files
from itertools import groupby

from dataset_tools.display.invisibles import is_invisible

__all__ = ["isolated", "marked", "shell", "table", "text"]

_PLACE = re.compile(r"\{\{([a-z-]+)\}\}")


def shell(title: str, facts: str, body: str, *, header: str = "", style: str = "", script: str = "") -> str:
    """A whole page.

    Args:
        title: its name, as text.
        facts: what stands below it, as HTML.
        body: the rest, as HTML.
        header: what else belongs above the rest, as HTML.
        style: rules beside those of every page.
        script: what makes the page easier to use; without it all must be there, too.
    """
    style = _part("page.css") + style
    places = {
        "title": text(title),
        "facts": facts,
        "header": header,
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
    return marked(value, _is_odd)


def marked(value: str, is_odd: Callable[[str], bool]) -> str:
    """Text as HTML, each character that is odd as its code point, marked."""
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


def _cell(cell: str) -> str:
    """A cell; whatever begins with a tag of its own brings its class along."""
    return cell if cell.startswith("<td") else f'<td class="number">{cell}</td>'


def _part(name: str) -> str:
    return (files("dataset_tools.display") / "pages" / name).read_text(encoding="utf-8")


def _hash(part: str) -> str:
    """What a content security policy calls an inline style or script by; nothing else on the page runs."""
    return base64.b64encode(hashlib.sha256(part.encode("utf-8")).digest()).decode("ascii")
