r"""Literal \u0627 sequences."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.arabic.escapes import decode_escapes


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
