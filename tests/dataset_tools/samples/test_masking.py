"""Masks: exact for each kind of conversation, right for any record; damage is detected."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dataset_tools.prompt.parser import parse
from dataset_tools.prompt.render import RenderError, render
from dataset_tools.prompt.round_trip import round_trip_problem
from dataset_tools.samples.masking import Samples, mask_problems
from dataset_tools.samples.tokenizer import load_tokenizer
from tests.dataset_tools.prompt.made_records import records
from tests.dataset_tools.samples.build_rows import (
    IGNORED,
    ids_and_labels,
    make_samples,
    read_mask,
    trained_pieces,
    trained_text,
)
from tests.prompt_rows import TRIGGER, Row, call, calls, goldens, result, row, say
from training.tiny import tokenizer_path

HEADER = [522, 107]  # "model" and its newline
STOPS = {1, 50, 106}
LABELS = "the labels are not those of the model's turns"
NO_STOP = "the last trained token is not a stop token"

# The developer's turn of `row()`, and a question, with their ids.
BEGINNING = (
    f"<bos><start_of_turn>developer\n{TRIGGER}"
    "<start_function_declaration>declaration:f{description:<escape>د<escape>}<end_function_declaration>"
    "<end_of_turn>\n<start_of_turn>user\nطقس؟<end_of_turn>\n<start_of_turn>model\n"
)
BEGINNING_IDS = [
    *(2, 105, 648, 107, 632, 637, 532, 645, 643, 638, 636, 535, 647, 644, 639, 649, 650),
    *(46, 485, 3937, 3983, 3949, 438, 3937, 52, 3958, 52, 3950, 47, 106, 107),
    *(105, 618, 107, 3984, 748, 4031, 106, 107, 105, 522, 107),
]
JEDDAH = ["<start_function_call>", "call", ":", "f", "{", "city", ":", "<escape>", "جدة", "<escape>", "}",
          "<end_function_call>"]  # fmt: skip
JEDDAH_IDS = [48, 525, 3937, 3983, 3949, 493, 3937, 52, 1873, 52, 3950, 49]

ASKED = say("user", "طقس؟")
SINGLE = row(ASKED, calls(call(city="جدة")))
MANY_TURNS = row(
    ASKED,
    calls(call(city="جدة"), call("g")),
    result("صحو"),
    result({"n": 1}, "g"),
    calls(call(city="دبي")),
    result("حر"),
    say("assistant", "حر"),
    say("user", "شكرا"),
    say("assistant", "عفوا"),
)


def _sample(record: Row) -> tuple[list[int], list[int]]:
    (found,) = ids_and_labels(make_samples([record]))
    return found


def _ids(text: str) -> list[int]:
    found: list[int] = load_tokenizer(tokenizer_path()).encode(text, add_special_tokens=False).ids
    return found


# --- exact masks ---


def test_a_single_call() -> None:
    """The call and its stop token are trained, and nothing before them."""
    input_ids, labels = _sample(SINGLE)
    assert input_ids == [*BEGINNING_IDS, *JEDDAH_IDS, 50]
    assert labels == [IGNORED] * 42 + [*JEDDAH_IDS, 50]
    assert trained_pieces(labels) == {42: [*JEDDAH, "<start_function_response>"]}


def test_parallel_calls_after_text() -> None:
    """The text and both calls are one trained span with one stop."""
    record = row(ASKED, calls(call(city="جدة"), call("g", n=2), content=" حاضر\n"))
    input_ids, labels = _sample(record)
    assert input_ids == [
        *BEGINNING_IDS,
        3607,
        1160,
        *JEDDAH_IDS,
        48,
        525,
        3937,
        3982,
        3949,
        3941,
        3937,
        4018,
        3950,
        49,
        50,
    ]
    assert labels == [IGNORED] * 42 + input_ids[42:]
    second = ["<start_function_call>", "call", ":", "g", "{", "n", ":", "2", "}", "<end_function_call>"]
    assert trained_pieces(labels) == {42: ["حا", "ضر", *JEDDAH, *second, "<start_function_response>"]}


def test_many_turns_with_results() -> None:
    """Calls, their stops and answers are trained; results and the start of a second result are not."""
    input_ids, labels = _sample(MANY_TURNS)
    empty = ["<start_function_call>", "call", ":", "g", "{", "}", "<end_function_call>"]
    assert trained_pieces(labels) == {
        42: [*JEDDAH, *empty, "<start_function_response>"],
        84: [*JEDDAH[:8], "دبي", *JEDDAH[9:], "<start_function_response>"],
        109: ["ح", "ر", "<end_of_turn>"],
        122: ["ع", "ف", "وا", "<end_of_turn>"],
    }
    assert input_ids == _ids(
        BEGINNING + "<start_function_call>call:f{city:<escape>جدة<escape>}<end_function_call>"
        "<start_function_call>call:g{}<end_function_call>"
        "<start_function_response>response:f{value:<escape>صحو<escape>}<end_function_response>"
        "<start_function_response>response:g{n:1}<end_function_response>"
        "<start_function_call>call:f{city:<escape>دبي<escape>}<end_function_call>"
        "<start_function_response>response:f{value:<escape>حر<escape>}<end_function_response>حر<end_of_turn>\n"
        "<start_of_turn>user\nشكرا<end_of_turn>\n<start_of_turn>model\nعفوا<end_of_turn>\n"
    )
    assert len(input_ids) == len(labels) == 127
    assert [label for label, token in zip(labels, input_ids, strict=True) if label not in (IGNORED, token)] == []


def test_a_refusal() -> None:
    """The answer and the end of the turn are trained, but not the newline after it."""
    input_ids, labels = _sample(row(say("user", "نكتة؟"), say("assistant", "ما أقدر.")))
    assert trained_pieces(labels) == {44: ["ما", "▁أقدر", ".", "<end_of_turn>"]}
    assert input_ids[44:] == [674, 1755, 4021, 106, 107]
    assert labels == [IGNORED] * 44 + [674, 1755, 4021, 106, IGNORED]


def test_a_call_that_is_answered_stops_before_the_result() -> None:
    """The stop is the first token of the result; a final result is not trained."""
    _, labels = _sample(row(ASKED, calls(call(city="جدة")), result("صحو")))
    assert trained_text(labels) == [
        "<start_function_call>call:f{city:<escape>جدة<escape>}<end_function_call><start_function_response>"
    ]
    assert labels[-1] == IGNORED


def test_recorded_renderings_have_the_mask_of_their_letters() -> None:
    """Ids and labels of every text of the published template are those derived from its letters."""
    texts = [found for found in goldens() if not found.get("add_generation_prompt")]
    made = []
    for found in texts:
        try:
            if render(found) == found["text"] and "<start_of_turn>model" in found["text"]:
                made.append(found)
        except RenderError:
            continue
    assert len(made) > 40
    samples = ids_and_labels(make_samples(made))
    assert [
        found["id"] for found, sample in zip(made, samples, strict=True) if sample != read_mask(found["text"])
    ] == []


# --- any record ---


def _renderable(record: Row) -> Row:
    """Return a record that can be rendered."""
    record = {**record, "add_generation_prompt": False}
    try:
        render(record)
    except RenderError:
        assume(False)  # noqa: FBT003 - hypothesis takes it by position
    assume(any(message["role"] == "assistant" for message in record["messages"]))
    return record


_MADE = records().map(lambda record: {**record, "id": "r"})
_LENIENT = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@given(st.lists(_MADE, min_size=1, max_size=4))
@_LENIENT
def test_any_rows_have_the_ids_and_labels_of_their_text(made: list[Row]) -> None:
    """Many rows by segments give the ids of the whole text, and the mask derived from its letters."""
    made = [_renderable(record) for record in made]
    samples = make_samples(made)
    assert ids_and_labels(samples) == [read_mask(render(record)) for record in made]
    assert list(mask_problems(samples, HEADER)) == []


@given(_MADE)
@_LENIENT
def test_invariants_of_any_row(record: Row) -> None:
    """A row has one ``<bos>``, a trained token, a stop as the last one, and only text of the model trained."""
    record = _renderable(record)
    input_ids, labels = _sample(record)
    assert input_ids.count(2) == 1
    assert input_ids[0] == 2
    trained = [label for label in labels if label != IGNORED]
    assert trained
    assert trained[-1] in STOPS
    # Control tokens that the model never writes.
    assert not {0, 2, 46, 47, 51, 105}.intersection(trained)
    stops = [token for token in trained if token in STOPS]
    assert len(stops) == sum(message["role"] == "assistant" for message in record["messages"])
    assume(round_trip_problem(record) is None and "▁" not in render(record))
    _require_calls_read_back(record, trained)


def _require_calls_read_back(record: Row, trained: list[int]) -> None:
    """Split the trained text at its stops, and parse each part as a model output."""
    turns: list[list[int]] = [[]]
    for token in trained:
        turns[-1].append(token)
        if token in STOPS:
            turns.append([])
    tokenizer = load_tokenizer(tokenizer_path())
    read = [parse(tokenizer.decode(turn, skip_special_tokens=False)) for turn in turns[:-1]]
    written = [message for message in record["messages"] if message["role"] == "assistant"]
    assert len(read) == len(written)
    for found, message in zip(read, written, strict=True):
        assert not found.recovered
        assert found.content == (message.get("content") or "").strip()
        assert found.tool_calls == [asked["function"] for asked in message.get("tool_calls") or []]


# --- damaged masks ---


def _two_rows() -> tuple[Samples, int]:
    """Return a short row, a long one that a test may damage, and the start of the second."""
    samples = make_samples([SINGLE, MANY_TURNS])
    return Samples(samples.input_ids.copy(), samples.labels.copy(), samples.offsets), int(samples.offsets[1])


def _damaged(damage: Callable[[Any, Any], None]) -> list[tuple[int, str]]:
    """Return the problems after ``damage`` to the ids and labels of the second row."""
    samples, start = _two_rows()
    damage(samples.input_ids[start:], samples.labels[start:])
    return list(mask_problems(samples, HEADER))


def test_undamaged_masks_have_no_problem() -> None:
    """The rows that are damaged below are valid before."""
    samples, _ = _two_rows()
    assert list(mask_problems(samples, HEADER)) == []


def _second_bos(ids: Any, _: Any) -> None:
    ids[34] = 2  # in the user's text


def _no_bos(ids: Any, _: Any) -> None:
    ids[0] = 648


def _late_bos(ids: Any, _: Any) -> None:
    ids[0], ids[4] = 632, 2


@pytest.mark.parametrize("damage", [_second_bos, _no_bos, _late_bos])
def test_one_bos_at_the_start_is_required(damage: Callable[[Any, Any], None]) -> None:
    """Two, none, or one at another position is a problem."""
    assert _damaged(damage) == [(1, "not exactly one <bos>, at the start")]


def test_a_trained_token_is_required() -> None:
    """A row without a label is a problem."""

    def damage(_: Any, labels: Any) -> None:
        labels[:] = IGNORED

    ((number, problem),) = _damaged(damage)
    assert number == 1
    assert "no token is trained" in problem


def test_a_batch_without_a_trained_token() -> None:
    """Every row is reported."""
    samples, _ = _two_rows()
    samples.labels[:] = IGNORED
    found = list(mask_problems(samples, HEADER))
    assert [number for number, _ in found] == [0, 1]
    assert all("no token is trained" in problem for _, problem in found)


def test_a_stop_at_the_end_is_required() -> None:
    """Without a trained end of the turn the model would never stop."""

    def damage(_: Any, labels: Any) -> None:
        assert labels[125] == 106
        labels[125] = IGNORED

    assert _damaged(damage) == [(1, f"{NO_STOP}; {LABELS}")]


# Positions in MANY_TURNS that are not the model's.
FOREIGN = {
    "bos": 0,
    "developer": 4,
    "declaration": 17,
    "end of the developer's turn": 29,
    "user": 34,
    "end of the user's turn": 37,
    "start of the model's turn": 39,
    "header": 40,
    "newline of the header": 41,
    "result": 65,
    "end of the result": 71,
    "start of the second result": 72,
    "end of the second result": 83,
    "user's second turn": 115,
}


@pytest.mark.parametrize("place", FOREIGN)
def test_a_trained_token_of_others_is_a_problem(place: str) -> None:
    """One such token is enough."""

    def damage(ids: Any, labels: Any) -> None:
        assert labels[FOREIGN[place]] == IGNORED
        labels[FOREIGN[place]] = ids[FOREIGN[place]]

    assert _damaged(damage) == [(1, LABELS)]


@pytest.mark.parametrize("position", [42, 50, 61, 84, 96, 109, 122])
def test_an_untrained_token_of_the_model_is_a_problem(position: int) -> None:
    """The start, value or stop of a call, in any turn."""

    def damage(_: Any, labels: Any) -> None:
        assert labels[position] != IGNORED
        labels[position] = IGNORED

    assert _damaged(damage) == [(1, LABELS)]


def test_a_label_is_the_id_itself() -> None:
    """A label that differs from its id is a problem."""

    def damage(_: Any, labels: Any) -> None:
        labels[50] = 2020

    assert _damaged(damage) == [(1, LABELS)]


def test_a_problem_has_its_row() -> None:
    """A problem has the number of its row."""
    samples, start = _two_rows()
    samples.labels[start - 1] = IGNORED  # the stop of the first row
    assert list(mask_problems(samples, HEADER)) == [(0, f"{NO_STOP}; {LABELS}")]
