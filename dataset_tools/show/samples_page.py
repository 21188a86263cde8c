"""HTML page of samples: each token with its id and label, without network, fonts or libraries.

A prompt has one paragraph per display line, trained parts marked, tool declarations folded.
"""

from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from itertools import groupby

from dataset_tools.display.html import marked, shell
from dataset_tools.display.invisibles import is_invisible
from dataset_tools.samples.masking import IGNORED
from dataset_tools.show.bidi_lines import PromptLine, Span, SpanKind
from dataset_tools.show.preview import Preview, SampleView
from dataset_tools.show.token_spans import Piece

__all__ = ["prompt_html", "samples_page"]

_DECLARATION = "<start_function_declaration>"
_TAGS = {
    SpanKind.CONTROL: ('<span dir="ltr">', "</span>"),
    SpanKind.CODE: ('<span dir="ltr">', "</span>"),
    SpanKind.VALUE: ("<bdi>", "</bdi>"),
    SpanKind.PROSE: ('<span class="prose">', "</span>"),
}


def samples_page(preview: Preview) -> str:
    """Return the page of a preview: all its samples, one at a time where scripts run."""
    return shell(
        f"Samples in {preview.folder.name or preview.folder}",
        f"Tokenizer <bdi>{_visible(preview.tokenizer)}</bdi><br>{_resource('legend.html')}",
        _resource("navigation.html") + "\n".join([_article(view, preview.rows) for view in preview.views]),
        header=_note(preview) + _resource("keys.html"),
        style=_resource("page.css"),
        script=_resource("page.js"),
    )


def _resource(name: str) -> str:
    return (files("dataset_tools.show") / "page" / name).read_text(encoding="utf-8")


def _note(preview: Preview) -> str:
    if preview.same_tokenizer:
        return ""
    return '<p class="note" role="alert">Another tokenizer made these ids; the text may be wrong.</p>\n'


def _article(view: SampleView, rows: int) -> str:
    sample = view.sample
    name = f"row-{sample.row}"
    known = [f"<bdi>{_visible(word)}</bdi>" for word in (sample.dialect, sample.domain) if word]
    facts = " · ".join([f"row {sample.row:,} of 0 to {rows - 1:,}", view.counts, *known])
    body = prompt_html(view.lines, lambda piece: _token(piece, view))
    head = f'<h2 id="{name}-id"><bdi>{_visible(sample.id)}</bdi></h2>\n<p class="facts">{facts}</p>'
    return f'<article id="{name}" aria-labelledby="{name}-id">\n{head}\n<div class="text">\n{body}\n</div>\n</article>'


def _token(piece: Piece, view: SampleView) -> str:
    """Return the text of a token, or of the tokens of one character, with their ids and labels."""
    ids = _numbers(view.sample.input_ids[piece.start : piece.stop])
    labels = view.sample.labels[piece.start : piece.stop]
    trained = "" if IGNORED in labels else f' data-labels="{_numbers(labels)}"'
    text = '<span class="sign">↵</span>' if piece.text == "\n" else _visible(piece.text)
    return f'<span class="t" data-t="{piece.start}" data-ids="{ids}"{trained}>{text}</span>'


def _numbers(values: Sequence[int]) -> str:
    return " ".join(map(str, values))


def _visible(text: str) -> str:
    return marked(text, is_invisible)


def prompt_html(lines: Iterable[PromptLine], piece_html: Callable[[Piece], str]) -> str:
    """Return a prompt as HTML.

    Args:
        lines: display lines of the prompt.
        piece_html: returns the HTML of a piece, without a box: one would break the joining of Arabic letters.
    """
    parts = []
    for declares, group in groupby(lines, key=lambda line: line.spans[0].pieces[0].text == _DECLARATION):
        shown = [_line(line, piece_html) for line in group]
        tools = f"{len(shown):,} declaration{'s' * (len(shown) > 1)}, not trained"
        inner = "\n".join(shown)
        parts.append(f"<details><summary>{tools}</summary>\n{inner}\n</details>" if declares else inner)
    return "\n".join(parts)


def _line(line: PromptLine, piece_html: Callable[[Piece], str]) -> str:
    parts = []
    for trained, group in groupby(line.spans, key=lambda span: span.trained):
        inner = "".join([_span(span, piece_html) for span in group])
        parts.append(f"<mark>{inner}</mark>" if trained else f'<span class="ignored">{inner}</span>')
    return f'<p class="line" dir="auto">{"".join(parts)}</p>'


def _span(span: Span, piece_html: Callable[[Piece], str]) -> str:
    opened, closed = _TAGS[span.kind]
    return f"{opened}{''.join([piece_html(piece) for piece in span.pieces])}{closed}"
