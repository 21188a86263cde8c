"""Checks on public data, compared with counts made without them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.arabic.letters import ARABIC_INDIC_DIGITS, BIDI_CONTROLS, DIACRITICS, TATWEEL, ZERO_WIDTH
from dataset_tools.validation.validate import ValidateOptions, ValidationResult, validate

Row = dict[str, Any]
LETTER = re.compile("[ء-ي]")


@pytest.fixture(scope="module")
def aisa_rows(shared_data: Path) -> list[Row]:
    """Return the stored rows, read without the project."""
    parquet = pytest.importorskip("pyarrow.parquet")
    rows: list[Row] = parquet.read_table(shared_data / "aisa_dev.parquet").to_pylist()
    return rows


@pytest.fixture(scope="module")
def aisa(shared_data: Path) -> ValidationResult:
    """Return the findings in the same file."""
    return validate([str(shared_data / "aisa_dev.parquet")], ValidateOptions(examples=-1))


@pytest.fixture(scope="module")
def bfcl(shared_data: Path) -> Callable[[str], ValidationResult]:
    """Return a function that returns the findings in one of the translated Berkeley files."""
    known: dict[str, ValidationResult] = {}

    def result(name: str) -> ValidationResult:
        if name not in known:
            known[name] = validate(
                [str(shared_data / "bfcl_ar" / f"BFCL_v4_{name}.json")], ValidateOptions(examples=-1)
            )
        return known[name]

    return result


def _counts(result: ValidationResult, code: str) -> tuple[int, int]:
    entry = result.checks.get(code, {"rows": 0, "findings": 0})
    return entry["rows"], entry["findings"]


def _gold(rows: list[Row]) -> Iterator[tuple[Row, str, Any, Row]]:
    """Yield each gold value that is not null: row, name of the parameter, value, declaration."""
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


def test_aisa_is_read_whole(aisa: ValidationResult) -> None:
    """All 545 rows become valid records."""
    assert aisa.rows == 545
    assert not aisa.checks.keys() & {"unreadable-row", "unknown-layout", "invalid-record"}


def test_aisa_has_no_errors(aisa: ValidationResult) -> None:
    """It has warnings only: no argument is required, so none can be missing."""
    assert aisa.valid == 545


def test_aisa_letters(aisa: ValidationResult, aisa_rows: list[Row]) -> None:
    """Digits and diacritics are not defects; there is no tatweel and no invisible character."""
    assert _queries_with(aisa_rows, ARABIC_INDIC_DIGITS) == 110
    assert _queries_with(aisa_rows, DIACRITICS) == 16
    assert _queries_with(aisa_rows, TATWEEL + ZERO_WIDTH + BIDI_CONTROLS) == 0
    assert not aisa.checks.keys() & {"tatweel", "zero-width", "bidi-control", "mojibake", "escaped-unicode", "not-nfc"}


def test_aisa_gold_tool_position(aisa: ValidationResult) -> None:
    """The called tool is the first of the four offered in every row with a call."""
    (finding,) = aisa.checks["gold-tool-position"]["examples"]
    assert "first in 500 of 500 rows" in finding["message"]


def test_aisa_integers_as_floats(aisa: ValidationResult, aisa_rows: list[Row]) -> None:
    """The check finds exactly the 61 floats whose parameter is declared as an integer."""
    stored = [(name, value) for _, name, value, declared in _gold(aisa_rows) if declared.get("type") == "integer"]
    floats = [(name, value) for name, value in stored if isinstance(value, float) and value == int(value)]
    assert len(floats) == 61
    found = aisa.checks["integer-as-float"]["examples"]
    reported = [(finding["path"].rsplit(".", 1)[-1], finding["message"].split(" ")[0]) for finding in found]
    assert reported == [(name, repr(value)) for name, value in floats]


def test_aisa_nulls(aisa: ValidationResult, aisa_rows: list[Row]) -> None:
    """Arrow filled the arguments of all 500 calls and all declarations with nulls."""
    calls = [f for f in aisa.checks["null-value"]["examples"] if f["path"].startswith("messages")]
    tools = [f for f in aisa.checks["null-value"]["examples"] if f["path"].startswith("tools")]
    positive = [number for number, row in enumerate(aisa_rows, 1) if row["requires_function"]]
    assert len(positive) == 500
    assert [finding["line"] for finding in calls] == positive
    assert len(tools) == sum(len(row["tools_sampled"]) for row in aisa_rows) == 2180


def test_aisa_duplicate_query(aisa: ValidationResult) -> None:
    """One question is repeated."""
    (finding,) = aisa.checks["duplicate-query"]["examples"]
    assert finding["line"] == 521
    assert finding["message"].endswith("line 421")


def test_aisa_described_values(aisa: ValidationResult, aisa_rows: list[Row]) -> None:
    """Of 49 gold values whose parameter lists allowed values in prose, 35 are not in the list."""
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


def test_aisa_requires_nothing(aisa: ValidationResult, aisa_rows: list[Row]) -> None:
    """Every ``required`` is empty, so no argument is reported as missing."""
    assert {len(tool["function"]["parameters"]["required"]) for row in aisa_rows for tool in row["tools_sampled"]} == {
        0
    }
    assert _counts(aisa, "missing-argument") == (0, 0)


def test_aisa_reserved_name(aisa: ValidationResult, aisa_rows: list[Row]) -> None:
    """The parameter ``type`` of one tool, which the template drops, is reported in each row that offers the tool."""
    names = [tool["function"]["name"] for row in aisa_rows for tool in row["tools_sampled"]]
    assert _counts(aisa, "reserved-property-name") == (105, names.count("calculate_zakat")) == (105, 105)


def test_aisa_stored_text_is_ignored(aisa: ValidationResult, aisa_rows: list[Row]) -> None:
    """Checks use the messages, not the stored rendering, which has two developer turns."""
    assert sum(row["text"].count("<start_of_turn>developer") == 2 for row in aisa_rows) == 500
    assert all(sum(m["role"] == "developer" for m in row["messages"]) == 1 for row in aisa_rows)
    assert not aisa.checks.keys() & {"control-token-in-text", "missing-developer-turn"}


def test_aisa_ungrounded(aisa: ValidationResult, aisa_rows: list[Row]) -> None:
    """247 values in 178 rows, codes and dates, are not in the question."""
    assert _counts(aisa, "ungrounded-argument") == (178, 247)
    for finding in aisa.checks["ungrounded-argument"]["examples"]:
        row = aisa_rows[finding["line"] - 1]
        query = "".join(m["content"] for m in row["messages"] if m["role"] != "assistant")
        call = row["messages"][2]["tool_calls"][0]["function"]
        assert str(call["arguments"][finding["path"].rsplit(".", 1)[-1]]) not in query


@pytest.mark.parametrize("name, rows, valid", [("simple_python", 400, 398), ("parallel", 200, 200)])
def test_bfcl_is_read_whole(bfcl: Callable[[str], ValidationResult], name: str, rows: int, valid: int) -> None:
    """Every question is joined with its answers; two rows contradict their own tool."""
    result = bfcl(name)
    assert (result.rows, result.valid) == (rows, valid)
    assert _counts(result, "type-name")[0] == rows
    assert not result.checks.keys() & {"unreadable-row", "unknown-layout", "invalid-record", "invalid-tool-schema"}


def test_bfcl_errors(bfcl: Callable[[str], ValidationResult]) -> None:
    """The accepted answers have two errors: a missing argument and an unknown tool."""
    checks = bfcl("simple_python").checks
    found = [checks[code]["examples"][0] for code in ("missing-argument", "unknown-tool")]
    assert [f["id"] for f in found] == ["simple_python_200", "simple_python_363"]
    assert "'fuel_efficiency'" in found[0]["message"]
    assert "'find_closest'" in found[1]["message"]


@pytest.mark.parametrize("name, rows, values, texts", [("simple_python", 291, 516, 465), ("parallel", 114, 452, 437)])
def test_bfcl_ungrounded(
    bfcl: Callable[[str], ValidationResult], name: str, rows: int, values: int, texts: int
) -> None:
    """The questions are Arabic and the accepted values English, so most text values are ungrounded."""
    result = bfcl(name)
    assert _counts(result, "ungrounded-argument") == (rows, values)
    messages = [finding["message"] for finding in result.checks["ungrounded-argument"]["examples"]]
    quoted = [message for message in messages if message[0] in "'\""]
    assert len(quoted) == texts
    assert sum(bool(LETTER.search(message)) for message in quoted) == 0


def test_bfcl_dotted_names(bfcl: Callable[[str], ValidationResult], shared_data: Path) -> None:
    """Tool names with dots are matched with their declarations; only one wrong answer names an unknown tool."""
    text = (shared_data / "bfcl_ar" / "BFCL_v4_simple_python.json").read_text(encoding="utf-8")
    assert len(re.findall(r'"name": "[^"]*\.[^"]*"', text)) > 100
    assert _counts(bfcl("simple_python"), "unknown-tool") == (1, 1)
    assert _counts(bfcl("parallel"), "unknown-tool") == (0, 0)


def test_bfcl_irrelevance_has_nothing_to_train_on(bfcl: Callable[[str], ValidationResult]) -> None:
    """Questions that no tool answers have no answer, so they are no training rows."""
    result = bfcl("irrelevance")
    assert (result.rows, result.valid) == (240, 0)
    assert _counts(result, "empty-answer") == (240, 240)
