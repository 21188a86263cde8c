"""Rendering and reading are inverse: what the model is trained to say is what its readers take it for."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_rows import MADE_CALLS, TEXTS, Row, call, call_row, calls, goldens, row, say

from dataset_tools.parser import MAX_DEPTH, parse
from dataset_tools.prompt import render, round_trip_problem

USER = say("user", "س")


@given(MADE_CALLS, st.none() | TEXTS)
@settings(max_examples=200)
def test_calls_are_read_back_as_they_were(made: list[Row], content: str | None) -> None:
    """Names, keys, values and their types, the order of the calls and the text before them; without a warning."""
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
@settings(max_examples=100)
def test_an_answer_is_read_back_as_it_was(text: str) -> None:
    """Trimmed, as the template trims it."""
    given_row = row(USER, say("assistant", text))
    parsed = parse(render(given_row).rsplit("<start_of_turn>", 1)[1].removeprefix("model\n"))
    assert (parsed.content, parsed.tool_calls, parsed.warnings) == (text.strip(), [], [])
    assert round_trip_problem(given_row) is None


def test_the_deepest_arguments_are_read_back() -> None:
    """Both sides count levels alike: what one writes, the other reads."""
    value: Any = []
    for _ in range(MAX_DEPTH - 2):
        value = [value]
    assert round_trip_problem(call_row(a=value)) is None
    assert "nested deeper" in str(round_trip_problem(call_row(a=[value])))


def test_no_recorded_rendering_has_a_problem() -> None:
    """All their calls are read back, in every turn."""
    assert [found["id"] for found in goldens() if round_trip_problem(found)] == []


PROBLEMS: dict[str, tuple[Row, str]] = {
    "null": (call_row(a=[{"b": None}]), "arguments.a[0].b: null, which the template prints as None"),
    "empty key": (call_row(**{"": 1}), "the key '' is read back otherwise"),
    "colon in a key": (call_row(**{"a:b": 1}), "the key 'a:b' is read back otherwise"),
    "brace in a key": (call_row(o={"{": 1}), "arguments.o: the key '{'"),
    "comma in a key": (call_row(**{"a,b": 1}), "the key 'a,b'"),
    "space around a key": (call_row(**{" a": 1}), "the key ' a'"),
    "space around a name": (row(USER, calls(call(" f"))), "the name ' f' is read back otherwise"),
    "brace in a name": (row(USER, calls(call("f{"))), "the name 'f{'"),
    "escape in a string": (call_row(a="<escape>"), "control token <escape>"),
    "infinity": (call_row(a=float("inf")), "inf is no number"),
    "not renderable": ({"messages": []}, "no messages"),
}


@pytest.mark.parametrize("bad, reason", PROBLEMS.values(), ids=PROBLEMS)
def test_what_the_format_cannot_carry_is_named(bad: Row, reason: str) -> None:
    """The reason has the place in the record and what stands there."""
    problem = round_trip_problem(bad)
    assert problem is not None
    assert reason in problem


def _types(value: Any) -> Any:
    """The shape of a value by types, so that 1, 1.0 and true differ, and 0.0 and -0.0."""
    if isinstance(value, dict):
        return {key: _types(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_types(inner) for inner in value]
    return type(value), repr(value)
