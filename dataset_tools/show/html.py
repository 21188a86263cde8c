"""Samples as one HTML page that needs nothing else: no network, no font, no library.

Each token is a ``<span>`` without a box, so that the letters of an Arabic word keep their shapes across tokens. A line
has the direction of what is said in it; code, control tokens and values are isolated from it and from each other.
"""

from collections.abc import Sequence
from importlib.resources import files
from itertools import groupby

from dataset_tools.display.html import marked, shell
from dataset_tools.display.invisibles import is_invisible
from dataset_tools.samples.masking import IGNORED
from dataset_tools.show.bidi_lines import Bit, Line, Shape, Stretch
from dataset_tools.show.preview import Preview, SampleView

__all__ = ["page"]

_TAGS = {
    Shape.CONTROL: ('<span dir="ltr">', "</span>"),
    Shape.CODE: ('<span dir="ltr">', "</span>"),
    Shape.VALUE: ("<bdi>", "</bdi>"),
    Shape.PROSE: ('<span class="prose">', "</span>"),
}
_NEWLINE = '<span class="sign">↵</span>'


def page(preview: Preview) -> str:
    """The page of a preview: every sample in it, one at a time where scripts run."""
    return shell(
        f"{preview.folder.name or preview.folder} · {preview.tokenizer}",
        _part("legend.html"),
        _part("navigation.html") + "\n".join([_article(view, preview.rows) for view in preview.views]),
        header=_note(preview) + _part("keys.html"),
        style=_part("page.css"),
        script=_part("page.js"),
    )


def _part(name: str) -> str:
    return (files("dataset_tools.show") / "page" / name).read_text(encoding="utf-8")


def _note(preview: Preview) -> str:
    if preview.same_tokenizer:
        return ""
    what = "This is not the tokenizer that made these ids; the text may be another."
    return f'<p class="note" role="alert">{what}</p>\n'


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
    return marked(text, is_invisible)
