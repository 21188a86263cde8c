"""Lost letters and look-alikes, which are reported and not repaired."""

import pytest

from dataset_tools.arabic.lost_letters import find_look_alike, find_lost_letters, may_be_damaged


@pytest.mark.parametrize(
    "text, written, lost",
    [
        ("جدول المد في ص\ufffd\ufffdر", True, True),
        ("\ufffd", False, True),
        ("ص??ر", True, True),
        ("S??o Paulo", True, True),
        ("???? ???? ?? ???", True, True),
        ("كم ???? ??? في جدة", True, True),
        ("????, 12 ???", True, True),
        ("???", False, True),
        ("?? ?", False, True),
        ("???", True, False),
        ("?", False, False),
        ("؟؟؟", False, False),
        ("وينك ??? ليش ما ترد ??", True, False),
        ("what?? ?", True, False),
        ("a ?? b", True, False),
        ("https://example.org/?a=1", False, False),
    ],
)
def test_lost_letters(text: str, *, written: bool, lost: bool) -> None:
    """U+FFFD and question marks in place of letters are found, question marks as punctuation are not."""
    assert (find_lost_letters(text, written=written) is not None) == lost
    assert may_be_damaged(text) or not lost or "\ufffd" in text


@pytest.mark.parametrize(
    "text, found",
    [
        ("مصيرہ", "ہ"),
        ("ھناك قرب الميناء", "ھ"),
        ("الساعة ۵ مساء", "۵"),
        ("الساعة ٥ مساء هناك", None),
        ("مجھے لاہور کا موسم بتائیں", None),
        ("ئۈرۈمچىدە ھاۋا", None),
        ("ابحث عن مطعم ھەولێر في المدينة", None),
        ("2015", None),
    ],
)
def test_look_alikes(text: str, found: str | None) -> None:
    """A look-alike in an Arabic word is found; a word of another language is not Arabic."""
    assert find_look_alike(text) == found


def test_long_texts_take_linear_time() -> None:
    """Hostile repetitions end at once."""
    for text in ("? " * 100_000 + "x?", "?" * 200_000, "a??" * 100_000):
        find_lost_letters(text, written=True)
