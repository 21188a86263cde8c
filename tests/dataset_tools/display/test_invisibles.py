"""Invisible characters as code points."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.display.invisibles import is_invisible, visible


@pytest.mark.parametrize(
    "text, shown",
    [
        ("مرحبا 12", "مرحبا 12"),
        ("a\u200fب", "a<U+200F>ب"),
        ("\u202eabc\u202c", "<U+202E>abc<U+202C>"),
        ("\ufeffa\u00adb", "<U+FEFF>a<U+00AD>b"),
        ("a\u00a0b\u3000c", "a<U+00A0>b<U+3000>c"),
        ("a\tb\x1b[0m", "a<U+0009>b<U+001B>[0m"),
        ("\u2028\u115f\ufe0f\U000e0041", "<U+2028><U+115F><U+FE0F><U+E0041>"),
        ("قَلْبٌ ﷺ ـ", "قَلْبٌ ﷺ ـ"),
        ("", ""),
    ],
)
def test_invisible_characters_have_a_code_point(text: str, shown: str) -> None:
    """Marks, spaces of other widths, controls and fillers are shown; letters, diacritics and ligatures stay."""
    assert visible(text) == shown


@given(st.text(st.characters(codec="utf-8")))
def test_what_is_shown_can_be_seen(text: str) -> None:
    """For any text, no control or format character and no unusual space is left, and visible text is unchanged."""
    shown = visible(text)
    assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") for letter in shown)
    assert not any(map(is_invisible, shown))
    assert visible(shown) == shown
    assert shown == text or any(map(is_invisible, text))
