"""Prompts as HTML: one paragraph per display line, trained parts marked, tool declarations folded."""

from collections.abc import Callable, Iterable
from itertools import groupby

from dataset_tools.show.bidi_lines import PromptLine, Span, SpanKind
from dataset_tools.show.token_spans import Piece

__all__ = ["prompt_html"]

_DECLARATION = "<start_function_declaration>"
_TAGS = {
    SpanKind.CONTROL: ('<span dir="ltr">', "</span>"),
    SpanKind.CODE: ('<span dir="ltr">', "</span>"),
    SpanKind.VALUE: ("<bdi>", "</bdi>"),
    SpanKind.PROSE: ('<span class="prose">', "</span>"),
}


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
