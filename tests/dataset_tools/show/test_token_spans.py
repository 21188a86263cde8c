"""Ids to text: every token once, characters of several tokens joined."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.errors import InputError
from dataset_tools.samples.tokenizer import load_tokenizer
from dataset_tools.show.token_spans import LabelRun, Piece, label_runs, token_texts
from training.tiny import tokenizer_path

TOKENIZER: Any = load_tokenizer(tokenizer_path())
LETTERS = st.characters(codec="utf-8", exclude_characters="▁") | st.sampled_from("ابجدة \n<>{}0٣😀👩\u200dڴ")
TEXTS = st.text(LETTERS, max_size=30)


def _ids(text: str) -> list[int]:
    return list(TOKENIZER.encode(text, add_special_tokens=False).ids)


def test_each_token_has_its_text() -> None:
    """Control tokens by name, a space before a word, newlines, and bytes by name."""
    assert token_texts(_ids("<escape> البحث عن\n\n3ڴ"), TOKENIZER) == [
        "<escape>", " البحث", " عن", "\n\n", "3", "<0xDA>", "<0xB4>",
    ]  # fmt: skip


@pytest.mark.parametrize("token", [-1, 4096, 2**31 - 1])
def test_an_id_that_the_vocabulary_lacks_is_an_error(token: int) -> None:
    """The wrong tokenizer is an error."""
    with pytest.raises(InputError, match=f"id {token} is not in this vocabulary of 4,096"):
        token_texts([2, token], TOKENIZER)


def test_a_letter_of_several_tokens_is_one_piece() -> None:
    """The bytes of one character are joined; the next character is another piece."""
    texts = token_texts(_ids("aڴ😀ب"), TOKENIZER)
    assert list(label_runs(texts, [-100] * len(texts))) == [
        LabelRun(trained=False, pieces=(Piece("a", 0, 1), Piece("ڴ", 1, 3), Piece("😀", 3, 7), Piece("ب", 7, 8)))
    ]


@pytest.mark.parametrize(
    "bytes_, pieces",
    [
        ("D8", ["<0xD8>"]),
        ("D8 41", ["<0xD8>", "A"]),
        ("B4 DA B4", ["<0xB4>", "ڴ"]),
        ("F0 9F 98", ["<0xF0>", "<0x9F>", "<0x98>"]),
        ("F0 9F 98 80 FF", ["😀", "<0xFF>"]),
        ("C0 80", ["<0xC0>", "<0x80>"]),
        ("ED A0 80", ["<0xED>", "<0xA0>", "<0x80>"]),
        ("E2 80 8F", ["\u200f"]),
    ],
)
def test_bytes_that_make_no_letter_are_named(bytes_: str, pieces: list[str]) -> None:
    """Bytes that are not UTF-8 are shown one by one."""
    texts = [f"<0x{byte}>" for byte in bytes_.split()]
    (run,) = label_runs(texts, [1] * len(texts))
    assert [piece.text for piece in run.pieces] == pieces


def test_a_letter_is_not_joined_across_labels() -> None:
    """If the mask cuts a character in two, both halves are shown as bytes."""
    texts = token_texts(_ids("ڴ"), TOKENIZER)
    assert list(label_runs(texts, [-100, 5])) == [
        LabelRun(trained=False, pieces=(Piece("<0xDA>", 0, 1),)),
        LabelRun(trained=True, pieces=(Piece("<0xB4>", 1, 2),)),
    ]


@given(TEXTS, st.data())
def test_runs_hold_every_token_once_and_the_whole_text(text: str, data: st.DataObject) -> None:
    """For any text and mask, pieces are contiguous, and runs change where the mask does."""
    ids = _ids(text)
    trained = data.draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids)))
    labels = [token if wanted else -100 for token, wanted in zip(ids, trained, strict=True)]
    runs = list(label_runs(token_texts(ids, TOKENIZER), labels))
    assert [(at, run.trained) for run in runs for piece in run.pieces for at in range(*piece[1:])] == list(
        enumerate(trained)
    )
    assert all(before.trained != after.trained for before, after in pairwise(runs))
    whole = list(label_runs(token_texts(ids, TOKENIZER), ids))
    assert "".join(run.text for run in whole) == TOKENIZER.decode(ids, skip_special_tokens=False) == text
