"""The repair rules, with examples and properties of any text."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.arabic.repair import (
    NOTHING,
    RULES,
    Language,
    TextRole,
    language_of,
    looks_arabic,
    repair,
    rule_function,
)
from dataset_tools.arabic.rules import final_farsi_yeh, remove_bidi_controls
from dataset_tools.arabic.spans import find, only_order_of_marks
from tests.dataset_tools.arabic.arabic_texts import ANY_TEXT, ARABIC_HEAVY, SENTENCES
from tests.properties import examples

CHANGES = [
    ("escaped-unicode", r"\u062f\u0628\u064a", "دبي"),
    ("mojibake", "ط§ظ„ط·ظ‚ط³", "الطقس"),
    ("mojibake", "ÇáØÞÓ", "الطقس"),
    ("mojibake", "Ø§Ù„Ø·Ù‚Ø³", "الطقس"),
    ("nfc", "ا\u0653لة", "آلة"),
    ("nfc", "مح\u0651\u064eمد", "مح\u064e\u0651مد"),
    ("presentation-form", "ﻣﺮﺣﺒﺎ", "مرحبا"),
    ("presentation-form", "ﻻ بأس", "لا بأس"),
    ("presentation-form", "عبد ﷲ", "عبد الله"),
    ("presentation-form", "ﻣﺮحبا", "مرحبا"),
    ("tatweel", "مـــرحبا", "مرحبا"),
    ("tatweel", "بـالقاهرة", "بالقاهرة"),
    ("tatweel", "هَـذا", "هَذا"),
    ("tatweel", "هـــٰذا", "هـٰذا"),
    ("tatweel", "شَيـــْـًٔا", "شَيـْـًٔا"),
    ("farsi-letters", "ڪم عمق جزيرۃ مصيرہ", "كم عمق جزيرة مصيرہ"),
    ("farsi-letters", "ما معنى کلمة هەولێری في اللغة", "ما معنى كلمة هەولێری في اللغة"),
    ("farsi-letters", "فی الریاض", "في الرياض"),
    ("farsi-letters", "کتاب", "كتاب"),
    ("zero-width", "الطق\u200bس", "الطقس"),
    ("zero-width", "\ufeffالطقس", "الطقس"),
    ("zero-width", "نرم\u200cافزار", "نرمافزار"),
    ("zero-width", "so\u00adft", "soft"),
    ("zero-width", "क्\u200d\u200dष\u200b", "क्\u200dष"),
    ("spaces", "٥٠\u00a0ريال", "٥٠ ريال"),
    ("spaces", "a\u3000\u2009b", "a  b"),
]
KEPT = [
    "m² ½ … ﷺ ﷼ ﷽",
    "ﱞ ﹰ ﹱ",
    "هـ",
    "سنة ١٤٤٥هـ",
    "لَا تَظۡلِمُ نَفۡسࣱ شَيۡـًٔا ثم ٱلرَّحۡمَـٰنِ",
    "إِبۡرَٰهِـۧمَ يَسۡتَحۡيِۦ ٱلۡـَٔايَٰتِ",
    "هَـذٰا".replace("ـ", ""),
    "قُلۡ\u00a0ۖ هُوَ \u202f\u0654 \u2009\u0670",
    "1445 هـ.",
    "ـه",
    "Aـب",
    "مُحَمَّد",
    "الرَّحْمٰن",
    "پيتزا چاي ڤيديو گهوة",
    "٣٫٥ و١٬٠٠٠ و٢٠٪ ۵",
    "، ؛ ؟ « »",
    "أإآا ىي ةه ؤئء",
    "👨\u200d👩\u200d👧",
    "🏳️\u200d🌈",
    "👩🏽\u200d🚀",
    "❤️\u200d🔥",
    "ශ්\u200dරී ලංකාව",
    "क्\u200dष क्\u200cष",
    "നന്\u200dമ",
    "অর্\u200cয",
    "  يومان  ",
    "Café",
]


@pytest.mark.parametrize("rule, text, expected", CHANGES)
@pytest.mark.parametrize("role", TextRole)
def test_each_rule_repairs_its_damage(rule: str, text: str, expected: str, role: TextRole) -> None:
    """Each rule has the same effect for both roles, and no other rule is named."""
    expected = unicodedata.normalize("NFC", expected)
    text = text if rule == "nfc" else unicodedata.normalize("NFC", text)
    assert repair(text, role) == (expected, (rule,))


@pytest.mark.parametrize("text", [unicodedata.normalize("NFC", text) for text in (*KEPT, *SENTENCES)])
@pytest.mark.parametrize("role", TextRole)
def test_undamaged_text_is_unchanged(text: str, role: TextRole) -> None:
    """Symbols, marks, digits, punctuation, dialect letters, hamza, ى and ة stay."""
    assert repair(text, role) == (text, NOTHING)


def test_bidi_controls_are_removed_from_targets_only() -> None:
    """The model must not generate invisible characters; users may write them."""
    text = "\u202eالطقس\u202c \u2066x\u2069\u200f"
    assert repair(text, TextRole.TARGET) == ("الطقس x", ("bidi-control",))
    assert repair(text, TextRole.INPUT) == (text, NOTHING)


def test_a_bidi_control_that_blocks_a_repair_is_removed_from_inputs() -> None:
    """A control is removed if the input would otherwise have other letters than the target."""
    assert repair("مـ\u200eـر", TextRole.INPUT) == ("مر", ("tatweel", "bidi-control"))
    assert repair("مـ\u200eـر", TextRole.TARGET)[0] == "مر"


@pytest.mark.parametrize("role", TextRole)
def test_persian_rows_keep_their_letters(role: TextRole) -> None:
    """In a Persian row ی, ک and the non-joiner between letters stay; other invisible characters are removed."""
    text = "می\u200cخواهم کتاب\u200b\u200c "
    assert repair(text, role, arabic=False) == ("می\u200cخواهم کتاب ", ("zero-width",))


def test_rules_run_until_nothing_changes() -> None:
    """One repair may enable another: a presentation form of Farsi yeh with hamza becomes one letter."""
    clean, rules = repair("ﯾ\u0654ـــة\u200b", TextRole.TARGET)
    assert clean == "ئة"
    assert rules == ("nfc", "presentation-form", "tatweel", "farsi-letters", "zero-width")


def test_rule_names_and_roles() -> None:
    """The names are those of the reports, and only one rule depends on the role."""
    assert [rule.name for rule in RULES] == [
        "escaped-unicode",
        "mojibake",
        "nfc",
        "visual-order",
        "presentation-form",
        "tatweel",
        "farsi-letters",
        "bidi-control",
        "zero-width",
        "spaces",
    ]
    assert [rule.name for rule in RULES if TextRole.INPUT not in rule.roles] == ["bidi-control"]
    assert all(TextRole.TARGET in rule.roles and rule.doc for rule in RULES)


@pytest.mark.parametrize(
    "texts, expected",
    [
        (SENTENCES, True),
        ([], True),
        (["فی الریاض علی طول"], True),
        (["بدی اشتری گوشت وچیپس من السوق"], True),
        (["می\u200cخواهم یک بلیط برای تهران رزرو کنم"], False),
        (["این کتاب را برای من پیدا کنید"], False),
        (["مجھے لاہور کا موسم بتائیں"], False),
        (["ہ"], True),
        (["ما معنى كلمة است وكلمة این في القاموس؟"], True),
        (["hello", "book a flight"], True),
    ],
)
def test_language_of_a_row(texts: list[str], *, expected: bool) -> None:
    """Persian and Urdu rows are recognised; ambiguous rows are Arabic."""
    assert looks_arabic(texts) is expected


OTHER_LANGUAGES = {
    "Sorani": [
        "نرخی ماسی لە هەولێر چەندە؟",
        "من دەمەوێت بلیتێک بۆ هەولێر بکڕم",
        "هەولێری گەورە، کەلار",
        "سلێمانی",
        "کوێ",
    ],
    "Pashto": ["په کابل کې نن هوا څنګه ده؟", "زه غواړم یو ټکټ واخلم", "پېښور ښار", "ګرځندوی"],
    "Persian": ["می\u200cخواهم یک بلیط برای تهران رزرو کنم", "این کتاب را برای من پیدا کنید", "خانه\u200cهای شما"],
    "Urdu": ["مجھے لاہور کا موسم بتائیں", "کراچی میں بارش ہو رہی ہے", "ٹکٹ کی قیمت", "بڑا بازار", "جزیرۂ عرب میں ہے"],
    "Uyghur": ["بۈگۈن ئۈرۈمچىدە ھاۋا قانداق؟", "قەشقەر ۋىلايىتى", "كىتابخانا قەيەردە"],
    "Sindhi": ["ڪراچي ۾ موسم ڪيئن آهي؟ مونکي ٻڌايو", "سنڌ جو ڪتاب", "منهنجو ڳوٺ", "ٿرپارڪر"],
    "Jawi": ["ساي ايڠين ممبلي تيکت کڤد کوالا لومڤور يڠ موره", "کڤد يڠ برهورمت", "بڠسا ملايو"],
}


@pytest.mark.parametrize(
    "text", [unicodedata.normalize("NFC", text) for texts in OTHER_LANGUAGES.values() for text in texts]
)
@pytest.mark.parametrize("arabic", [True, False])
def test_other_languages_are_unchanged(text: str, *, arabic: bool) -> None:
    """A sentence or a name of another language keeps its letters and non-joiners, even in an Arabic row."""
    assert repair(text, TextRole.TARGET, arabic=arabic) == (text, NOTHING)
    language = language_of((), [text])._replace(arabic=arabic)
    assert find("farsi-letters", text, language) is None
    assert not final_farsi_yeh(text, language.kept)


@pytest.mark.parametrize("texts", OTHER_LANGUAGES.values(), ids=OTHER_LANGUAGES)
def test_rows_in_other_languages_are_not_arabic(texts: list[str]) -> None:
    """Each first sentence decides for its row."""
    assert not looks_arabic(texts[:1])


@pytest.mark.parametrize(
    "text", ["کتاب", "فی الریاض", "وش سعر تلفزیون ڈیجیتال عندکم", "ابحث عن مطعم هەولێر فی المدینة الکبیرة"]
)
def test_arabic_words_lose_their_farsi_letters(text: str) -> None:
    """A foreign word in an Arabic sentence does not protect the other words."""
    clean, rules = repair(text, TextRole.TARGET)
    assert rules == ("farsi-letters",)
    assert not set("کی") & set(clean.replace("ڈیجیتال", ""))


def test_only_the_order_of_marks() -> None:
    """Another order of marks is not a decomposed letter."""
    assert only_order_of_marks("م\u0651\u064e")
    assert not only_order_of_marks("ا\u0653")
    assert not only_order_of_marks("م\u064e\u0651")


@pytest.mark.parametrize(
    "text, expected",
    [("علی", True), ("علی،", True), ("فی البيت", True), ("الریاض", False), ("علي", False), ("ی", False), ("", False)],
)
def test_final_farsi_yeh(text: str, *, expected: bool) -> None:
    """Only the last letter of a word may mean alef maksura."""
    assert final_farsi_yeh(text) is expected


@pytest.mark.parametrize(
    "rule, text, span",
    [
        ("tatweel", "قل مـــرحبا", (4, 7)),
        ("spaces", "ab\u00a0\u00a0c\u00a0", (2, 4)),
        ("zero-width", "ab\u200bc", (2, 3)),
        ("bidi-control", "a\u202e\u202cb", (1, 3)),
        ("presentation-form", "x ﻣﺮ y", (2, 4)),
        ("farsi-letters", "في کتاب", (3, 4)),
        ("nfc", "قال ا\u0653لة ا\u0653", (4, 6)),
        ("nfc", "cafe\u0301 x", (3, 5)),
        ("mojibake", "ÇáØÞÓ", (0, 5)),
        ("escaped-unicode", r"x \u0627", (0, 8)),
        ("tatweel", "هـ", None),
        ("nfc", "آلة", None),
        ("mojibake", "Café", None),
    ],
)
def test_find_marks_the_first_span(rule: str, text: str, span: tuple[int, int] | None) -> None:
    """The first place that a rule would change is marked; decoding marks the whole string."""
    assert find(rule, text) == span


def test_find_respects_the_language() -> None:
    """In a Persian row Farsi letters and the non-joiner are not marked."""
    assert find("farsi-letters", "کتاب", Language(arabic=False)) is None
    assert find("zero-width", "می\u200cخواهم", Language(arabic=False)) is None
    assert find("zero-width", "क्\u200dष क्\u200cष", Language(arabic=False)) is None
    assert find("zero-width", "می\u200cخواهم\u200b", Language(arabic=False)) == (8, 9)
    with pytest.raises(KeyError):
        find("no-such-rule", "x")


@settings(deadline=None, max_examples=examples(600))
@given(text=ANY_TEXT, role=st.sampled_from(TextRole), arabic=st.booleans())
def test_repair_is_idempotent(text: str, role: TextRole, *, arabic: bool) -> None:
    """Repairing twice changes nothing, and rules are named if and only if something changed."""
    clean, rules = repair(text, role, arabic=arabic)
    assert repair(clean, role, arabic=arabic) == (clean, NOTHING)
    assert bool(rules) == (clean != text)
    assert unicodedata.is_normalized("NFC", clean)


@settings(deadline=None, max_examples=examples(600))
@given(text=ANY_TEXT, arabic=st.booleans())
def test_both_roles_get_the_same_letters(text: str, *, arabic: bool) -> None:
    """The results for both roles differ only in bidi controls."""
    user, _ = repair(text, TextRole.INPUT, arabic=arabic)
    target, _ = repair(text, TextRole.TARGET, arabic=arabic)
    assert remove_bidi_controls(user) == target


@settings(deadline=None, max_examples=examples(300))
@given(text=ARABIC_HEAVY, arabic=st.booleans())
def test_find_agrees_with_the_rule(text: str, *, arabic: bool) -> None:
    """A span is found if and only if the rule changes the text."""
    for rule in RULES:
        language = language_of((), [text])._replace(arabic=arabic)
        function = rule_function(rule.name, language)
        changes = function is not None and function(text) != text
        span = find(rule.name, text, language)
        assert (span is not None) == changes, rule.name
        assert span is None or 0 <= span[0] < span[1] <= len(text)
