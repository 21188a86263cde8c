"""Samples as one HTML page that needs nothing else: no network, no font, no library.

Each token is a ``<span>`` without a box, so that the letters of an Arabic word keep their shapes across tokens. A line
has the direction of what is said in it; code, control tokens and values are isolated from it and from each other.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from itertools import groupby

from dataset_tools.masking import IGNORED
from dataset_tools.preview import Preview, SampleView
from dataset_tools.reading_order import Bit, Line, Shape, Stretch
from dataset_tools.visible import is_invisible

__all__ = ["page"]

_PLACE = re.compile(r"\{\{([a-z-]+)\}\}")
_TAGS = {
    Shape.CONTROL: ('<span dir="ltr">', "</span>"),
    Shape.CODE: ('<span dir="ltr">', "</span>"),
    Shape.VALUE: ("<bdi>", "</bdi>"),
    Shape.PROSE: ('<span class="prose">', "</span>"),
}
_NEWLINE = '<span class="sign">↵</span>'


def page(preview: Preview) -> str:
    """The page of a preview: every sample in it, one at a time where scripts run."""
    style, script = _part("page.css"), _part("page.js")
    places = {
        "title": escape(f"{preview.folder.name or preview.folder} · {preview.tokenizer}"),
        "note": _note(preview),
        "style": style,
        "style-hash": _hash(style),
        "script": script,
        "script-hash": _hash(script),
        "samples": "\n".join([_article(view, preview.rows) for view in preview.views]),
    }
    # In one pass, so that nothing in a sample is taken for a place.
    return _PLACE.sub(lambda place: places[place[1]], _part("page.html"))


def _part(name: str) -> str:
    return (files("dataset_tools") / "show_page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a content security policy calls an inline style or script by; nothing else on the page runs."""
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _note(preview: Preview) -> str:
    if preview.same_tokenizer:
        return ""
    what = "This is not the tokenizer that made these ids; the text may be another."
    return f'<p class="note" role="alert">{what}</p>'


def _article(view: SampleView, rows: int) -> str:
    sample = view.sample
    name = f"row-{sample.row}"
    known = [f"<bdi>{_visible(word)}</bdi>" for word in (sample.dialect, sample.domain) if word]
    counts = f"{view.tokens:,} tokens, {view.trained:,} trained ({view.trained / view.tokens:.1%})"
    if view.mislabelled:
        counts += f", {view.mislabelled:,} towards another token"
    facts = " · ".join([f"row {sample.row:,} of 0 to {rows - 1:,}", counts, *known])
    body = "\n".join([_line(line, view) for line in view.lines])
    head = f'<h2 id="{name}-id"><bdi>{_visible(sample.id)}</bdi></h2>\n<p class="facts">{facts}</p>'
    return f'<article id="{name}" aria-labelledby="{name}-id">\n{head}\n<div class="text">\n{body}\n</div>\n</article>'


def _line(line: Line, view: SampleView) -> str:
    parts = []
    for trained, group in groupby(line.stretches, key=lambda stretch: stretch.trained):
        inner = "".join([_stretch(stretch, view) for stretch in group])
        parts.append(f"<mark>{inner}</mark>" if trained else f'<span class="ignored">{inner}</span>')
    return f'<p class="line" dir="auto">{"".join(parts)}</p>'


def _stretch(stretch: Stretch, view: SampleView) -> str:
    opened, closed = _TAGS[stretch.shape]
    return f"{opened}{''.join(_token(bit, view) for bit in stretch.bits)}{closed}"


def _token(bit: Bit, view: SampleView) -> str:
    """The text of a token, or of the tokens that make one letter, with their ids."""
    ids = _numbers(view.sample.input_ids[bit.start : bit.stop])
    labels = view.sample.labels[bit.start : bit.stop]
    told = "" if IGNORED in labels else f' data-labels="{_numbers(labels)}"'
    text = _NEWLINE if bit.text == "\n" else _visible(bit.text)
    return f'<span class="t" data-t="{bit.start}" data-ids="{ids}"{told}>{text}</span>'


def _numbers(values: Sequence[int]) -> str:
    return " ".join(map(str, values))


def _visible(text: str) -> str:
    return "".join(_marked(text))


def _marked(text: str) -> Iterator[str]:
    """Text as HTML, invisible characters as marked code points."""
    for odd, group in groupby(text, key=is_invisible):
        if odd:
            yield from (f'<span class="odd">U+{ord(character):04X}</span>' for character in group)
        else:
            yield escape("".join(group))
