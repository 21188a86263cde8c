"""The four equality rules: examples of equal and different values, and properties of all values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluate.equality_rules import NEVER, RULES, EqualityRule, key, strictest

RAW, NFC, NUMBERS, FAIR = RULES

# First value, second value, parameter, and the one rule that makes them equal: the rule before it does not.
SAME: list[tuple[Any, Any, str, int]] = [
    ("جدة", "جدة", "city", RAW),
    (3, 3, "days", RAW),
    ({"a": 1, "b": [True, None]}, {"b": [True, None], "a": 1}, "options", RAW),
    ("أ", "ا\u0654", "text", NFC),
    ({"é": 1}, {"e\u0301": 1}, "options", NFC),
    (3, 3.0, "days", NUMBERS),
    ([3], [3.0], "days", NUMBERS),
    ("5000", 5000, "amount", NUMBERS),
    ("٥٠٠٠", 5000.0, "amount", NUMBERS),
    ("۵۰۰۰", "5,000", "amount", NUMBERS),
    ("٣٫٥", 3.5, "amount", NUMBERS),
    (" ٥٠٠٠ ", 5000, "amount", FAIR),
    ("الإسكندرية", "الاسكندريه", "name", FAIR),
    ("على", "علي", "name", FAIR),
    ("مُحَمَّد", "محمد", "name", FAIR),
    ("محمـد", "محمد", "name", FAIR),
    ("٢ بيتزا", "2 بيتزا", "text", FAIR),
    ("Sony  TV", "sony tv", "text", FAIR),
    ("خمسة", 5, "guests", FAIR),
    ("خمسة وعشرين", "٢٥", "guests", FAIR),
    ("ألفين وخمسمية", 2500, "amount", FAIR),
    ("٥ آلاف", 5000, "amount", FAIR),
    ("اثنين بيبسي", "2 بيبسي", "text", FAIR),
    ("أحد عشر", 11, "guests", FAIR),
    ("إحدى عشرة", "١١", "guests", FAIR),
    ("مئة وأحد عشر ريالا", "111 ريالا", "text", FAIR),
    ("one hundred", 100, "amount", FAIR),
    ("٢٠٪", "20%", "rate", FAIR),
    ("خصم 20 %", "خصم ٢٠٪", "text", FAIR),
    ("٣٫٥ كيلو", "3.5 كيلو", "text", FAIR),
    ("٥٬٠٠٠ ريال", "5,000 ريال", "text", FAIR),
    ("5,000 ريال", "5000 ريال", "text", FAIR),
    ("خمسة آلاف ريال", "5,000 ريال", "text", FAIR),
    ("شارع الملك، جدة", "شارع الملك, جدة", "address", FAIR),
    ("شارع\u00a0الملك\n", "شارع الملك", "address", FAIR),
    ("+٩٦٦٥٥١٢٣٤٥٦٧", "+966551234567", "phone", NUMBERS),
    ({"qty": "٢"}, {"qty": 2.0}, "options", NUMBERS),
    (["لبن", "خبز"], ["خبز", "لبن"], "things", FAIR),
    ([{"n": "أ"}, {"n": "ب"}], [{"n": "ب"}, {"n": "ا"}], "things", FAIR),
    ("برجر, بطاطس", "بطاطس، برجر", "items", FAIR),
    ("برجر و بطاطس", "بطاطس ، برجر", "items", FAIR),
    ("برجر, بطاطس", ["بطاطس", "برجر"], "items", FAIR),
    ("مصر والسعودية", "السعودية, مصر", "country", FAIR),
    ("سوريا ولبنان", "لبنان / سوريا", "country", FAIR),
    ("الأردن", "Jordan", "country", FAIR),
    ("السعودية", "المملكة العربية السعودية", "destination_country", FAIR),
    ("الإمارات", "UAE", "nationality", FAIR),
    ("ريال سعودي", "SAR", "currency", FAIR),
    ("الدولار الأمريكي", "usd", "fromCurrency", FAIR),
    ("دينار أردني", "Jordanian Dinar", "to_currency", FAIR),
    ("الإنجليزية", "en", "target_language", FAIR),
    ("انجليزي", "English", "language", FAIR),
    ("الفرنسية", "fra", "language", FAIR),
    ("أردو", "ur", "language", FAIR),
    ("ليرة لبنانية", "LBP", "currency", FAIR),
    ("الين الياباني", "ين", "currency", FAIR),
    ("المالديف", "Maldives", "country", FAIR),
    ("عمّان", "Amman", "city", FAIR),
    ("مكة المكرمة", "Makkah", "departure_city", FAIR),
    ("أبو ظبي", "أبوظبي", "city", FAIR),
    ("البحرين", "Bahrain", "city", FAIR),
    ("طبيب أسنان", "أسنان", "specialty", FAIR),
    ("دكتور أنف وأذن وحنجرة", "ENT", "specialty", FAIR),
    ("هاتف آيفون ١٣", "iPhone 13", "product_name", FAIR),
    ("كمبيوتر محمول", "laptop", "category", FAIR),
    ("يوم الخميس", "Thursday", "date", FAIR),
    ("الأسبوع الجاي", "next week", "date", FAIR),
    ({"city": "دبي"}, {"city": "Dubai"}, "address", FAIR),
    ({"city": "دبي", "zip": " "}, {"city": "دبي", "zip": None}, "address", FAIR),
]

DIFFERENT: list[tuple[Any, Any, str]] = [
    ("دينار كويتي", "دينار أردني", "currency"),
    ("ريال", "SAR", "currency"),
    ("ريال سعودي", "ريال قطري", "currency"),
    ("درهم", "AED", "currency"),
    ("جنيه مصري", "جنيه إسترليني", "currency"),
    ("دولار", "دولار كندي", "currency"),
    ("باريس", "پاريس", "city"),
    ("الأردن", "Jordan", "name"),  # a person's name, not a country
    ("عمان", "Oman", "city"),
    ("الكويت", "Kuwait City", "city"),
    ("سوريا", "سوريا ولبنان", "country"),
    ("مصر, مصر", "مصر", "country"),
    ("0551234567", "551234567", "phone"),
    ("123456", "1234567", "id_number"),
    (1, True, "flag"),
    ("true", True, "flag"),
    (0, False, "flag"),
    (None, "", "text"),
    ([1, 2], [2, 1], "coordinates"),
    ([[1, 2], [3, 4]], [[3, 4], [1, 2]], "matrix"),
    ("أ، ب", "ب، أ", "text"),
    ("الدور الثاني", "الدور 2", "text"),
    ("الاثنين", "2", "date"),
    ("زوج", "2", "heir"),
    ("آيفون 13", "آيفون 14", "product_name"),
    ("2023-11-10", "2023-11-11", "date"),
    ("1,5", "15", "amount"),
    ("24.7136,46.675", "24.713646675", "location"),
    ("غرف 1, 200", "غرف 1200", "text"),
    ("5،000 ريال", "5000 ريال", "text"),  # a list to some, a thousand to others
    ("20%", "20", "rate"),
    ("10:30 AM", "10:30 PM", "time"),
    ("03/04/2025", "04/03/2025", "date"),
    ("أحد", 1, "day"),
    ("الأحد", "واحد", "date"),
    ("الأحد عشرة صباحا", "11 صباحا", "date"),
    ("حادي عشر", 11, "floor"),  # the eleventh
    ("نعم", True, "flag"),
    ([], None, "items"),
    ({}, None, "options"),
    ("null", None, "text"),
    (["أ"], ["أ", "أ"], "things"),
    (["أ"], "أ", "things"),
    ("جدة, الرياض", "الرياض, جدة", "route"),
    ("خالد وليد", "خالد, ليد", "items"),  # و is a letter of his name
    ("النيجر", "نيجيريا", "country"),
    ("السودان", "جنوب السودان", "country"),
    ("الكونغو", "الكونغو الديمقراطية", "country"),
    ("إنجلترا", "بريطانيا", "country"),
    ("روبل", "روبية", "currency"),
    ("ليرة لبنانية", "ليرة سورية", "currency"),
    ("فرنك سويسري", "فرنك", "currency"),
    ("هندي", "هولندي", "language"),
    ("عربي", "عبري", "language"),
    ("فارسي", "فرنسي", "language"),
    ("C#", "C", "text"),
    ("-5", "5", "amount"),
    (5000, 5000.5, "amount"),
    (10**17, float(10**17 + 16), "amount"),
    ("ساعة", "ساعة ذكية", "category"),
    ("نقد", "cash", "type"),  # equal only for zakat
]


def _equal(first: object, second: object, rule: EqualityRule, parameter: str) -> bool:
    return key(first, rule, "tool", parameter) == key(second, rule, "tool", parameter)


@pytest.mark.parametrize("first, second, parameter, rule", SAME)
def test_values_are_equal_from_one_rule_on(first: object, second: object, parameter: str, rule: int) -> None:
    """The values are equal under the rule and all later ones, and under no earlier one."""
    assert [_equal(first, second, each, parameter) for each in RULES] == [each >= rule for each in RULES]
    assert strictest(first, second, "tool", parameter) == rule


@pytest.mark.parametrize("first, second, parameter", DIFFERENT)
def test_different_values_stay_different(first: object, second: object, parameter: str) -> None:
    """They differ under every rule."""
    assert not any(_equal(first, second, rule, parameter) for rule in RULES)
    assert strictest(first, second, "tool", parameter) == NEVER


def test_a_vocabulary_may_belong_to_some_tools() -> None:
    """نقد and cash are equal only as a kind of zakat."""
    assert strictest("نقد", "cash", "calculate_zakat", "type") == FAIR


_WORDS = st.sampled_from([
    "ريال سعودي", "SAR", "ريال", "الأردن", "Jordan", "جدة", "جده", "خمسة", "٥", "5", "5.0", "مصر والسعودية", "en",
    "English", "الإنجليزية", "أسنان", "طبيب أسنان", "الخميس", "يوم الخميس", "", " ", "و", "ا\u0654", "1,000", "٠٠٥",
])  # fmt: skip
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
_VALUES = st.recursive(
    st.one_of(_WORDS, st.text(max_size=12), _SCALARS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)
_PARAMETERS = st.sampled_from(
    ["currency", "country", "city", "language", "items", "specialty", "date", "text", "amount"]
)


@given(_VALUES, _PARAMETERS)
def test_every_value_equals_itself(value: object, parameter: str) -> None:
    """Every rule is reflexive, and its keys are hashable."""
    for rule in RULES:
        assert _equal(value, value, rule, parameter)
        assert hash(key(value, rule, "tool", parameter)) == hash(key(value, rule, "tool", parameter))
    assert strictest(value, value, "tool", parameter) == RAW


@given(_VALUES, _VALUES, _PARAMETERS)
def test_rules_are_symmetric_and_increasingly_lenient(first: object, second: object, parameter: str) -> None:
    """The order of the values does not matter, and equality under a rule implies equality under the next."""
    verdicts = [_equal(first, second, rule, parameter) for rule in RULES]
    assert verdicts == sorted(verdicts)
    assert verdicts == [_equal(second, first, rule, parameter) for rule in RULES]
    assert strictest(first, second, "tool", parameter) == (verdicts.index(True) if any(verdicts) else NEVER)


@given(_WORDS, _WORDS, _PARAMETERS)
def test_rules_are_increasingly_lenient_on_known_words(first: str, second: str, parameter: str) -> None:
    """The same for words, of which many pairs are equal."""
    verdicts = [_equal(first, second, rule, parameter) for rule in RULES]
    assert verdicts == sorted(verdicts)


@given(st.integers(-(10**15), 10**15), _PARAMETERS)
def test_an_integer_equals_its_spellings(number: int, parameter: str) -> None:
    """An integer, a float, a text and an Arabic-Indic text are one number from the third rule on."""
    arabic = str(number).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    for other in (float(number), str(number), arabic):
        assert strictest(number, other, "tool", parameter) == NUMBERS


def test_a_value_that_is_not_json_is_refused() -> None:
    """Else objects would be compared by identity."""
    for rule in RULES:
        with pytest.raises(TypeError, match="not a JSON value"):
            key({1, 2}, EqualityRule(rule))
