"""The trained text: exactly what the model must produce."""

import pytest

from dataset_tools.prompt.render import Kind, Segment, render, segments
from tests.prompt_rows import Row, call, calls, goldens, result, row, say

USER = say("user", "الطقس في جدة وأبها؟")
JEDDAH, ABHA = call("get_weather", city="جدة"), call("get_weather", city="أبها")
CALL_JEDDAH = "<start_function_call>call:get_weather{city:<escape>جدة<escape>}<end_function_call>"
CALL_ABHA = "<start_function_call>call:get_weather{city:<escape>أبها<escape>}<end_function_call>"
STOP_CALL, STOP_ANSWER = "<start_function_response>", "<end_of_turn>"

TRAINED: dict[str, tuple[Row, list[str]]] = {
    "single call": (row(USER, calls(JEDDAH)), [CALL_JEDDAH, STOP_CALL]),
    "text before a call": (row(USER, calls(JEDDAH, content=" لحظة. ")), ["لحظة.", CALL_JEDDAH, STOP_CALL]),
    "parallel calls with results": (
        row(USER, calls(JEDDAH, ABHA), result({"t": 38}), result({"t": 21}), say("assistant", "أبها أبرد.")),
        [CALL_JEDDAH, CALL_ABHA, STOP_CALL, "أبها أبرد.", STOP_ANSWER],
    ),
    "several turns": (
        row(USER, calls(JEDDAH), result("حار"), say("assistant", "حار."), say("user", "وأبها؟"), calls(ABHA)),
        [CALL_JEDDAH, STOP_CALL, "حار.", STOP_ANSWER, CALL_ABHA, STOP_CALL],
    ),
    "calls one after another": (
        row(USER, calls(JEDDAH), result("حار"), calls(ABHA), result("بارد"), say("assistant", "تم")),
        [CALL_JEDDAH, STOP_CALL, CALL_ABHA, STOP_CALL, "تم", STOP_ANSWER],
    ),
    "refusal": (row(USER, say("assistant", "عذرًا، لا أستطيع.")), ["عذرًا، لا أستطيع.", STOP_ANSWER]),
    "empty answer": (row(USER, say("assistant", "  ")), [STOP_ANSWER]),
    "generation prompt": ({**row(USER), "add_generation_prompt": True}, []),
}


@pytest.mark.parametrize("given, expected", TRAINED.values(), ids=TRAINED)
def test_trained_segments_are_what_the_model_produces(given: Row, expected: list[str]) -> None:
    """Text, calls and the stop token of each turn are trained, and nothing else."""
    assert [segment.text for segment in segments(given) if segment.trained] == expected


def test_every_part_of_a_conversation_has_its_kind() -> None:
    """All segments for parallel calls: only the first result follows the stop token of the model."""
    given = row(USER, calls(JEDDAH, ABHA), result({"t": 38}), result("بارد"), say("assistant", "تم"), tools=[])
    assert segments(given)[4:] == [
        Segment("\n", Kind.NEWLINE),
        Segment("<start_of_turn>user\n", Kind.HEADER),
        Segment("الطقس في جدة وأبها؟", Kind.USER),
        Segment("<end_of_turn>", Kind.END),
        Segment("\n", Kind.NEWLINE),
        Segment("<start_of_turn>model\n", Kind.HEADER),
        Segment(CALL_JEDDAH, Kind.CALL),
        Segment(CALL_ABHA, Kind.CALL),
        Segment("<start_function_response>", Kind.STOP),
        Segment("response:f{t:38}<end_function_response>", Kind.RESPONSE),
        Segment(
            "<start_function_response>response:f{value:<escape>بارد<escape>}<end_function_response>", Kind.RESPONSE
        ),
        Segment("تم", Kind.ANSWER),
        Segment("<end_of_turn>", Kind.STOP),
        Segment("\n", Kind.NEWLINE),
    ]


def test_a_declaration_is_a_segment_of_its_own() -> None:
    """Each declaration is the same object each time, so that its tokens can be cached."""
    first, again = segments(row(USER)), segments(row(USER))
    assert first[3].text.startswith("<start_function_declaration>declaration:f{")
    assert first[3] is again[3]
    kinds = [Kind.BOS, Kind.HEADER, Kind.DEVELOPER, Kind.DECLARATION, Kind.END]
    assert [segment.kind for segment in first[:5]] == kinds


def test_recorded_renderings_are_trained_on_inside_model_turns_only() -> None:
    """In every recorded rendering the trained text is in model turns, outside of tool results."""
    for given in goldens():
        parts = segments(given)
        role = ""
        for part in parts:
            if part.kind is Kind.HEADER:
                role = part.text
            if part.trained:
                assert role == "<start_of_turn>model\n"
                assert "response:" not in part.text
        assert "".join(part.text for part in parts) == render(given)
