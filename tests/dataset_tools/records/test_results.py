"""Tool results: decoded without loss, compared by their text, and expressed exactly in the prompt."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError
from dataset_tools.prompt.parser import parse
from dataset_tools.prompt.render import RenderError, render
from dataset_tools.prompt.round_trip import result_problem
from dataset_tools.records.results import decode_result, decoded, result_content, text_of
from tests.prompt_rows import KEYS, VALUES, call, calls, result, row, say
from tests.properties import examples

TOKENS = ("<escape>", "<end_function_response>", "<end_of_turn>", "<start_function_call>", "<bos>")
STRINGS = st.text(max_size=6) | st.sampled_from(["جدة", *TOKENS, "أ<end_of_turn>ب", "a:b", "{", "None"])
ANY_KEYS = KEYS | STRINGS | st.sampled_from(["name", "response", "value", "", " a", "a,b", "a:b", "مفتاح"])
# JSON as orjson reads it without loss.
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
JSON = st.recursive(
    SCALARS | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_KEYS, inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(ANY_KEYS, JSON, max_size=4)
RESULTS = st.dictionaries(KEYS, VALUES | st.none(), max_size=4)


def _row(content: Any) -> dict[str, Any]:
    return row(say("user", "س"), calls(call()), result(content), say("assistant", "تم"))


def _same(given_value: Any, read: Any) -> bool:
    """Return whether two values are equal with equal types and signs; the order of keys is free."""
    return json.dumps(given_value, sort_keys=True) == json.dumps(read, sort_keys=True)


@pytest.mark.parametrize(
    "text,value",
    [
        ("{}", {}),
        ('{"ok":true}', {"ok": True}),
        (' \n{"ok": null, "n": 1.0}\t', {"ok": None, "n": 1.0}),
        ('{"المدينة":"جدة","أيام":[{"max":3}]}', {"المدينة": "جدة", "أيام": [{"max": 3}]}),
        (r'{"city":"\u062c\u062f\u0629"}', {"city": "جدة"}),
        ('{"name": "f"}', {"name": "f"}),
    ],
)
def test_json_text_of_an_object_is_decoded(text: str, value: Any) -> None:
    """White space around it is allowed, and types are kept."""
    message: Any = {"role": "tool", "content": text, "name": "f"}
    log: Log = []
    decode_result(message, "messages[3]", log)
    assert list(message.items()) == [("role", "tool"), ("content", value), ("name", "f")]
    assert log == [Change("decode-result", "messages[3].content", text, value)]
    assert _same(decoded(text).value, value)


@pytest.mark.parametrize(
    "text",
    ["", "حار", "31", "null", "[]", '[{"a":1}]', '"{}"', "{'ok': True}", '{"a":1', '{"a":1}}', "{a:1}", "{",
     '{"a":NaN}', '{"a":"\ud800"}', '\ufeff{"a":1}'],
)  # fmt: skip
def test_other_text_stays(text: str) -> None:
    """It is no JSON of an object, which is not a problem."""
    message: Any = {"role": "tool", "content": text, "name": "f"}
    log: Log = []
    decode_result(message, "messages[3]", log)
    assert (message["content"], log) == (text, [])
    assert decoded(text) == (None, "")


@pytest.mark.parametrize(
    "text,problem",
    [
        ('{"a":1,"a":2}', "duplicate key 'a' in one object"),
        ('{"a":123456789012345678901}', "the number 123456789012345678901 exceeds 64 bits and would be rounded"),
        ('{"name":"f","response":1}', "a result with the keys name and response (rename one of them)"),
        ('{"a":[{"b:c":1}]}', ".a[0]: the key 'b:c' is ambiguous in the prompt"),
        ('{"":1}', "the key '' is ambiguous in the prompt"),
        ('{" a":"x"}', "the key ' a' is ambiguous in the prompt"),
        (r'{"a":"\u003cend_of_turn\u003e"}',
         ".a: the text contains the control token <end_of_turn> (remove it or spell it differently)"),
        ('{"<escape>":1}', "the text contains the control token <escape> (remove it or spell it differently)"),
        ('{"a":' * 201 + "1" + "}" * 201, "nested deeper than 200 levels"),
    ],
)  # fmt: skip
def test_an_object_that_must_stay_text_has_a_reason(text: str, problem: str) -> None:
    """It would lose something, or the prompt cannot express it exactly."""
    found = decoded(text)
    assert found.value is None
    assert found.problem.endswith(problem)
    message: Any = {"role": "tool", "content": text, "name": "f"}
    decode_result(message, "messages[3]", [])
    assert message["content"] == text


@pytest.mark.parametrize("role", ["developer", "user", "assistant"])
def test_other_roles_keep_their_json(role: Any) -> None:
    """A person may write JSON, and a model may answer with it."""
    message: Any = {"role": role, "content": '{"ok":true}'}
    decode_result(message, "messages[0]", [])
    assert message["content"] == '{"ok":true}'


def test_content_of_a_foreign_result() -> None:
    """Text and objects stay; other JSON becomes text, unless it is nested too deeply."""
    given_object = {"a": [1]}
    assert result_content(given_object, "x") is given_object
    assert [result_content(value, "x") for value in ("نص", [1, "أ"], 3, None)] == ["نص", '[1,"أ"]', "3", "null"]
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(RowError, match="cannot be written as JSON"):
        result_content(deep, "x")


def test_the_text_of_a_message() -> None:
    """Equal objects give equal text, in any order of keys; a message without content gives empty text."""
    one: Any = {"role": "tool", "content": {"b": {"y": 1, "x": "أ"}, "a": None}}
    other: Any = {"role": "tool", "content": {"a": None, "b": {"x": "أ", "y": 1}}}
    assert text_of(one) == text_of(other) == '{"a":null,"b":{"x":"أ","y":1}}'
    assert text_of({"role": "user", "content": "{ }"}) == "{ }"
    assert text_of({"role": "assistant", "tool_calls": []}) == ""


@given(OBJECTS, st.sampled_from([None, 1]))
@settings(max_examples=examples(500))
def test_an_object_and_its_json_text_give_one_content(value: dict[str, Any], indent: int | None) -> None:
    """The text is decoded to exactly the object, or stays because the prompt cannot express the object exactly."""
    found = decoded(json.dumps(value, ensure_ascii=indent is None, indent=indent))
    problem = result_problem(value)
    if problem:
        assert found == (None, problem)
    else:
        assert _same(found.value, value)
        assert list(found.value or {}) == list(value)


@given(OBJECTS | RESULTS)
@settings(max_examples=examples(500))
def test_an_exact_result_is_read_back_from_the_prompt(value: dict[str, Any]) -> None:
    """No problem means that the text of the result has one reading: the object."""
    if result_problem(value):
        return
    text = render(_row(value)).partition("response:f")[2].partition("<end_function_response>")[0]
    read = parse(f"<start_function_call>call:f{text}<end_function_call>")
    assert not read.warnings
    assert _same(read.tool_calls[0]["arguments"], value)


@given(OBJECTS)
@settings(max_examples=examples(300))
def test_no_string_becomes_a_control_token(value: dict[str, Any]) -> None:
    """The prompt has the control tokens of the format only, or is refused."""
    written = json.dumps(value, ensure_ascii=False)
    try:
        text = render(_row(value))
    except RenderError:
        return
    assert not any(token in written for token in TOKENS)
    empty = render(_row({}))
    assert all(text.count(token) == empty.count(token) for token in TOKENS if token != "<escape>")  # noqa: S105


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("value", ["{}", {"{}": 1}, {"a": "ب{}"}, {"a": [{"b": ["{}"]}]}], ids=str)
def test_a_control_token_is_refused_everywhere(token: str, value: Any) -> None:
    """Keys and values at any depth."""
    content = json.loads(json.dumps(value).replace("{}", token)) if isinstance(value, dict) else token
    with pytest.raises(RenderError, match="control token"):
        render(_row(content))
