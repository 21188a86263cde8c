"""Samples on a terminal: trained text is between ⟦ and ⟧, and in another color where there are colors."""

import unicodedata
from typing import TYPE_CHECKING

from dataset_tools.display.console import isolate
from dataset_tools.display.invisibles import code_point, visible
from dataset_tools.samples.masking import IGNORED
from dataset_tools.show.bidi_lines import PromptLine, Span, SpanKind
from dataset_tools.show.preview import Preview, SampleView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.text import Text

__all__ = ["print_preview"]

_OPEN, _CLOSE, _NEWLINE = "⟦", "⟧", "↵"
_TRAINED, _IGNORED, _SIGN = "bold green", "bright_black", "bold yellow"
_DOTTED_CIRCLE = "\u25cc"  # base for a combining mark, which would otherwise attach to the sign before it
_SIGNS = str.maketrans({sign: code_point(sign) for sign in (_OPEN, _CLOSE, _NEWLINE)})


def print_preview(preview: Preview, console: "Console", *, ids: bool = False) -> None:
    """Print each sample as text, with a summary line.

    Args:
        preview: result of :func:`dataset_tools.show.preview.preview`.
        console: output console.
        ids: also list every token with its id and label.
    """
    for number, view in enumerate(preview.views):
        if number:
            console.print()
        _print_view(view, preview.rows, console, ids=ids)
    if not preview.same_tokenizer:
        what = f"note: {preview.tokenizer} did not make these ids; the text may be wrong"
        console.print(visible(what), style="yellow", markup=False)


def _print_view(view: SampleView, rows: int, console: "Console", *, ids: bool) -> None:
    from rich.text import Text

    directed = console.is_terminal  # in a file, invisible marks would break grep
    head = Text.assemble((visible(view.sample.id), "bold"), f"  row {view.sample.row:,} of 0 to {rows - 1:,}  ")
    head.append_text(Text.assemble((_OPEN, _SIGN), ("trained", _TRAINED), (_CLOSE, _SIGN)))
    head.append_text(Text.assemble("  ", ("ignored", _IGNORED), f"  {_NEWLINE} newline"))
    console.print(head, soft_wrap=True)
    for line in view.lines:
        console.print(_text(line, directed=directed), soft_wrap=True)
    if ids:
        for entry in _listing(view, directed=directed):
            console.print(entry, soft_wrap=True)
    known = [visible(word) for word in (view.sample.dialect, view.sample.domain) if word]
    console.print(" · ".join([view.counts, *known]), style="bold", markup=False)


def _text(line: PromptLine, *, directed: bool) -> "Text":
    """Return one line with signs around its trained parts."""
    from rich.text import Text

    text = Text()
    inside = False
    for span in line.spans:
        if span.trained != inside:
            text.append(_OPEN if span.trained else _CLOSE, _SIGN)
            inside = span.trained
        text.append(_directed(span, directed=directed), _TRAINED if span.trained else _IGNORED)
    if inside:
        text.append(_CLOSE, _SIGN)
    return text


def _directed(span: Span, *, directed: bool) -> str:
    """Return the visible text of a span, isolated where its direction differs."""
    written = "".join([piece.text for piece in span.pieces])
    newline = written.endswith("\n")
    shown = _shown(written.removesuffix("\n"))
    if directed and span.kind in (SpanKind.PROSE, SpanKind.VALUE) and not shown.isascii():
        shown = isolate(shown)
    return f"{shown}{_NEWLINE}" if newline else shown


def _shown(text: str) -> str:
    text = visible(text.translate(_SIGNS))
    return f"{_DOTTED_CIRCLE}{text}" if text and unicodedata.category(text[0]).startswith("M") else text


def _listing(view: SampleView, *, directed: bool) -> "Iterator[Text]":
    """Yield every token: position, id and text, and a label that differs from the id."""
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
