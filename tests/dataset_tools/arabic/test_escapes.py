r"""Literal \u0627 sequences, and letters spelled in ASCII in other ways."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.arabic.escapes import decode_escapes, left_escape


@pytest.mark.parametrize(
    "text, expected",
    [
        (r"\u0627\u0644\u0637\u0642\u0633", "الطقس"),
        (r"\\u0627\\u0644", "ال"),
        (r"\\\\u0627", "ا"),
        (r"مدينة \u062f\u0628\u064a 2", "مدينة دبي 2"),
        (r"\u0645\u0631\u062d\u0628\u0627 \ud83d\ude00", "مرحبا 😀"),
    ],
)
def test_whole_escapes_are_decoded(text: str, expected: str) -> None:
    """Escapes are decoded, with any number of backslashes and with whole surrogate pairs."""
    assert decode_escapes(text) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        (r'{"name":"\u0645\u0637\u0639\u0645 \u0022\u0627\u0644\u0022"}', r'{"name":"مطعم \"ال\""}'),
        (r'["\\u0645 \\u0022\\u0627\\u0022"]', r'["م \"ا\""]'),
        (r'"\u0645 \u0022\u0627\u0022"', r'"م \"ا\""'),
        (r"\u0645 \u0022\u0627\u0022", 'م "ا"'),
        (r"[\u0645] \u0022\u0627\u0022", '[م] "ا"'),
    ],
)
def test_a_quote_in_json_stays_escaped(text: str, expected: str) -> None:
    """JSON stays equal JSON; in plain text a quote is a quote."""
    assert decode_escapes(text) == expected


@given(st.dictionaries(st.text(alphabet='اب"\n', max_size=4), st.text(alphabet='ابت"é{:\n ', max_size=6), max_size=3))
def test_json_means_the_same_after_decoding(value: dict[str, str]) -> None:
    """JSON text stays the same JSON, also if every quote is escaped."""
    text = json.dumps(value).replace('\\"', "\\u0022")
    assert json.loads(decode_escapes(text)) == value


@pytest.mark.parametrize(
    "text",
    [
        r"C:\users\sami",
        r"C:\users\u0627",
        r"C:\uface.txt",
        r"\u00e9\u00e8",
        r"\u0627\u06",
        r"\u0627\ud83d",
        r"\u0627\ude00\ud83d",
        r"\u0627\u000a",
        r"\u0627\u0000",
        r"\u0627\u005c",
        r"a\nb",
        "",
        "الطقس",
        "u0627",
    ],
)
def test_doubtful_escapes_stay(text: str) -> None:
    """Paths, broken or non-Arabic escapes, lone surrogates and control characters stay."""
    assert decode_escapes(text) == text


@settings(deadline=None)
@given(st.text(alphabet="ابتدبيـ😀é ", min_size=1).filter(lambda text: any(c in "ابتدي" for c in text)))
def test_json_written_twice_is_undone(text: str) -> None:
    """A second round of JSON escaping is undone."""
    assert decode_escapes(json.dumps(text)[1:-1]) == text


SPELLED = [
    ("المد في &#1589;&#1608;&#1585;", "المد في صور"),
    ("&#x635;&#x648;&#X631;", "صور"),
    ("&amp;#1589;&amp;#1608;", "صو"),
    ("&#1605;&#1583;&#32;&#1608;", "مد و"),
    ("u0635u062du0627u0631 u0648 u0645u0633u0642u0637", "صحار و مسقط"),
    ("port: u0635u062du0627u0631.", "port: صحار."),
    ("<U+0635><U+0648><U+0631> و", "صور و"),
    ("%u0635%u0648%u0631", "صور"),
    (r"\u{635}\u{0648}", "صو"),
    (r"\xd8\xb5\xd9\x88\xd8\xb1 \xd9\x88", "صور و"),
    (r"b'\\xD8\\xB5\\xD9\\x88'", "b'صو'"),
    (r"\330\265\331\210", "صو"),
    ("%D8%B5%D9%88%D8%B1 و%d8%b5%d9%88", "صور وصو"),
    ("%D8%B5%D9%88%20%D8%B1", "صو ر"),
]
DOUBTFUL = [
    ("&#1589; حرف", "&#1589;"),
    ("غرفة&nbsp;مزدوجة", "&nbsp;"),
    ("<U+0635> حرف", "<U+0635>"),
    ("u0635 حرف", "u0635"),
    ("%D8%B5", "%D8%B5"),
    ("https://ar.example.org/%D8%B5%D9%88%D8%B1", None),
    ("?q=%D8%B5%D9%88%D8%B1", None),
    ("menu0635u0648", None),
    ("u0635u0648x", None),
    ("%D8%B5%D9", None),
    (r"\xd8\xb5\x00\xd9\x88", None),
    ("&#233;&#232;", None),
    ("&#1589&#1608", None),
    ("<b>مرحبا&nbsp;بك</b>", None),
    ("20% A&B 0627", None),
    ("&#99999;&#55296;", None),
]


@pytest.mark.parametrize("text, expected", SPELLED)
def test_letters_spelled_in_ascii_are_decoded(text: str, expected: str) -> None:
    """Two or more Arabic letters in a row are decoded, and then single ones of the same spelling."""
    assert decode_escapes(text) == expected
    assert left_escape(expected) is None


@pytest.mark.parametrize("text, left", DOUBTFUL)
def test_doubtful_spellings_stay_and_are_found(text: str, left: str | None) -> None:
    """A single letter may be meant and a URL is right: they stay; what stands for Arabic text is found."""
    assert decode_escapes(text) == text
    assert left_escape(text) == left


@pytest.mark.parametrize(
    "text", ["\\" * 100_000 + "x", "%d8" * 100_000 + "=", "u0635" * 50_000 + "x", "&#1589;" * 50_000]
)
def test_long_texts_take_linear_time(text: str) -> None:
    """Hostile repetitions end at once."""
    decode_escapes(text)
    left_escape(text)
