"""Display lines: spans of one direction that hold the whole text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.samples.tokenizer import CONTROL_TOKENS
from dataset_tools.show.bidi_lines import SpanKind, lines
from dataset_tools.show.token_spans import LabelRun, Piece, label_runs

CONTROL, CODE, VALUE, PROSE = SpanKind.CONTROL, SpanKind.CODE, SpanKind.VALUE, SpanKind.PROSE


def _lines(*texts: str) -> list[list[tuple[SpanKind, str]]]:
    """Return kind and text of each span in each line."""
    return [
        [(span.kind, "".join(piece.text for piece in span.pieces)) for span in line.spans]
        for line in lines(label_runs(texts, [-100] * len(texts)))
    ]


def test_a_turn_is_prose_under_a_header() -> None:
    """The header is code; message text is prose, line by line."""
    tokens = ("<bos>", "<start_of_turn>", "user", "\n", "كيف", " iPhone", "\n\n", "12", "<end_of_turn>", "\n")
    assert _lines(*tokens) == [
        [(CONTROL, "<bos><start_of_turn>"), (CODE, "user\n")],
        [(PROSE, "كيف iPhone\n")],
        [(PROSE, "\n")],
        [(PROSE, "12"), (CONTROL, "<end_of_turn>"), (PROSE, "\n")],
    ]


def test_values_stand_alone_in_a_call() -> None:
    """Text between escapes is a value, names and delimiters are code, and a call begins a line."""
    tokens = ("نعم", "<start_function_call>", "call", ":f{", "city", ":", "<escape>", "شارع", " 12: أ", "<escape>", "}",
              "<end_function_call>", "<start_function_response>")  # fmt: skip
    assert _lines(*tokens) == [
        [(PROSE, "نعم")],
        [
            (CONTROL, "<start_function_call>"), (CODE, "call:f{city:"), (CONTROL, "<escape>"), (VALUE, "شارع 12: أ"),
            (CONTROL, "<escape>"), (CODE, "}"), (CONTROL, "<end_function_call>"),
        ],
        [(CONTROL, "<start_function_response>")],
    ]  # fmt: skip


def test_arabic_keys_are_values_in_code() -> None:
    """An Arabic name between delimiters keeps its digits and spaces with it; the delimiters stay code."""
    tokens = ("<start_function_call>", "call:f{", "رقم", " 2", ":3,ab:", "4", "}", "<end_function_call>")
    (line,) = _lines(*tokens)
    assert line[1:-1] == [(CODE, "call:f{"), (VALUE, "رقم 2"), (CODE, ":3,ab:4}")]


@pytest.mark.parametrize("start", ['{"', ' [{"', "[", '{\n"'])
def test_json_in_a_value_is_code(start: str) -> None:
    """Results are JSON in a string: its keys and values would change places if they were one value."""
    tokens = ("<start_function_response>", "response:f{value:", "<escape>", start, "سماء", '":"', "صحو", '"}',
              "<escape>", "}", "<end_function_response>", "تمام")  # fmt: skip
    found = _lines(*tokens)
    spans = [span for line in found for span in line]
    at = spans.index((VALUE, "سماء"))
    assert spans[at : at + 4] == [(VALUE, "سماء"), (CODE, '":"'), (VALUE, "صحو"), (CODE, '"}')]
    assert found[-1] == [(PROSE, "تمام")]


def test_each_value_is_parsed_by_itself() -> None:
    """Each value is JSON or not, independent of the one before."""
    tokens = (
        "<start_function_call>",
        "call:f{a:",
        "<escape>",
        "[",
        "<escape>",
        ",b:",
        "<escape>",
        "س:[",
        "<escape>",
        "}",
    )
    (line,) = _lines(*tokens)
    assert [span for span in line if span[0] is not CONTROL] == [
        (CODE, "call:f{a:"), (CODE, "["), (CODE, ",b:"), (VALUE, "س:["), (CODE, "}"),
    ]  # fmt: skip


def test_a_span_is_trained_or_ignored() -> None:
    """A span ends where the mask changes, even inside a value; its pieces name their tokens."""
    runs = [
        LabelRun(trained=False, pieces=(Piece("<start_function_call>", 0, 1), Piece("س", 1, 3))),
        LabelRun(trained=True, pieces=(Piece("ص:", 3, 4),)),
    ]
    (line,) = lines(runs)
    assert [(span.kind, span.trained, span.pieces) for span in line.spans] == [
        (CONTROL, False, (("<start_function_call>", 0, 1),)),
        (VALUE, False, (("س", 1, 3),)),
        (VALUE, True, (("ص", 3, 4),)),
        (CODE, True, ((":", 3, 4),)),
    ]


WORDS = st.sampled_from(
    [*CONTROL_TOKENS, "user", "\n", "\n\n", "جدة", " الرياض", ':"', "{", "}", "[", "a_b", "12", "٣", "، "]
)


@given(st.lists(st.tuples(WORDS | st.text(st.sampled_from('اب12 ab\n:,{}[]"\u200f'), min_size=1), st.booleans())))
def test_text_and_order_are_kept(tokens: list[tuple[str, bool]]) -> None:
    """For any tokens and mask, the pieces are the text in order, with tokens and labels; newlines end lines."""
    texts = [text for text, _ in tokens]
    labels = [1 if trained else -100 for _, trained in tokens]
    found = list(lines(label_runs(texts, labels)))
    pieces = [(piece, span.trained) for line in found for span in line.spans for piece in span.pieces]
    assert "".join(piece.text for piece, _ in pieces) == "".join(texts)
    rebuilt = ["" for _ in tokens]
    for piece, trained in pieces:
        assert piece.stop == piece.start + 1
        assert trained == tokens[piece.start][1]
        rebuilt[piece.start] += piece.text
    assert rebuilt == texts
    for line in found:
        assert "\n" not in "".join(piece.text for span in line.spans for piece in span.pieces)[:-1]
