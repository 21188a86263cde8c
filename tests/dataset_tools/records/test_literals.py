"""Decoding of arguments and literals: accepted text, rejected text, and exact values."""

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.errors import RowError
from dataset_tools.records.literals import LiteralError, decode_json, read_arguments, read_literal

if TYPE_CHECKING:
    from dataset_tools.changes import Log

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)), max_leaves=20
)


def _whole(text: str) -> Any:
    value, end = read_literal(text)
    assert end == len(text)
    return value


@given(VALUES)
def test_python_and_json_spell_the_same_value(value: Any) -> None:
    """The output of ``repr`` and of JSON is decoded exactly, with types."""
    for text in (repr(value), json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert repr(_whole(text)) == repr(value)


@given(st.text(alphabet="[]{}(),:'\"\\ \n01.eE+-truefalsnTFNu٣م"))
def test_reading_a_literal_is_total(text: str) -> None:
    """Any text gives a JSON value or a LiteralError."""
    try:
        value, end = read_literal(text)
    except LiteralError as refusal:
        end = refusal.at
    else:
        assert end > 0
        json.dumps(value, allow_nan=False).encode()
    assert 0 <= end <= len(text)


@pytest.mark.parametrize(
    "text,value",
    [
        ("{'city': \"دبي\", 'now': true, 'x': None}", {"city": "دبي", "now": True, "x": None}),
        ("(1, 'a')", [1, "a"]),
        ("('a')", "a"),
        ("('a',)", ["a"]),
        ("()", []),
        ("{'b', 'a'}", ["b", "a"]),
        ("{1: 2}", {"1": 2}),
        ("[1, 2,]", [1, 2]),
        ("'it\\'s \\u0645\\x41\\d'", "it's مA\\d"),
        (r"'\ud83d\ude00'", "😀"),
        ("-.5", -0.5),
        ("+3", 3),
    ],
)
def test_accepted_literals(text: str, value: Any) -> None:
    """Python and JSON may be mixed; tuples and sets become lists; unknown escapes are kept."""
    assert _whole(text) == value


@pytest.mark.parametrize(
    "text,reason",
    [
        ("", "the text ends before a value at character 1"),
        ("[1 2]", "a missing comma or ] at character 4"),
        ("{'a': 1 'b': 2}", "a missing comma or } at character 9"),
        ("{'a': 1, 'b'}", "an unpaired key or value"),
        ("{'b', 'a': 1}", "an unpaired key or value"),
        ("{[1]: 2}", "an unpaired key or value"),
        ("'abc", "a string that is not closed at character 1"),
        (r"'\ud83d'", "an invalid escape"),
        (r"'\UFFFFFFFF'", "an invalid escape"),
        ("0551234", "no value"),
        ("1e999", "beyond 64 bits"),
        ("9" * 30, "beyond 64 bits"),
        ("nan", "no value"),
        ("truth", "no value"),
        ("__import__('os')", "no value"),
        ("[" * 61, "nesting deeper than 60 levels at character 61"),
    ],
)
def test_rejected_literals(text: str, reason: str) -> None:
    """The reason has the fault and its place; a number that would lose digits is rejected."""
    with pytest.raises(LiteralError) as caught:
        read_literal(text)
    assert reason in str(caught.value)


def test_plain_json_is_not_logged() -> None:
    """Plain JSON is not a change."""
    log: Log = []
    assert decode_json('{"city": "صور"}', log, "x") == {"city": "صور"}
    assert log == []


def test_a_python_literal_is_logged() -> None:
    """The change has the text before and the value after."""
    log: Log = []
    assert decode_json(" {'a': True} ", log, "tools") == {"a": True}
    assert [tuple(change) for change in log] == [("python-literal", "tools", " {'a': True} ", {"a": True})]


def test_text_after_a_value_is_rejected() -> None:
    """A value with more text after it is not truncated."""
    with pytest.raises(RowError, match="text after the value at character 9") as caught:
        decode_json("{'a':1} x", [], "tools")
    assert caught.value.code == "unreadable-json"


@pytest.mark.parametrize(
    "value,arguments,rules",
    [
        ({"a": 1.0}, {"a": 1.0}, []),
        (None, {}, ["empty-arguments"]),
        ("", {}, ["decode-arguments"]),
        ('{"a": 1}', {"a": 1}, ["decode-arguments"]),
        ('"{\\"a\\": 1}"', {"a": 1}, ["decode-arguments", "decode-arguments"]),
        ("{'a': 1}", {"a": 1}, ["python-literal"]),
    ],
)
def test_arguments_become_an_object(value: Any, arguments: Any, rules: list[str]) -> None:
    """Arguments are decoded as often as they were encoded, and each time is logged."""
    log: Log = []
    assert read_arguments(value, log, "x") == arguments
    assert [change.rule for change in log] == rules


@pytest.mark.parametrize("value,kind", [("[1]", "a list"), (7, "a number"), (True, "a boolean"), ("null", "null")])
def test_arguments_that_are_not_an_object(value: Any, kind: str) -> None:
    """The reason names the type of the value."""
    with pytest.raises(RowError, match=f"x is {kind}, not an object") as caught:
        read_arguments(value, [], "x")
    assert caught.value.code == "arguments-not-object"


def test_negative_zero_keeps_its_sign() -> None:
    """Decoding does not normalise values."""
    assert math.copysign(1, _whole("-0.0")) == -1
