"""Samples on a terminal: what is trained stands between ⟦ and ⟧, and in another colour where there are colours."""

import unicodedata
from typing import TYPE_CHECKING

from dataset_tools.display.console import isolate
from dataset_tools.display.invisibles import code_point, visible
from dataset_tools.samples.masking import IGNORED
from dataset_tools.show.bidi_lines import Line, Shape, Stretch
from dataset_tools.show.preview import Preview, SampleView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.text import Text

__all__ = ["print_preview", "summary"]

_OPEN, _CLOSE, _NEWLINE = "⟦", "⟧", "↵"
_TRAINED, _IGNORED, _SIGN = "bold green", "bright_black", "bold yellow"
_DOTTED_CIRCLE = "\u25cc"  # carries a mark that would otherwise sit on the sign before it
_SIGNS = str.maketrans({sign: code_point(sign) for sign in (_OPEN, _CLOSE, _NEWLINE)})


def print_preview(preview: Preview, console: "Console", *, ids: bool = False) -> None:
    """Each sample as text, and a line that sums it up.

    Args:
        preview: what :func:`dataset_tools.show.preview.preview` gave.
        console: where to print.
        ids: whether to list every token with its id and label, too.
    """
    for number, view in enumerate(preview.views):
        if number:
            console.print()
        _print_view(view, preview.rows, console, ids=ids)
    if not preview.same_tokenizer:
        what = f"note: {preview.tokenizer} is not the tokenizer that made these ids; the text may be another"
        console.print(visible(what), style="yellow", markup=False)


def summary(view: SampleView) -> str:
    """How many tokens a sample has, how many of them are trained, and what is known of it."""
    parts = [f"{view.tokens:,} tokens, {view.trained:,} trained ({view.trained / view.tokens:.1%})"]
    if view.mislabelled:
        parts.append(f"{view.mislabelled:,} trained towards another token")
    parts += [visible(word) for word in (view.sample.dialect, view.sample.domain) if word]
    return " · ".join(parts)


def _print_view(view: SampleView, rows: int, console: "Console", *, ids: bool) -> None:
    from rich.text import Text

    directed = console.is_terminal  # invisible marks help eyes, and hinder grep
    head = Text.assemble((visible(view.sample.id), "bold"), f"  row {view.sample.row:,} of 0 to {rows - 1:,}  ")
    head.append_text(_legend())
    console.print(head, soft_wrap=True)
    for line in view.lines:
        console.print(_text(line, directed=directed), soft_wrap=True)
    if ids:
        for entry in _listing(view, directed=directed):
            console.print(entry, soft_wrap=True)
    console.print(summary(view), style="bold", markup=False)


def _legend() -> "Text":
    from rich.text import Text

    return Text.assemble(
        (_OPEN, _SIGN), ("trained", _TRAINED), (_CLOSE, _SIGN), "  ", ("ignored", _IGNORED), f"  {_NEWLINE} newline"
    )


def _text(line: Line, *, directed: bool) -> "Text":
    """One line, the signs around all that is trained in it."""
    from rich.text import Text

    text = Text()
    inside = False
    for stretch in line.stretches:
        if stretch.trained != inside:
            text.append(_OPEN if stretch.trained else _CLOSE, _SIGN)
            inside = stretch.trained
        text.append(_directed(stretch, directed=directed), _TRAINED if stretch.trained else _IGNORED)
    if inside:
        text.append(_CLOSE, _SIGN)
    return text


def _directed(stretch: Stretch, *, directed: bool) -> str:
    """The text of a stretch, everything in it visible, in its own direction where that matters."""
    written = "".join([bit.text for bit in stretch.bits])
    newline = written.endswith("\n")
    shown = _shown(written.removesuffix("\n"))
    if directed and stretch.shape in (Shape.PROSE, Shape.VALUE) and not shown.isascii():
        shown = isolate(shown)
    return f"{shown}{_NEWLINE}" if newline else shown


def _shown(text: str) -> str:
    text = visible(text.translate(_SIGNS))
    return f"{_DOTTED_CIRCLE}{text}" if text and unicodedata.category(text[0]).startswith("M") else text


def _listing(view: SampleView, *, directed: bool) -> "Iterator[Text]":
    """Every token: its place, id, sign and text; the label, too, where it is neither the id nor left out."""
    from rich.text import Text

    yield Text(" place      id  token", "dim")
    tokens = zip(view.sample.input_ids, view.sample.labels, view.texts, strict=True)
    for place, (token, label, text) in enumerate(tokens):
        trained = label != IGNORED
        shown = _shown(text.replace("\n", "\0")).replace(code_point("\0"), _NEWLINE)
        shown = isolate(shown) if directed and not shown.isascii() else shown
        marked = f"{_OPEN}{shown}{_CLOSE}" if trained else f" {shown}"
        towards = f"  → {label}" if trained and label != token else ""
        yield Text.assemble(
            (f"{place:>6,} {token:>7}  ", "dim"), (marked, _TRAINED if trained else _IGNORED), (towards, "bold red")
        )
