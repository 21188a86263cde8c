"""The comparison key and the names of differences."""

import unicodedata

import pytest
from hypothesis import given, settings

from dataset_tools.arabic.compare import DIFFERENCES, compare_key, same_but_for
from dataset_tools.arabic.repair import TextRole, repair
from tests.dataset_tools.arabic.arabic_texts import ANY_TEXT, ARABIC_HEAVY
from tests.properties import examples


@pytest.mark.parametrize(
    "first, second, difference",
    [
        ("أحمد", "احمد", "hamza"),
        ("مسؤول", "مسئول", "hamza"),
        ("مُحَمَّد", "محمد", "diacritics"),
        ("على", "علي", "yeh"),
        ("علی", "علي", "yeh"),
        ("کتاب", "كتاب", "kaf"),
        ("مدرسة", "مدرسه", "teh marbuta"),
        ("٥٠٠", "500", "digits"),
        ("۵", "٥", "digits"),
        ("مـرحبا", "مرحبا", "tatweel"),
        ("دبي  مول ", "دبي مول", "spaces"),
        ("دبي\u00a0مول", "دبي مول", "spaces"),
        ("Dubai", "dubai", "letter case"),
        ("ﻣﺮﺣﺒﺎ", "مرحبا", "presentation forms"),
        ("دبي\u200f", "دبي", "invisible characters"),
        ("نعم؟", "نعم ", "punctuation"),
        ("نعم؟", "نعم", "punctuation and spaces"),
        ("Wi-Fi", "Wi Fi", "punctuation"),
        ("القاهرة", "ألقاهره", "hamza and teh marbuta"),
        ("e\u0301", "é", "Unicode composition"),
        ("و\u0654", "ؤ", "Unicode composition"),
    ],
)
def test_differences_in_words(first: str, second: str, difference: str) -> None:
    """The differences between spellings with the same key are named, in either order."""
    assert compare_key(first) == compare_key(second)
    assert same_but_for(first, second) == same_but_for(second, first) == difference


@pytest.mark.parametrize(
    "first, second",
    [
        ("دبي", "دبي"),
        ("دبي", "أبوظبي"),
        ("ابو ظبي", "ابوظبي"),
        ("شيء", "شي"),
        ("35", "3.5"),
        ("پيتزا", "بيتزا"),
        ("Café", "Cafe"),
    ],
)
def test_equal_or_other_text_has_no_difference(first: str, second: str) -> None:
    """Equal text has no difference, and different words are not spellings of each other."""
    assert same_but_for(first, second) is None


def test_key() -> None:
    """The key is exact."""
    assert compare_key("  هٰذا المـسؤول، في «مكّة» يوم ٣/٤ — OK! ") == "هذا المسءول في مكه يوم 3 4 ok"
    assert compare_key("أهلاً STRASSE ß 😀") == "اهلا strasse ss 😀"
    assert compare_key("") == ""


@settings(deadline=None, max_examples=examples(600))
@given(ANY_TEXT)
def test_key_is_idempotent_and_blind_to_composition(text: str) -> None:
    """The key of a key is itself, and composed and decomposed text have one key."""
    key = compare_key(text)
    assert compare_key(key) == key
    assert key == compare_key(unicodedata.normalize("NFC", text)) == compare_key(unicodedata.normalize("NFD", text))
    assert same_but_for(text, text) is None


@settings(deadline=None, max_examples=examples(300))
@given(ARABIC_HEAVY)
def test_fast_and_slow_path_agree(text: str) -> None:
    """A character outside the ordinary set makes no difference to the rest of the key."""
    assert compare_key(text + " 😀") == f"{compare_key(text)} 😀".strip()


@settings(deadline=None, max_examples=examples(300))
@given(ARABIC_HEAVY, ARABIC_HEAVY)
def test_differences_are_named_exactly_for_equal_keys(first: str, second: str) -> None:
    """Differences are named if and only if two different texts have one key."""
    words = same_but_for(first, second)
    assert (words is not None) == (first != second and compare_key(first) == compare_key(second))
    assert words is None or set(words.split(" and ")) <= {*DIFFERENCES, "Unicode composition"}


def test_repair_keeps_the_key_of_arabic_text() -> None:
    """A repair of letters never changes the key."""
    for text in ("مـــرحبا", "ﻣﺮﺣﺒﺎ", "فی الریاض", "دبي\u200f\u200b مول", "ا\u0653لة"):
        assert compare_key(repair(text, TextRole.TARGET)[0]) == compare_key(text)
