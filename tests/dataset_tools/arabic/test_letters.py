"""The character tables and the fast test."""

import unicodedata

import pytest
from camel_tools.utils.charmap import CharMapper
from camel_tools.utils.charsets import AR_DIAC_CHARSET
from hypothesis import given, settings

from dataset_tools.arabic.letters import (
    DIACRITICS,
    PRESENTATION_FORMS,
    is_arabic_letter,
    needs_look,
)
from dataset_tools.arabic.repair import RULES
from tests.dataset_tools.arabic.arabic_texts import ANY_TEXT, ARABIC_HEAVY, SENTENCES
from tests.properties import examples


def test_presentation_forms_agree_with_nfkc() -> None:
    """Each form is mapped to its NFKC form, except the one that decomposes twice."""
    different = {code for code, text in PRESENTATION_FORMS.items() if unicodedata.normalize("NFKC", chr(code)) != text}
    assert different == {0xFBDD}  # U with hamza: NFKC goes on to split U+0677


def test_presentation_forms_agree_with_camel() -> None:
    """The map of CAMeL Tools has the same letters, except Persian and Urdu ones that it loses."""
    camel = CharMapper.builtin_mapper("arclean").map_string
    mapped = [code for code in PRESENTATION_FORMS if camel(chr(code))]
    different = {PRESENTATION_FORMS[code] for code in mapped if camel(chr(code)) != PRESENTATION_FORMS[code]}
    assert different == set("پٹچڈڑژکگںےۓھہی") & different
    assert camel("ﷲ") == PRESENTATION_FORMS[0xFDF2] == "الله"
    assert len(mapped) > 130


@pytest.mark.parametrize(
    "char", [*map(chr, range(0xFDF0, 0xFDF2)), *map(chr, range(0xFDF3, 0xFE00)), "ﹰ", "ﹱ", "ﱞ", "ﳲ", "\ufeff"]
)
def test_symbols_and_isolated_marks_are_not_in_the_table(char: str) -> None:
    """Word symbols, and forms that would become a space or a tatweel, are left out."""
    assert ord(char) not in PRESENTATION_FORMS


def test_forms_never_gain_a_space_or_tatweel() -> None:
    """No presentation form is replaced by a space or a tatweel."""
    assert not any(" " in text or "ـ" in text for text in PRESENTATION_FORMS.values())
    assert PRESENTATION_FORMS[0xFD3C] == "اً"


def test_diacritics_are_those_of_camel() -> None:
    """The diacritics are exactly those that CAMeL Tools removes."""
    assert set(DIACRITICS) == AR_DIAC_CHARSET


@pytest.mark.parametrize(
    "char, expected",
    [("ا", True), ("پ", True), ("ی", True), ("ـ", False), ("َ", False), ("٣", False), ("a", False), ("ﺍ", False)],
)
def test_letters(char: str, *, expected: bool) -> None:
    """Letters of the script count, but not tatweel, marks, digits or presentation forms."""
    assert is_arabic_letter(char) is expected


@pytest.mark.parametrize(
    "text", [*SENTENCES, "plain ASCII \\n", "مُحَمَّد", "٣٫٥٪ – «نعم»".replace("«", "").replace("»", ""), "چای گروپ"]
)
def test_ordinary_text_takes_the_fast_path(text: str) -> None:
    """No second scan is needed."""
    assert not needs_look(unicodedata.normalize("NFC", text).replace("ی", "ي"))


@settings(deadline=None, max_examples=examples(600))
@given(ANY_TEXT)
def test_text_on_the_fast_path_is_unchanged_by_every_rule(text: str) -> None:
    """The fast test never hides text that a rule would change."""
    if not needs_look(text):
        for rule in RULES:
            assert rule.function(text) == text, rule.name
            if rule.elsewhere is not None:
                assert rule.elsewhere(text) == text, rule.name


@settings(deadline=None, max_examples=examples(600))
@given(ARABIC_HEAVY)
def test_plain_text_is_unchanged_by_every_rule(text: str) -> None:
    """The same for text of plain characters."""
    text = "".join(char for char in text if not needs_look(char))
    if not needs_look(text):
        assert all(rule.function(text) == text for rule in RULES)
