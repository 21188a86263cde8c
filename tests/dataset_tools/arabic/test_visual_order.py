"""Shaped text in visual order; the inputs come from arabic_reshaper and python-bidi."""

import unicodedata

import pytest

from dataset_tools.arabic.bidi import reorder
from dataset_tools.arabic.repair import TextRole, repair
from dataset_tools.arabic.visual_order import ambiguous_order, in_logical_order, unproven_order

PROVEN = [
    ("؟ﺓﺪﺟ ﻲﻓ", "في جدة؟"),
    ("؟ةﺪﺟ ﻲﻓ", "في جدة؟"),
    ("؟ﺍﺪﻏ ﺽﺎﻳﺮﻟﺍ ﻲﻓ ﺲﻘﻄﻟﺍ ﺔﻟﺎﺣ ﺎﻣ", "ما حالة الطقس في الرياض غدا؟"),
    ("ﺮﺒﻤﺴﻳﺩ 15 ﻰﻟﺇ ﺮﺒﻤﺴﻳﺩ 10 ﻦﻣ ﻲﺑﺩ ﻲﻓ ﻕﺪﻨﻓ ﺰﺠﺣﺍ", "احجز فندق في دبي من 10 ديسمبر إلى 15 ديسمبر"),
    ("ﺎﺣﺎﺒﺻ 10:30 ﺔﻋﺎﺴﻟﺍ", "الساعة 10:30 صباحا"),
    ("ﺎﺣﺎﺒﺻ 10:30 ﺔﻋﺎﺴﻟا", "الساعة 10:30 صباحا"),
    ("ﺖﻳﻮﻜﻟﺍ ﻲﻓ iPhone 15 Pro ﺮﻌﺳ", "سعر iPhone 15 Pro في الكويت"),
    ("ﺖﺤﻤﺳ ﻮﻟ (ﻡﻮﻴﻟﺍ) ﺭﻻﻭﺪﻟﺍ ﺮﻌﺳ ﻑﺮﻋﺃ ﺰﻳﺎﻋ", "عايز أعرف سعر الدولار (اليوم) لو سمحت"),
    ("ﺐﻠﻄﻟﺍ ﻰﻠﻋ %20 ﻢﺼﺧﻭ ٩٩١٢٣٤٥٦ ﻲﻤﻗﺭ", "رقمي ٩٩١٢٣٤٥٦ وخصم 20% على الطلب"),
    ("Hotel ﺰﺘﻳﺮﻟﺍ ﻕﺪﻨﻓ in Riyadh", "Hotel فندق الريتز in Riyadh"),
    ("ﺓﺪﺟ", "جدة"),
    ("ﺽﺎﻳﺮﻟﺍ", "الرياض"),
    ("ﺔﻣﺮﻜﻤﻟﺍ ﺔﻜﻣ", "مكة المكرمة"),
    ("ﺔﻣﺮﻜﻤﻟا ﺔﻜﻣ", "مكة المكرمة"),
    ("ﷲ ﻻﺇ ﻪﻟﺇ ﻻﻭ ﺮﺒﻛﺃ ﷲ", "الله أكبر ولا إله إلا الله"),
    ("ﺱﺄﺑ ﻻ", "لا بأس"),
    ("ﻂﻘﺴﻣ ﻰﻟﺍ 15-01-2024 ﻦﻣ ﺔﻠﺣﺭ", "رحلة من 2024-01-15 الى مسقط"),
    ("المدينة: ﺔﻣﺮﻜﻤﻟﺍ ﺔﻜﻣ", "المدينة: مكة المكرمة"),
    ("سؤال\n؟ﺓﺪﺟ ﻲﻓ", "سؤال\nفي جدة؟"),
]
UNCERTAIN = ["New York ﺎﻜﻳﺮﻣﺃ ﻲﻓ", "SA44 ﻰﻟﺇ ﻝﺎﻳﺭ", "المدينة: ؟ﺓﺪﺟ ﻲﻓ", "المدينة: 10 ﺓﺪﺟ ﻲﻓ"]


@pytest.mark.parametrize("text, expected", PROVEN)
def test_visual_order_is_reversed(text: str, expected: str) -> None:
    """A line is reversed; numbers, Latin words and brackets have their order and shape again."""
    clean, rules = repair(text, TextRole.TARGET)
    assert clean == unicodedata.normalize("NFC", expected)
    assert {"visual-order", "presentation-form"} <= set(rules)
    assert not unproven_order(text)
    assert in_logical_order(in_logical_order(text)) == in_logical_order(text)


@pytest.mark.parametrize("text", UNCERTAIN)
def test_uncertain_order_stays(text: str) -> None:
    """Text that two orders may have given is found and not mapped letter by letter."""
    assert unproven_order(text)
    assert repair(text, TextRole.TARGET)[0] == text


@pytest.mark.parametrize("text", ["ﻓﻲ ﺟﺪﺓ؟", "ﻣﺮحبا", "ﻻ بأس", "عبد ﷲ", "اﻻن", "ﺩﺍﺭ", "ﺝ", "مكتب ﺟﺪﺓ 10"])
def test_logical_order_stays(text: str) -> None:
    """Shaped text in logical order, also in a part of a word, is only mapped to its letters."""
    assert in_logical_order(text) == text
    assert not unproven_order(text)


@pytest.mark.parametrize("text, ambiguous", [("ﺩﺍﺭ", True), ("ﺟﺪﺓ", False), ("ﺝ", False), ("جدة", False)])
def test_isolated_letters_fit_either_order(text: str, *, ambiguous: bool) -> None:
    """Letters that never join tell no order."""
    assert ambiguous_order(text) == ambiguous


@pytest.mark.parametrize(
    "text, base, expected",
    [
        ("في 10:30 غدا", 1, "ادغ 10:30 يف"),
        ("من 10-30", 1, "30-10 نم"),
        ("٪20 و 5%", 1, "%5 و ٪20"),
        ("a (ب) c", 0, "a (ب) c"),
        ("دبي (Dubai) غدا", 1, "ادغ (Dubai) يبد"),
        ("", 1, ""),
    ],
)
def test_reorder(text: str, base: int, expected: str) -> None:
    """Numbers and Latin words keep their order, brackets are mirrored."""
    assert reorder(text, base) == expected


def test_long_lines_take_linear_time() -> None:
    """Hostile repetitions end at once."""
    for text in ("ﺓﺪﺟ " * 20_000, "ﺓ" + " " * 100_000, "ﺓ1" * 50_000):
        repair(text, TextRole.TARGET)
