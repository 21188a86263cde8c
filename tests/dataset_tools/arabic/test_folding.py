"""Folds, compared with the functions of CAMeL Tools."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.arabic.folding import FOLDS, camel_function, compile_fold
from tests.dataset_tools.arabic.arabic_texts import ANY_TEXT
from tests.properties import examples

SINGLE = {name: (camel_function(name), compile_fold([name])) for name in FOLDS}


@pytest.mark.parametrize(
    "fold, text, expected",
    [
        ("dediac", "مُحَمَّدٌ هٰذا", "محمد هذا"),
        ("alef", "أإآٱا", "ااااا"),
        ("alef-maksura", "على مستشفى", "علي مستشفي"),
        ("teh-marbuta", "مدرسة", "مدرسه"),
        ("digits", "٣٫٥ ١٬٠٠٠ ۴", "3٫5 1٬000 4"),
    ],
)
def test_each_fold(fold: str, text: str, expected: str) -> None:
    """Each fold has its effect and keeps separators."""
    assert compile_fold([fold])(text) == expected


def test_unknown_fold_is_refused() -> None:
    """An unknown name is an error that lists the names allowed."""
    with pytest.raises(ValueError, match="unknown fold hamza; choose from dediac, alef, alef-maksura"):
        compile_fold(["alef", "hamza"])


def test_no_fold_changes_nothing() -> None:
    """Without names the text stays."""
    assert compile_fold([])("أهلاً") == "أهلاً"


@settings(deadline=None, max_examples=examples(300))
@given(ANY_TEXT)
def test_each_fold_equals_camel(text: str) -> None:
    """The compiled table equals CAMeL Tools for any text."""
    for camel, compiled in SINGLE.values():
        assert compiled(text) == camel(text)


@settings(deadline=None, max_examples=examples(100))
@given(ANY_TEXT, st.lists(st.sampled_from(FOLDS), unique=True))
def test_combinations_equal_camel_in_order(text: str, names: list[str]) -> None:
    """A combination equals the functions of CAMeL Tools in order."""
    expected = text
    for name in names:
        expected = SINGLE[name][0](expected)
    assert compile_fold(names)(text) == expected


def test_only_arabic_blocks_change() -> None:
    """CAMeL Tools changes no character outside the range that the table covers."""
    everything = "".join(map(chr, range(0x110000)))
    for camel, compiled in SINGLE.values():
        assert compiled(everything) == camel(everything)
