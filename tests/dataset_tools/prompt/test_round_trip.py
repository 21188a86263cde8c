"""Round trips: the parser reads rendered calls and answers as they were."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.prompt import round_trip
from dataset_tools.prompt.parser import MAX_DEPTH, parse
from dataset_tools.prompt.render import Kind, Segment, render, segments
from dataset_tools.prompt.round_trip import round_trip_problem
from tests.prompt_rows import MADE_CALLS, TEXTS, Row, call, call_row, calls, goldens, row, say
from tests.properties import examples

USER = say("user", "س")


@given(MADE_CALLS, st.none() | TEXTS)
@settings(max_examples=examples(200))
def test_calls_are_read_back_as_they_were(made: list[Row], content: str | None) -> None:
    """Names, keys, values, types, order of calls and the text before them are equal, without a warning."""
    given_row = row(USER, calls(*made, content=content))
    turn = render(given_row).rsplit("<start_of_turn>", 1)[1]
    parsed = parse(f"<start_of_turn>{turn}")
    expected = [one["function"] for one in made]
    assert parsed.tool_calls == expected
    assert _types(parsed.tool_calls) == _types(expected)
    assert parsed.content == (content or "").strip()
    assert (parsed.recovered, parsed.warnings) == (False, [])
    assert round_trip_problem(given_row) is None


@given(TEXTS)
@settings(max_examples=examples(100))
def test_an_answer_is_read_back_as_it_was(text: str) -> None:
    """The text is trimmed, as by the template."""
    given_row = row(USER, say("assistant", text))
    parsed = parse(render(given_row).rsplit("<start_of_turn>", 1)[1].removeprefix("model\n"))
    assert (parsed.content, parsed.tool_calls, parsed.warnings) == (text.strip(), [], [])
    assert round_trip_problem(given_row) is None


def test_the_deepest_arguments_are_read_back() -> None:
    """Renderer and parser have the same depth limit."""
    value: Any = []
    for _ in range(MAX_DEPTH - 2):
        value = [value]
    assert round_trip_problem(call_row(a=value)) is None
    assert "nested deeper" in str(round_trip_problem(call_row(a=[value])))


def test_no_recorded_rendering_has_a_problem() -> None:
    """The calls of every turn are equal."""
    assert [found["id"] for found in goldens() if round_trip_problem(found)] == []


PROBLEMS: dict[str, tuple[Row, str]] = {
    "null": (call_row(a=[{"b": None}]), "arguments.a[0].b: null, which the template prints as None"),
    "empty key": (call_row(**{"": 1}), "the key '' differs when parsed"),
    "colon in a key": (call_row(**{"a:b": 1}), "the key 'a:b' differs when parsed"),
    "brace in a key": (call_row(o={"{": 1}), "arguments.o: the key '{'"),
    "comma in a key": (call_row(**{"a,b": 1}), "the key 'a,b'"),
    "space around a key": (call_row(**{" a": 1}), "the key ' a'"),
    "space around a name": (row(USER, calls(call(" f"))), "the name ' f' differs when parsed"),
    "brace in a name": (row(USER, calls(call("f{"))), "the name 'f{'"),
    "escape in a string": (call_row(a="<escape>"), "control token <escape>"),
    "infinity": (call_row(a=float("inf")), "inf is not a finite number"),
    "not renderable": ({"messages": []}, "no messages"),
}


@pytest.mark.parametrize("bad, reason", PROBLEMS.values(), ids=PROBLEMS)
def test_what_the_format_cannot_carry_is_named(bad: Row, reason: str) -> None:
    """The reason has the path in the record and the value."""
    problem = round_trip_problem(bad)
    assert problem is not None
    assert reason in problem


@given(MADE_CALLS, MADE_CALLS, TEXTS)
@settings(max_examples=50)
def test_the_shape_cache_changes_no_verdict(made: list[Row], others: list[Row], text: str) -> None:
    """Cached and new shapes give the same verdict for the right calls, other texts and other calls."""
    changed = [call(one["function"]["name"], **_with_texts(one["function"]["arguments"], text)) for one in made]
    rows = [row(USER, calls(*some, content=said)) for some in (made, changed, others) for said in ("", text)]
    for said in rows:
        parts = segments(said)
        for meant in rows:
            warm = round_trip_problem(meant, parts)
            round_trip._shape_cache.clear()
            assert (round_trip_problem(meant, parts) is None) == (warm is None)
            assert (warm is None) == (_types(_spoken(meant)) == _types(_spoken(said)))
            assert round_trip_problem(said, parts) is None  # and is met again


def _with_texts(arguments: Row, text: str) -> Row:
    return {key: text if isinstance(value, str) else value for key, value in arguments.items()}


def _spoken(meant: Row) -> Any:
    message = meant["messages"][2]
    made = [(one["function"]["name"], _sorted(one["function"]["arguments"])) for one in message["tool_calls"]]
    return message.get("content", "").strip(), made


def _sorted(value: Any) -> Any:
    """Return objects with sorted keys, because their order has no meaning."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(inner) for inner in value] if isinstance(value, list) else value


WRONG_PARTS = {
    "another text": "<start_function_call>call:f{a:<escape>ب<escape>,n:1}<end_function_call>",
    "another name": "<start_function_call>call:g{a:<escape>أ<escape>,n:1}<end_function_call>",
    "another number": "<start_function_call>call:f{a:<escape>أ<escape>,n:2}<end_function_call>",
    "another type": "<start_function_call>call:f{a:<escape>أ<escape>,n:1.0}<end_function_call>",
    "a text more": "<start_function_call>call:f{a:<escape>أ<escape>,n:1}<end_function_call><escape>أ",
    "no end": "<start_function_call>call:f{a:<escape>أ<escape>,n:1}",
}


@pytest.mark.parametrize("text", WRONG_PARTS.values(), ids=WRONG_PARTS)
def test_a_different_text_is_detected(text: str) -> None:
    """This holds even if calls of both shapes are cached."""
    meant = call_row(a="أ", n=1)
    for known in (meant, call_row(a="ب", n=1), call_row(a="أ", n=2), call_row(a="أ", n=1.0)):
        assert round_trip_problem(known) is None
    right = segments(meant)
    assert round_trip_problem(meant, right) is None
    wrong = [Segment(text, Kind.CALL) if part.kind is Kind.CALL else part for part in right]
    assert "when parsed" in str(round_trip_problem(meant, wrong))


def _types(value: Any) -> Any:
    """Return the types of a value, so that 1, 1.0 and true differ, as do 0.0 and -0.0."""
    if isinstance(value, dict):
        return {key: _types(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_types(inner) for inner in value]
    return type(value), repr(value)
