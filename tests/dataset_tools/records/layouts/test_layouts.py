"""Every layout: its examples, its recognition, and its robustness."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset_tools.changes import Change, Log
from dataset_tools.errors import RowError, UsageError
from dataset_tools.records.layouts import Context, Draft, all_layouts, by_name, companions_of, recognise
from schemas import load
from tests.properties import examples

EXAMPLES = Path(__file__).parent / "examples"
PASS = sorted(EXAMPLES.glob("*/pass/*.json"))
FAIL = sorted(EXAMPLES.glob("*/fail/*.json"))
NAMES = [layout.name for layout in all_layouts()]
RECORD = jsonschema.Draft202012Validator(load("record"))


def _example(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _name(path: Path) -> str:
    return f"{path.parts[-3]}-{path.parts[-2]}-{path.stem}"


def _convert(layout: str, example: dict[str, Any]) -> tuple[Draft, Log]:
    log: Log = []
    return by_name(layout).convert(example["row"], log, Context(**example.get("context", {}))), log


@pytest.mark.parametrize("path", PASS, ids=_name)
def test_a_good_example_gives_its_record(path: Path) -> None:
    """The draft and the changes are the expected ones, including types."""
    example = _example(path)
    draft, log = _convert(path.parts[-3], example)
    assert json.dumps(draft, ensure_ascii=False, sort_keys=True) == json.dumps(
        example["record"], ensure_ascii=False, sort_keys=True
    )
    assert sorted(change.rule for change in log) == sorted(example["changes"])


@pytest.mark.parametrize("path", PASS, ids=_name)
def test_a_good_example_completes_to_a_valid_record(path: Path) -> None:
    """With an id and a source, the draft satisfies the schema of a record, also with nulls in declarations."""
    draft, _ = _convert(path.parts[-3], _example(path))
    source = {"dataset": "d", "file": "d.jsonl", "line": 1}
    assert list(RECORD.iter_errors({"id": "d-1", **draft, "source": source})) == []


@pytest.mark.parametrize("path", PASS, ids=_name)
def test_no_field_vanishes(path: Path) -> None:
    """Each text of the row is in the draft, or a change has it."""
    example = _example(path)
    draft, log = _convert(path.parts[-3], example)
    kept = json.dumps([draft, [change[2] for change in log]], ensure_ascii=False)
    for key, value in example["row"].items():
        if (
            isinstance(value, str)
            and value
            and key not in {"answers", "arguments", "tools", "system", "chat", "source"}
        ):
            assert json.dumps(value, ensure_ascii=False) in kept, key


@pytest.mark.parametrize("path", PASS, ids=_name)
def test_conversion_does_not_alter_the_row(path: Path) -> None:
    """The row is unchanged afterwards, so that a rejected or traced row can be shown."""
    example = _example(path)
    _convert(path.parts[-3], example)
    assert example["row"] == _example(path)["row"]


@pytest.mark.parametrize("path", FAIL, ids=_name)
def test_a_bad_example_is_rejected_with_its_reason(path: Path) -> None:
    """The row is rejected with the expected code and reason."""
    example = _example(path)
    with pytest.raises(RowError) as caught:
        _convert(path.parts[-3], example)
    assert caught.value.code == example["code"]
    assert example["reason_contains"] in str(caught.value)


@pytest.mark.parametrize("path", PASS + FAIL, ids=_name)
def test_exactly_one_layout_recognises_a_row(path: Path) -> None:
    """No other layout matches the row, so their order does not matter."""
    row = _example(path)["row"]
    assert [layout.name for layout in all_layouts() if layout.recognises(row)] == [path.parts[-3]]
    assert recognise(row).name == path.parts[-3]


@pytest.mark.parametrize("name", NAMES)
def test_every_layout_has_examples(name: str) -> None:
    """Every layout has at least three rows that pass and two that fail."""
    assert len([path for path in PASS if path.parts[-3] == name]) >= 3
    assert len([path for path in FAIL if path.parts[-3] == name]) >= 2


def test_the_list_of_layouts() -> None:
    """There are thirteen public layouts and the record."""
    public = {"aisa", "aisa-candidates", "apigen-mt", "bfcl", "glaive", "hermes", "heshamharoon", "metga97", "openai"}
    assert set(NAMES) == public | {"mobile-actions", "toolace", "when2call", "xlam", "record"}


def test_a_row_of_no_layout() -> None:
    """The reason lists the fields of the row."""
    with pytest.raises(RowError, match="no known layout has these fields: prompt, response") as caught:
        recognise({"prompt": "مرحبا", "response": "أهلاً"})
    assert caught.value.code == "unknown-layout"


def test_an_unknown_layout_name() -> None:
    """The error lists the existing names."""
    with pytest.raises(UsageError, match="xlam"):
        by_name("xlma")


MARKS = [
    *("messages", "conversations", "chat", "query_ar", "question", "query", "ground_truth", "tools", "functions"),
    *("function", "answers", "system", "id", "meta", "metadata", "source", "tools_sampled", "tool_called"),
    *("chosen_response", "correct_answer", "function_name", "requires_function", "involved_classes"),
]
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, "نص", 1, {}, {"a": 1}, [], ["{}"], [{}], [{"from": "function_call", "value": "{}"}]]
)


@given(st.dictionaries(st.sampled_from(MARKS), VALUES))
def test_no_row_matches_two_layouts(row: dict[str, Any]) -> None:
    """At most one layout matches any combination of fields."""
    assert len([layout for layout in all_layouts() if layout.recognises(row)]) <= 1


PIECES = st.sampled_from(
    ["[", "]", "{", "}", "(", ")", "'", '"', ",", "=", ":", "\\", "\n", "USER: ", "ASSISTANT: ", "FUNCTION RESPONSE: ",
     "<functioncall>", "<tool_call>", "</tool_call>", "<tool_response>", "<tools>", "</tools>", "<TOOLCALL>", "name",
     '{"name": "f", "arguments": {}}', "f(a=1)", "[f(", "true", "None", "07", "1e999", "مسقط", "\\ud800", "٣", " "]
)  # fmt: skip
TEXT = st.one_of(st.lists(PIECES, max_size=12).map("".join), st.text(max_size=8))
KEYS = st.sampled_from(["role", "content", "from", "value", "tool_calls", "function", "name", "arguments", "parameters",
                        "properties", "type", "tool_call_id", "id", "user", "gpt", "items"])  # fmt: skip
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), TEXT,
                   st.sampled_from(["user", "assistant", "tool", "human", "gpt", "observation", "system"]))  # fmt: skip
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(KEYS, TEXT), inner, max_size=4)),
    max_leaves=12,
)
CASES = [(path.parts[-3], _example(path)) for path in PASS]


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, child in children for place in _places(child, (*at, key)))]


def _replaced(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = _replaced(copy[place[0]], place[1:], new)
    return copy


@st.composite
def _mutations(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name, example = draw(st.sampled_from(CASES))
    row = example["row"]
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(_places(row)[1:] or [()]))
        if place:
            row = _replaced(row, place, draw(JSON))
    return name, {"row": row, "context": example.get("context", {})}


@settings(max_examples=examples(1500), suppress_health_check=[HealthCheck.too_slow])
@given(_mutations())
def test_conversion_is_total(case: tuple[str, dict[str, Any]]) -> None:
    """A damaged row that its layout recognises gives a draft or a RowError."""
    name, example = case
    if not by_name(name).recognises(example["row"]):
        return
    try:
        draft, log = _convert(name, example)
    except RowError as refusal:
        reason = refusal
    else:
        assert draft["messages"]
        assert all(isinstance(change, Change) for change in log)
        return
    assert reason.code
    assert str(reason)


LONG = 200_000
HOSTILE = {
    "brackets": "[" * LONG,
    "list-openings": "[{" * (LONG // 2),
    "broken-lists": '[{"name": "f"}, ' * (LONG // 16),
    "quotes": "'\\" * (LONG // 2),
    "spaces": "[" + " " * LONG,
    "calls": "[f(" + "a=" * (LONG // 2),
    "names": "[" + "f" * LONG,
    "tags": "<tool_call>" * (LONG // 11),
    "speakers": "USER:\n" * (LONG // 6),
    "function-calls": "ASSISTANT: " + "<functioncall>" * (LONG // 14),
    "minus": "-" * LONG,
    "digits": "[f(a=" + "9" * LONG,
    "glaive-quotes": """ASSISTANT: <functioncall> {"name": "f", "arguments": '""" + "'" * LONG,
}
TEXT_ROWS: dict[str, Any] = {
    "xlam": lambda text: {"query": "س", "answers": text, "tools": "[]"},
    "toolace-system": lambda text: {"system": text, "conversations": [{"from": "user", "value": "س"}]},
    "toolace": lambda text: {"system": "", "conversations": [{"from": "assistant", "value": text}]},
    "hermes": lambda text: {"conversations": [{"from": "gpt", "value": text}], "tools": "[1"},
    "hermes-system": lambda text: {"conversations": [{"from": "system", "value": "<tools>" + text}]},
    "glaive": lambda text: {"system": "", "chat": text},
    "glaive-system": lambda text: {"system": "{" + text, "chat": "USER: س"},
    "when2call": lambda text: {"messages": [{"role": "assistant", "content": "<TOOLCALL>" + text}], "tools": ["[]"]},
    "type-name": lambda text: {
        "query": "س",
        "answers": "[]",
        "tools": [{"name": "f", "parameters": {"a": {"type": text}}}],
    },
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("make", TEXT_ROWS.values(), ids=TEXT_ROWS)
def test_hostile_text_ends(make: Any, text: str) -> None:
    """200 kB made to slow down backtracking or nested readers give a row or a short reason."""
    row = make(text)
    layout = recognise(row)
    reason = ""
    try:
        layout.convert(row, [], Context())
    except RowError as refusal:
        reason = str(refusal)
    assert len(reason) < 1000


def test_files_of_accepted_answers(tmp_path: Path) -> None:
    """Accepted answers are found next to the questions first, then in the folder of the original layout."""
    questions = tmp_path / "BFCL_v4_simple_python.json"
    layout = by_name("bfcl")
    assert layout.companions(questions) == []
    below = tmp_path / "possible_answer" / questions.name
    below.parent.mkdir()
    below.touch()
    assert layout.companions(questions) == [below]
    answers = tmp_path / f"possible_answer_{questions.name}"
    answers.touch()
    assert layout.companions(questions) == [answers]
    assert layout.companions(answers) == []
    assert by_name("xlam").companions is None
    assert companions_of([questions]) == [answers]
