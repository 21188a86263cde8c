"""Arguments and literals as text: what is read, what is refused, and that nothing changes on the way."""

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
    """What ``repr`` and JSON write is read back exactly, types included."""
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
def test_what_a_literal_may_be(text: str, value: Any) -> None:
    """Both languages, mixed; tuples and sets become lists; an unknown escape stays as written."""
    assert _whole(text) == value


@pytest.mark.parametrize(
    "text,reason",
    [
        ("", "text ends where a value should stand at character 1"),
        ("[1 2]", "neither a comma nor ] at character 4"),
        ("{'a': 1 'b': 2}", "neither a comma nor } at character 9"),
        ("{'a': 1, 'b'}", "not paired"),
        ("{'b', 'a': 1}", "not paired"),
        ("{[1]: 2}", "not paired"),
        ("'abc", "text that is not closed at character 1"),
        (r"'\ud83d'", "an escape that is no character"),
        (r"'\UFFFFFFFF'", "an escape that is no character"),
        ("0551234", "no value"),
        ("1e999", "beyond 64 bits"),
        ("9" * 30, "beyond 64 bits"),
        ("nan", "no value"),
        ("truth", "no value"),
        ("__import__('os')", "no value"),
        ("[" * 61, "nesting deeper than 60 levels at character 61"),
    ],
)
def test_what_is_no_literal(text: str, reason: str) -> None:
    """The reason says what was wrong and where; a number that would lose digits is never guessed."""
    with pytest.raises(LiteralError) as caught:
        read_literal(text)
    assert reason in str(caught.value)


def test_json_is_read_without_a_trace() -> None:
    """Plain JSON is no change."""
    log: Log = []
    assert decode_json('{"city": "صور"}', log, "x") == {"city": "صور"}
    assert log == []


def test_a_python_literal_is_logged() -> None:
    """Repaired quoting is a change, with the text before and the value after."""
    log: Log = []
    assert decode_json(" {'a': True} ", log, "tools") == {"a": True}
    assert [tuple(change) for change in log] == [("python-literal", "tools", " {'a': True} ", {"a": True})]


def test_text_behind_a_value_is_refused() -> None:
    """A value with something behind it is not cut short."""
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
    """As often as they were encoded, they are decoded, and each time it is logged."""
    log: Log = []
    assert read_arguments(value, log, "x") == arguments
    assert [change.rule for change in log] == rules


@pytest.mark.parametrize("value,kind", [("[1]", "a list"), (7, "a number"), (True, "a boolean"), ("null", "null")])
def test_arguments_that_are_no_object_are_refused(value: Any, kind: str) -> None:
    """The reason says what stood there instead."""
    with pytest.raises(RowError, match=f"x is {kind}, not an object") as caught:
        read_arguments(value, [], "x")
    assert caught.value.code == "arguments-not-object"


def test_negative_zero_keeps_its_sign() -> None:
    """Values are not normalised while they are read."""
    assert math.copysign(1, _whole("-0.0")) == -1
