"""Numerals and number words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.arabic.numbers import numbers_in, parse_number
from tests.dataset_tools.arabic.arabic_texts import ANY_TEXT
from tests.properties import examples


@pytest.mark.parametrize(
    "text, expected",
    [
        ("5", 5),
        ("٣٫٥", 3.5),
        ("٣.٥", 3.5),
        ("۱۲", 12),
        ("١٬٠٠٠", 1000),
        ("1,234,567.5", 1234567.5),
        ("-٧", -7),
        ("+3", 3),
        ("−3", -3),
        ("0", 0),
        ("٠٫٥", 0.5),
        ("5.0", 5.0),
    ],
)
def test_numerals_are_read(text: str, expected: float) -> None:
    """Numerals of the three digit systems are read, whole numbers as int."""
    number = parse_number(text)
    assert number == expected
    assert type(number) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "5 ",
        "0551234567",
        "٠٥٥",
        "055,123",
        "00",
        "1,00",
        "1,0000",
        "3,5",
        "1٥",
        "٣۴",
        "1.",
        ".5",
        "1e5",
        "5%",
        "٢٠٪",
        "خمسة",
        "1.2.3",
        "--1",
        "+",
        "٬",
        "²",
        "½",
        "９",
        "inf",
        "nan",
        "9" * 5000,
    ],
)
def test_anything_else_is_no_number(text: str) -> None:
    """Identifiers, other notations, mixed digits and words are not numbers."""
    assert parse_number(text) is None


@settings(deadline=None)
@given(st.integers(-(10**12), 10**12))
def test_integers_round_trip(number: int) -> None:
    """Every integer is read back, in ASCII and in Arabic-Indic digits, grouped or not."""
    arabic = str.maketrans("0123456789,", "٠١٢٣٤٥٦٧٨٩٬")
    assert parse_number(str(number)) == number
    assert parse_number(f"{number:,}".translate(arabic)) == number


@pytest.mark.parametrize(
    "text, number",
    [
        ("احجز لخمسة أشخاص", 5),
        ("عايز تلات تذاكر", 3),
        ("تلاتة", 3),
        ("جوج ديال التذاكر", 2),
        ("اتنين", 2),
        ("خمسة وعشرين", 25),
        ("خَمْسٌ وعِشْرُونَ", 25),
        ("خمسة و عشرين", 25),
        ("ألف وخمسمية", 1500),
        ("ميتين", 200),
        ("مية وخمسة وعشرين", 125),
        ("ثلاثمائة وخمسة وستون", 365),
        ("خمسطعش", 15),
        ("خمسة عشر", 15),
        ("اثنا عشر", 12),
        ("خمسة آلاف", 5000),
        ("خمس مية", 500),
        ("٣ مليون", 3_000_000),
        ("مليونين وميتين ألف", 2_200_000),
        ("ألفين وخمسة وعشرين", 2025),
        ("تلاتة ونص", 3.5),
        ("ساعة ونص", 1.5),
        ("خمسة إلا ربع", 4.75),
        ("نص كيلو", 0.5),
        ("يومين", 2),
        ("لمدة أسبوعين", 2),
        ("الساعة الثالثة", 3),
        ("بعشرين ريال", 20),
        ("٢٠٪", 0.2),
        ("20%", 20),
        ("عشرين بالمية", 0.2),
        ("15 في المئة", 0.15),
        ("٣٫٥", 3.5),
        ("3,5 كيلو", 3.5),
        ("1,500", 1500),
        ("2025-03-05", 5),
        ("7:30", 30),
        ("-5 درجات", -5),
        ("0551234567", 551234567),
        ("twenty five", 25),
        ("twenty-five", 25),
        ("three hundred and twenty one", 321),
        ("two thousand", 2000),
        ("half", 0.5),
        ("ست وثلاثين", 36),
        ("ثمان وأربعين", 48),
        ("طناش", 12),
        ("حداشر", 11),
        ("تلتمية وستة", 306),
        ("مئة وخمسون ألف", 150_000),
    ],
)
def test_numbers_in_text(text: str, number: float) -> None:
    """Figures, words, compounds, duals, fractions and percentages are found, across dialects."""
    assert number in numbers_in(text)


@pytest.mark.parametrize(
    "text, numbers",
    [
        ("ما حالة الطقس في الرياض وجدة والدمام؟", set()),
        ("وين أقرب مطعم", set()),
        ("", set()),
        ("و و و", set()),
        ("خمسة وعشرين", {5, 20, 25}),
        ("من ٣ إلى ٥", {3, 5}),
        ("3-5", {3, 5}),
        ("خمسة، سبعة", {5, 7}),
        ("عشرين بالمية", {20, 0.2}),
        ("أحد عشر طالبا", {11}),
        ("إحدى عشرة ليلة", {11}),
        ("يوم أحد", set()),
        ("one hundred", {1, 100}),
    ],
)
def test_no_other_numbers(text: str, numbers: set[float]) -> None:
    """Ordinary words and و are not numbers; compounds yield their parts and the whole."""
    assert numbers_in(text) == numbers


@pytest.mark.parametrize("words", ["مليون", "نص مليون", "9" * 40 + " مليون", "ألف و مليون"])
def test_numbers_have_an_upper_limit(words: str) -> None:
    """Number words stop at 10**18, further words start a new number, and percentages still work."""
    found = numbers_in(f"{words} " * 1500 + "%")
    assert 1_000_000 in found
    assert max(found) <= max(10**18, 10**40 - 1 if "9" in words else 0)


@settings(deadline=None, max_examples=examples(400))
@given(ANY_TEXT)
def test_any_text_is_accepted(text: str) -> None:
    """No text makes either function fail."""
    parse_number(text)
    numbers_in(text)


@pytest.mark.parametrize(
    "text, number",
    [
        ("ميتاين درهم", 200),
        ("ربعميا", 400),
        ("ألفاين وخمسماية", 2500),
        ("ثناش", 12),
        ("ثلتعش ريال", 13),
        ("أربعطاش", 14),
        ("زوز تذاكر", 2),
        ("هاليومين", 2),
        ("لضيفين", 2),
        ("هالخمسة", 5),
    ],
)
def test_dialect_number_words(text: str, number: int) -> None:
    """Spellings of dialects, with clitics of dialects."""
    assert number in numbers_in(text)
