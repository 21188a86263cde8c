"""Conversion of chat messages of the OpenAI family."""

from typing import Any

import pytest

from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError
from dataset_tools.records.messages import ROLES, read_messages


def _read(*messages: Any) -> tuple[list[Any], Log]:
    log: Log = []
    return list(read_messages(list(messages), log)), log


def test_a_plain_message_is_copied() -> None:
    """The copy has role and text, in this order."""
    raw = {"content": "مرحبا", "role": "user"}
    (message,), log = _read(raw)
    assert list(message.items()) == [("role", "user"), ("content", "مرحبا")]
    assert message is not raw
    assert log == []


@pytest.mark.parametrize("role", [role for role in ROLES if ROLES[role] != role])
def test_foreign_roles_are_renamed_and_logged(role: str) -> None:
    """Each role name of another layout is renamed, as a change."""
    (message,), log = _read({"role": role, "content": "نص"})
    assert message["role"] == ROLES[role]
    assert [(change.rule, change.before) for change in log] == [("role-name", role)]


def test_a_result_gets_the_name_of_its_call() -> None:
    """``tool_call_id`` finds the name, also if results are in another order than the calls."""
    calls = [{"id": name, "function": {"name": f"f_{name}", "arguments": {}}} for name in "ab"]
    messages, log = _read(
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "b", "content": "2"},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    )
    assert [message["name"] for message in messages[1:]] == ["f_b", "f_a"]
    assert [change.rule for change in log] == ["named-result", "named-result"]


@pytest.mark.parametrize("link", [None, "zz", 5, ["a"], {"a": 1}])
def test_a_result_without_a_call_has_no_name(link: Any) -> None:
    """An id without a call, of any type, gives no name."""
    (message,), _ = _read({"role": "tool", "tool_call_id": link, "content": "1"})
    assert message == {"role": "tool", "content": "1"}


def test_dropped_fields_are_logged_in_the_order_of_the_row() -> None:
    """The order of the log does not depend on the process."""
    extras = {f"extra_{letter}": 1 for letter in "qwertyuiop"}
    _, log = _read({"role": "user", "content": "نص", **extras, "think": None})
    assert [change.path for change in log] == [f"messages[0].{name}" for name in extras]


@pytest.mark.parametrize("content", [{}, {"مدينة": "صور", "temp": [31, None, {"x": 1.0}]}, {"name": "f"}])
def test_a_result_that_is_an_object_is_kept(content: Any) -> None:
    """A structured result is not a change."""
    (message,), log = _read({"role": "tool", "name": "f", "content": content})
    assert message == {"role": "tool", "content": content, "name": "f"}
    assert log == []


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("response", ["حار", {"temp": 31}])
def test_a_wrapped_result_is_unwrapped(response: Any, named: bool) -> None:  # noqa: FBT001
    """``{"name": …, "response": …}`` gives name and content, as the chat template reads it."""
    content = {"name": "f", "response": response}
    raw = {"role": "tool", "content": content} | ({"name": "f"} if named else {})
    (message,), log = _read(raw)
    assert message == {"role": "tool", "content": response, "name": "f"}
    assert log == [Change("unwrapped-result", "messages[0].content", content, response)]


@pytest.mark.parametrize(
    "content",
    [
        {"name": "علي", "response": "نعم"},  # of another tool: a result with these keys
        {"name": "f", "response": 3},
        {"name": "f", "response": "x", "more": 1},
        {"name": None, "response": "x"},
    ],
    ids=str,
)
def test_a_result_that_only_looks_wrapped_is_kept(content: Any) -> None:
    """Without a clear meaning nothing changes; ``validate`` reports the two keys."""
    (message,), log = _read({"role": "tool", "name": "f", "content": content})
    assert (message["content"], message["name"], log) == (content, "f", [])


def test_an_object_in_another_message_becomes_text() -> None:
    """Only results may be objects; letters stay unescaped."""
    (message,), log = _read({"role": "user", "content": {"مدينة": "صور"}})
    assert message["content"] == '{"مدينة":"صور"}'
    assert [change.rule for change in log] == ["encoded-result"]


def test_an_object_that_is_nested_too_deeply() -> None:
    """Content that cannot be written as JSON rejects the row."""
    deep: Any = {}
    for _ in range(500):
        deep = {"a": deep}
    with pytest.raises(RowError) as caught:
        _read({"role": "user", "content": deep})
    assert caught.value.code == "unsupported-content"


@pytest.mark.parametrize(
    "messages,code",
    [
        ("نص", "unreadable-messages"),
        ([], "unreadable-messages"),
        (["نص"], "unreadable-messages"),
        ([{"role": ["user"], "content": "نص"}], "unknown-role"),
        ([{"content": "نص"}], "unknown-role"),
        ([{"role": "user", "content": 5}], "unsupported-content"),
        ([{"role": "assistant", "tool_calls": "f()"}], "unreadable-messages"),
        ([{"role": "assistant", "tool_calls": [{"function": {"arguments": {}}}]}], "unreadable-messages"),
        ([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 5}}]}], "arguments-not-object"),
    ],
)
def test_unreadable_messages(messages: Any, code: str) -> None:
    """Each fault has its code."""
    with pytest.raises(RowError) as caught:
        read_messages(messages, [])
    assert caught.value.code == code
