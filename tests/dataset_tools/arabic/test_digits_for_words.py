"""Number words inside a text as digits."""

import pytest
from hypothesis import given

from dataset_tools.arabic.compare import fold_letters
from dataset_tools.arabic.digits_for_words import digits_for_words
from tests.dataset_tools.arabic.arabic_texts import ANY_TEXT


def _spoken(text: str) -> str:
    return digits_for_words(" ".join(fold_letters(text).split()))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("خمسة", "5"),
        ("خمسة وعشرين", "25"),
        ("خمسة و عشرون", "25"),
        ("مئة وخمسة وعشرين ألف", "125000"),
        ("ألفين وخمسمية", "2500"),
        ("خمسة عشر", "15"),
        ("twenty five", "25"),
        ("three hundred", "300"),
        ("٥ آلاف", "5000"),
        ("ثلاث وجبات", "3 وجبات"),
        ("بيتزا واثنين كولا", "بيتزا و2 كولا"),
        ("واحد اثنين ثلاثة", "1 2 3"),
        ("2 خمسة", "2 5"),
    ],
)
def test_cardinals_become_digits(text: str, expected: str) -> None:
    """A compound is one number, words that start a new number are separate, and a و before a number stays."""
    assert _spoken(text) == expected


def test_numbers_over_the_limit_are_written_in_parts() -> None:
    """Number words stop at 10**18, because Python refuses to write numbers of 4,300 digits."""
    assert _spoken("مليون " * 720) == " ".join([str(10**18)] * 240)
    assert _spoken("3000000000 مليار") == "3000000000 1000000000"


@pytest.mark.parametrize(
    "text", ["الدور الثاني", "الملك الخامس", "يوم الاثنين", "زوج", "نص", "ميت", "وحدة", "وجبة", "و", ""]
)
def test_other_words_stay(text: str) -> None:
    """Ordinals, weekdays and words with other meanings stay."""
    assert _spoken(text) == " ".join(fold_letters(text).split())


@given(ANY_TEXT)
def test_digits_stay_digits(text: str) -> None:
    """The conversion is idempotent unless a number now precedes a thousand."""
    once = _spoken(text)
    assert digits_for_words(once) == once or any(char.isdigit() for char in once)
