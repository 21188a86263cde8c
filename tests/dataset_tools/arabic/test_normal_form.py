"""Unicode normal forms, in linear time for hostile text."""

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.arabic.compare import compare_key
from dataset_tools.arabic.normal_form import _long_runs, nfc, nfd
from dataset_tools.arabic.repair import TextRole, repair
from dataset_tools.arabic.spans import find

MOVED = [
    char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.combining(unicodedata.normalize("NFD", char)[0])
]
MANY = 200_000


def test_every_mark_that_normalisation_moves_is_known() -> None:
    """Marks beyond the range would be sorted in quadratic time."""
    assert len(MOVED) > 900
    assert all(_long_runs().fullmatch(mark * 64) for mark in MOVED)
    assert not any(_long_runs().search(char * 64) for char in "aب가क\u200d")


@settings(deadline=None)
@given(
    st.lists(st.text(st.sampled_from("ابaeㄱ각\u0fb3") | st.sampled_from(MOVED), max_size=9), max_size=9),
    st.integers(1, 40),
)
def test_the_forms_are_unicodes(pieces: list[str], times: int) -> None:
    """Short and long runs of marks that decompose, compose and block one another equal the library's."""
    text = "".join(piece * times for piece in pieces)
    assert nfc(text) == unicodedata.normalize("NFC", text)
    assert nfd(text) == unicodedata.normalize("NFD", text)


@pytest.mark.parametrize(
    "pair, span",
    [
        ("\u0651\u064e", (0, 2 * MANY + 1)),
        ("\u0653\u064e", (0, 2 * MANY + 1)),
        ("\u0f73", (0, 2)),
        ("\u0344\u0323", (0, 2 * MANY + 1)),
        ("\u0301\u200b\u0323", None),
    ],
)
def test_many_marks_on_one_letter_take_linear_time(pair: str, span: tuple[int, int] | None) -> None:
    """Repair, find and comparison key would each take minutes in quadratic time."""
    text = "ب" + pair * MANY
    clean, _ = repair(text, TextRole.TARGET)
    assert unicodedata.is_normalized("NFC", clean)
    assert find("nfc", text) == span
    assert compare_key(text) == compare_key(clean)
