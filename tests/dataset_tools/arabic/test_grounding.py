"""Values in a text with clitics, in lists, and in groups of digits."""

import pytest

from dataset_tools.arabic.compare import compare_key
from dataset_tools.arabic.grounding import said_in_groups, said_with_clitics


@pytest.mark.parametrize(
    "value, text",
    [
        ("الخوض", "احجز قاربا للخوض"),
        ("السعودية", "ملابس بقيمة ٣٠٠٠ ريال وللسعودية"),
        ("العمليات الجراحية", "ما مدى التغطية للعمليات الجراحية؟"),
        ("اللون الأحمر", "أحتاج لّلون الأحمر"),
        ("الكويت", "وش الأسعار فبالكويت كالكويت"),
        ("البيت", "وصّلها عالبيت"),
        ("جهاز لابتوب", "احسب جمارك جهاز اللابتوب"),
        ("دواء الرشح", "أحتاج دواء للرشح"),
        ("نساء وتوليد", "الدكاترة المتخصصين في النساء والتوليد"),
        ("كبسة, سلطة", "من مطعم الزيتون، أضف كبسة و سلطة"),
        ("مشاوي, رز", "طلباتنا بتكون مشاوي و رز"),
        ("كباب, 2 كفتة", "عايز كباب و2 كفتة"),
        ("لبنان، الأردن", "بين لبنان والأردن"),
    ],
)
def test_clitics_and_lists(value: str, text: str) -> None:
    """A word may have a conjunction, a preposition and an article, and a list may be in another form."""
    assert said_with_clitics(value, compare_key(text))


@pytest.mark.parametrize(
    "value, text",
    [
        ("الرياض", "احجز للدمام"),
        ("كبسة, سمك", "اطلب كبسة ودجاج"),
        ("دجاج كبسة", "اطلب كبسة ودجاج"),
        ("ما", "كم السعر"),
        ("طب الأطفال", "مع طبيب الأطفال"),
        ("", "نص"),
    ],
)
def test_other_values_are_not_said(value: str, text: str) -> None:
    """Another word, another order of words, or one item of a list that is missing."""
    assert not said_with_clitics(value, compare_key(text))


@pytest.mark.parametrize(
    "value, text, said",
    [
        ("99123456", "رقمي ٩٩١ ٢٣٤ ٥٦", True),
        ("99123456", "رقمي 99-12-34-56 شكرا", True),
        ("SA4420000001", "الآيبان SA44 2000 0001.", True),
        ("+968 9912 3456", "رقمي 96899123456", True),
        ("9123456", "رقمي ٩٩١ ٢٣٤ ٥٦", False),
        ("9912345", "رقمي ٩٩١ ٢٣٤ ٥٦", False),
        ("12", "1 2", False),
        ("abcd", "a b c d", False),
        ("1" * 41, "1 " * 41, False),
    ],
)
def test_groups(value: str, text: str, *, said: bool) -> None:
    """Digits and codes may be in other groups, but no group may be cut."""
    assert said_in_groups(compare_key(value), compare_key(text)) == said


def test_long_texts_take_little_time() -> None:
    """Hostile repetitions end at once."""
    said_in_groups("1" * 40, "1 " * 50_000)
    said_with_clitics("كلمة " * 50, compare_key("وبالكلمة " * 20_000))
