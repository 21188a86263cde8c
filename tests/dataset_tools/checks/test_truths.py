"""The checks on public data, against facts that were counted without them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.arabic.letters import ARABIC_INDIC_DIGITS, BIDI_CONTROLS, DIACRITICS, TATWEEL, ZERO_WIDTH
from dataset_tools.validation.validate import Result, ValidateOptions, validate

Row = dict[str, Any]
LETTER = re.compile("[ء-ي]")


@pytest.fixture(scope="module")
def aisa_rows(shared_data: Path) -> list[Row]:
    """The rows as stored, read without the project."""
    parquet = pytest.importorskip("pyarrow.parquet")
    rows: list[Row] = parquet.read_table(shared_data / "aisa_dev.parquet").to_pylist()
    return rows


@pytest.fixture(scope="module")
def aisa(shared_data: Path) -> Result:
    """What the checks find in the same file."""
    return validate([str(shared_data / "aisa_dev.parquet")], ValidateOptions(examples=-1))


@pytest.fixture(scope="module")
def bfcl(shared_data: Path) -> Callable[[str], Result]:
    """What the checks find in one of the translated Berkeley files."""
    known: dict[str, Result] = {}

    def result(name: str) -> Result:
        if name not in known:
            known[name] = validate(
                [str(shared_data / "bfcl_ar" / f"BFCL_v4_{name}.json")], ValidateOptions(examples=-1)
            )
        return known[name]

    return result


def _counts(result: Result, code: str) -> tuple[int, int]:
    entry = result.checks.get(code, {"rows": 0, "findings": 0})
    return entry["rows"], entry["findings"]


def _gold(rows: list[Row]) -> Iterator[tuple[Row, str, Any, Row]]:
    """Each gold value that is not null: its row, its parameter's name, the value, the parameter's declaration."""
    for row in rows:
        offered = {tool["function"]["name"]: tool["function"] for tool in row["tools_sampled"]}
        for message in row["messages"]:
            for call in message["tool_calls"] or []:
                function = call["function"]
                properties = offered[function["name"]]["parameters"]["properties"]
                for name, value in function["arguments"].items():
                    if value is not None:
                        yield row, name, value, properties.get(name) or {}


def _queries_with(rows: list[Row], characters: str) -> int:
    texts = ("".join(m["content"] for m in row["messages"] if m["role"] == "user") for row in rows)
    return sum(any(character in text for character in characters) for text in texts)


def test_aisa_is_read_whole(aisa: Result) -> None:
    """All 545 rows become records, and none of them breaks its schema."""
    assert aisa.rows == 545
    assert not aisa.checks.keys() & {"unreadable-row", "unknown-layout", "invalid-record"}


def test_aisa_has_no_errors(aisa: Result) -> None:
    """Its defects are habits, not broken rows: nothing is required, so nothing can be missing."""
    assert aisa.valid == 545


def test_aisa_letters(aisa: Result, aisa_rows: list[Row]) -> None:
    """Digits and diacritics are in use and are no defects; tatweel and invisible characters are not there."""
    assert _queries_with(aisa_rows, ARABIC_INDIC_DIGITS) == 110
    assert _queries_with(aisa_rows, DIACRITICS) == 16
    assert _queries_with(aisa_rows, TATWEEL + ZERO_WIDTH + BIDI_CONTROLS) == 0
    assert not aisa.checks.keys() & {"tatweel", "zero-width", "bidi-control", "mojibake", "escaped-unicode", "not-nfc"}


def test_aisa_gold_tool_position(aisa: Result) -> None:
    """The called tool is the first of the four offered in every row that has one."""
    assert [finding["message"] for finding in aisa.checks["gold-tool-position"]["examples"]] == [
        "the called tool is first in 500 of 500 rows; chance gives 125"
    ]


def test_aisa_integers_as_floats(aisa: Result, aisa_rows: list[Row]) -> None:
    """61 values of parameters that the offered tool declares as integers are floats; the check finds those 61."""
    stored = [(name, value) for _, name, value, declared in _gold(aisa_rows) if declared.get("type") == "integer"]
    floats = [(name, value) for name, value in stored if isinstance(value, float) and value == int(value)]
    assert len(floats) == 61
    found = aisa.checks["integer-as-float"]["examples"]
    said = [(finding["path"].rsplit(".", 1)[-1], finding["message"]) for finding in found]
    assert said == [(name, f"{value!r} is an integer") for name, value in floats]


def test_aisa_nulls(aisa: Result, aisa_rows: list[Row]) -> None:
    """Arrow filled the arguments of all 500 calls and all the declarations of all rows with nulls."""
    calls = [f for f in aisa.checks["null-value"]["examples"] if f["path"].startswith("messages")]
    tools = [f for f in aisa.checks["null-value"]["examples"] if f["path"].startswith("tools")]
    positive = [number for number, row in enumerate(aisa_rows, 1) if row["requires_function"]]
    assert len(positive) == 500
    assert [finding["line"] for finding in calls] == positive
    assert len(tools) == sum(len(row["tools_sampled"]) for row in aisa_rows) == 2180


def test_aisa_duplicate_query(aisa: Result) -> None:
    """One question stands twice."""
    assert [(f["line"], f["message"]) for f in aisa.checks["duplicate-query"]["examples"]] == [
        (521, "the same question stands in line 421")
    ]


def test_aisa_described_values(aisa: Result, aisa_rows: list[Row]) -> None:
    """Of 49 gold values whose parameter lists the allowed ones in prose, 35 are not on the list."""
    listed = []
    for _, name, value, declared in _gold(aisa_rows):
        prose = re.search(r"\(Supported values: ([^)]*)\)", declared.get("description") or "")
        if prose:
            listed.append((name, value, prose[1].split(", ")))
    assert len(listed) == 49
    broken = [(name, value) for name, value, allowed in listed if value not in allowed]
    assert len(broken) == 35
    found = aisa.checks["argument-described-enum"]["examples"]
    assert [f["path"].rsplit(".", 1)[-1] for f in found] == [name for name, _ in broken]
    assert all(f["message"].startswith(repr(value)) for f, (_, value) in zip(found, broken, strict=True))


def test_aisa_requires_nothing(aisa: Result, aisa_rows: list[Row]) -> None:
    """Every ``required`` is empty, so no call can lack an argument, and the check says so by its silence."""
    assert {len(tool["function"]["parameters"]["required"]) for row in aisa_rows for tool in row["tools_sampled"]} == {
        0
    }
    assert _counts(aisa, "missing-argument") == (0, 0)


def test_aisa_reserved_name(aisa: Result, aisa_rows: list[Row]) -> None:
    """The parameter ``type`` of one tool, which the template drops, is reported wherever that tool is offered."""
    names = [tool["function"]["name"] for row in aisa_rows for tool in row["tools_sampled"]]
    assert _counts(aisa, "reserved-property-name") == (105, names.count("calculate_zakat")) == (105, 105)


def test_aisa_stored_text_is_not_read(aisa: Result, aisa_rows: list[Row]) -> None:
    """The stored rendering has two developer turns where the messages have one; the checks see the messages."""
    assert sum(row["text"].count("<start_of_turn>developer") == 2 for row in aisa_rows) == 500
    assert all(sum(m["role"] == "developer" for m in row["messages"]) == 1 for row in aisa_rows)
    assert not aisa.checks.keys() & {"control-token-in-text", "missing-developer-turn"}


def test_aisa_ungrounded(aisa: Result, aisa_rows: list[Row]) -> None:
    """271 values in 200 rows are said nowhere: codes and dates that nobody gave. None of them is in the question."""
    assert _counts(aisa, "ungrounded-argument") == (200, 271)
    for finding in aisa.checks["ungrounded-argument"]["examples"]:
        row = aisa_rows[finding["line"] - 1]
        query = "".join(m["content"] for m in row["messages"] if m["role"] != "assistant")
        call = row["messages"][2]["tool_calls"][0]["function"]
        assert str(call["arguments"][finding["path"].rsplit(".", 1)[-1]]) not in query


@pytest.mark.parametrize("name, rows, valid", [("simple_python", 400, 398), ("parallel", 200, 200)])
def test_bfcl_is_read_whole(bfcl: Callable[[str], Result], name: str, rows: int, valid: int) -> None:
    """Every question meets its answers; two rows contradict their own tool: a missing argument, an unknown tool."""
    result = bfcl(name)
    assert (result.rows, result.valid) == (rows, valid)
    assert _counts(result, "type-name")[0] == rows
    assert not result.checks.keys() & {"unreadable-row", "unknown-layout", "invalid-record", "invalid-tool-schema"}


def test_bfcl_errors(bfcl: Callable[[str], Result]) -> None:
    """The two errors of the accepted answers, at their places."""
    checks = bfcl("simple_python").checks
    found = [checks[code]["examples"][0] for code in ("missing-argument", "unknown-tool")]
    assert [(f["id"], f["message"]) for f in found] == [
        ("simple_python_200", "calculate_emissions: 'fuel_efficiency' is a required property"),
        ("simple_python_363", "'find_closest' is not offered; offered: restaurant_search.find_closest"),
    ]


@pytest.mark.parametrize("name, rows, values, texts", [("simple_python", 291, 516, 465), ("parallel", 114, 452, 437)])
def test_bfcl_values_are_not_said(bfcl: Callable[[str], Result], name: str, rows: int, values: int, texts: int) -> None:
    """The questions are Arabic and the accepted values English, so most values of text are said nowhere."""
    result = bfcl(name)
    assert _counts(result, "ungrounded-argument") == (rows, values)
    messages = [finding["message"] for finding in result.checks["ungrounded-argument"]["examples"]]
    quoted = [message for message in messages if message[0] in "'\""]
    assert len(quoted) == texts
    assert sum(bool(LETTER.search(message)) for message in quoted) == 0


def test_bfcl_dotted_names(bfcl: Callable[[str], Result], shared_data: Path) -> None:
    """Tool names with dots find their declarations: but for one wrong answer no call names an unknown tool."""
    text = (shared_data / "bfcl_ar" / "BFCL_v4_simple_python.json").read_text(encoding="utf-8")
    assert len(re.findall(r'"name": "[^"]*\.[^"]*"', text)) > 100
    assert _counts(bfcl("simple_python"), "unknown-tool") == (1, 1)
    assert _counts(bfcl("parallel"), "unknown-tool") == (0, 0)


def test_bfcl_irrelevance_has_nothing_to_train_on(bfcl: Callable[[str], Result]) -> None:
    """Questions that no tool answers come without an answer, which makes no training row."""
    result = bfcl("irrelevance")
    assert (result.rows, result.valid) == (240, 0)
    assert _counts(result, "empty-answer") == (240, 240)
