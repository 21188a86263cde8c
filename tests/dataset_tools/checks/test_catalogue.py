"""Every check of the catalogue, on rows with its defect and on near misses."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.checks import Severity, catalogue
from dataset_tools.validation.validate import ValidateOptions, validate

EXAMPLES = Path(__file__).parent / "examples"
Rows = list[dict[str, Any]]

ERRORS = {
    "argument-constraint", "argument-enum", "argument-type", "control-token-in-text", "empty-answer",
    "escaped-unicode", "inexact-result", "invalid-record", "invalid-tool-schema", "lost-letters", "missing-argument",
    "mojibake", "unanswered-call", "undecodable-text", "unknown-argument", "unknown-layout", "unknown-tool",
    "unreadable-row",
    "visual-order",
}  # fmt: skip
WARNINGS = {
    "argument-described-enum", "arguments-encoded", "bidi-control", "control-character", "dialect-imbalance",
    "duplicate-query", "duplicate-tool", "enum-in-description", "escape-in-text", "exotic-space", "farsi-letters",
    "gold-tool-position", "integer-as-float", "look-alike-letter", "missing-developer-turn", "missing-wrapper",
    "mixed-script-argument", "mixed-script-parameter", "negative-ratio", "never-called-tool", "not-nfc", "null-value",
    "presentation-form", "reserved-property-name", "result-encoded", "single-tool", "tatweel", "type-name",
    "ungrounded-argument", "unsupported-schema-keyword", "zero-width",
}  # fmt: skip
# Reported before there is a record, so without a path into one.
WITHOUT_RECORD = {"unreadable-row", "unknown-layout"}


def _tool(name: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"city": {"type": "string", "description": "المدينة"}}}
    return {"type": "function", "function": {"name": name, "description": "أداة", "parameters": parameters}}


def _rows(count: int, change: Callable[[int, dict[str, Any]], None] = lambda _, __: None) -> Rows:
    """Return a dataset without dataset-wide defects: four tools called in turn, every fifth row without a call."""
    names = ["get_weather", "find_mosque", "find_hotel", "get_prayer_times"]
    dialects = ["msa", "gulf", "egyptian", "levantine", "maghrebi"]
    rows = []
    for number in range(count):
        # The called tool is at each position equally often.
        call = {"name": names[number % 4], "arguments": {"city": "جدة"}}
        answer = {"role": "assistant", "tool_calls": [{"type": "function", "function": call}]}
        refusal = {"role": "assistant", "content": "ما أقدر أساعدك في هذا الطلب"}
        row = {
            "id": f"row-{number}",
            "messages": [
                {"role": "developer", "content": "You are a model that can do function calling"},
                {"role": "user", "content": f"السؤال رقم {number}: شو في بجدة، جدة البلد؟"},
                refusal if number % 5 == 0 else answer,
            ],
            "tools": [_tool(name) for name in names],
            "dialect": dialects[number % len(dialects)],
        }
        change(number, row)
        rows.append(copy.deepcopy(row))
    return rows


def _called(row: dict[str, Any]) -> dict[str, Any]:
    function: dict[str, Any] = row["messages"][2].get("tool_calls", [{"function": {}}])[0]["function"]
    return function


def _put_first(number: int, row: dict[str, Any]) -> None:
    del number
    row["tools"].sort(key=lambda tool: tool["function"]["name"] != _called(row).get("name"))


def _first_of_two(number: int, row: dict[str, Any]) -> None:
    _put_first(number, row)
    del row["tools"][2:]


def _offer_unused(number: int, row: dict[str, Any]) -> None:
    row["tools"].insert(number % 5, _tool("cancel_flight"))


def _make_msa(number: int, row: dict[str, Any]) -> None:
    row["dialect"] = "maghrebi" if number == 1 else "msa"


def _half_dialect(number: int, row: dict[str, Any]) -> None:
    row["dialect"] = "msa" if number % 6 else "gulf"


def _answer_in_words(number: int, row: dict[str, Any]) -> None:
    if number % 3:
        row["messages"][2] = {"role": "assistant", "content": f"ما أقدر، الطلب {number}"}


def _repeat(number: int, row: dict[str, Any]) -> None:
    if number == 1:
        row["messages"][1]["content"] = "ما الطقس في جدة؟"
    if number == 30:
        row["messages"][1]["content"] = "ما الطَّقس في جده"


def _latin(number: int, row: dict[str, Any]) -> None:
    if number % 4 == 1 and number % 5 and number % 8 == 1:
        _called(row)["arguments"]["city"] = "Jeddah"


def _latin_names(number: int, row: dict[str, Any]) -> None:
    if number % 4 == 1 and number % 5:
        _called(row)["arguments"]["city"] = "Jeddah"


def _ask_nothing(number: int, row: dict[str, Any]) -> None:
    if number < 6:
        del row["messages"][1]


# check -> rows with the defect, near misses, and the expected findings (line 0: the dataset)
BUILT: dict[str, tuple[Rows, list[Rows], list[tuple[int, str, str]]]] = {
    "gold-tool-position": (
        _rows(50, _put_first),
        [_rows(50), _rows(30, _put_first)],
        [(0, "tools", "the called tool is first in 40 of 40 rows; 10 expected by chance")],
    ),
    "never-called-tool": (
        _rows(40, _offer_unused),
        [_rows(40), _rows(29, _offer_unused)],
        [(0, "tools", "'cancel_flight' is offered in 40 rows and never called")],
    ),
    "dialect-imbalance": (
        _rows(40, _make_msa),
        [_rows(40), _rows(29, _make_msa), _rows(60, _half_dialect)],
        [(0, "dialect", "rows of 'maghrebi': 1; of 'msa': 39")],
    ),
    "negative-ratio": (
        _rows(60, _answer_in_words),
        [_rows(60), _rows(29, _answer_in_words)],
        [(0, "messages", "44 of 60 rows have no call (73.3%)")],
    ),
    "duplicate-query": (
        _rows(40, _repeat),
        [_rows(40), _rows(40, _ask_nothing)],
        [(31, "messages", "the same question is in line 2")],
    ),
    "mixed-script-parameter": (
        _rows(200, _latin),
        [_rows(200), _rows(200, _latin_names), _rows(100, _latin)],
        [(0, "arguments", "find_mosque.city: 20 Arabic and 20 Latin values")],
    ),
}

# The first finding in fail.jsonl: line, path, message.
EXACT: dict[str, tuple[int, str, str]] = {
    "unknown-argument": (
        1,
        "messages[2].tool_calls[0].function.arguments.town",
        "get_weather has no argument 'town'; declared: city, days, unit",
    ),
    "missing-argument": (
        1,
        "messages[2].tool_calls[0].function.arguments",
        "get_weather: 'city' is a required property",
    ),
    "argument-type": (1, "messages[2].tool_calls[0].function.arguments.amount", "'٥٠٠' is not of type 'number'"),
    "argument-enum": (
        1,
        "messages[2].tool_calls[0].function.arguments.office",
        "'الاحوال المدنية' is not one of ['الجوازات', 'المرور', 'الأحوال المدنية']",
    ),
    "argument-constraint": (
        1,
        "messages[2].tool_calls[0].function.arguments.passengers",
        "0 is less than the minimum of 1",
    ),
    "argument-described-enum": (
        1,
        "messages[2].tool_calls[0].function.arguments.deceased_gender",
        "'ذكر' is not in the description's list: male, female",
    ),
    "arguments-encoded": (
        1,
        "messages[2].tool_calls[0].function.arguments",
        """the arguments are text, not an object: '{"city": "جدة"}'""",
    ),
    "result-encoded": (1, "messages[3].content", """the result is text, not an object: '{"temp": 31}'"""),
    "inexact-result": (1, "messages[3].content", "a result with the keys name and response (rename one of them)"),
    "null-value": (1, "messages[2].tool_calls[0].function.arguments.days", "a null argument"),
    "integer-as-float": (
        1,
        "messages[2].tool_calls[0].function.arguments.days",
        "3.0 is a float; the tool declares an integer",
    ),
    "ungrounded-argument": (
        1,
        "messages[2].tool_calls[0].function.arguments.city",
        "'الرياض' is not mentioned before the call",
    ),
    "unknown-tool": (
        1,
        "messages[2].tool_calls[0].function.name",
        "'get_wether' is not offered; offered: get_weather, find_mosque",
    ),
    "unanswered-call": (1, "messages[3]", "1 call has no result before this user turn"),
    "empty-answer": (1, "messages[2].content", "the answer has neither text nor a call"),
    "missing-developer-turn": (1, "messages[0]", "the first turn has the role 'user'"),
    "control-token-in-text": (1, "messages[1].content", "<end_of_turn> at character 13"),
    "tatweel": (1, "messages[1].content", "U+0640 U+0640 U+0640 in 'ف الطقس في جـــدة؟'"),
    "zero-width": (1, "messages[1].content", r"U+200B in ' الطقس في جد\u200bة؟'"),
    "invalid-tool-schema": (
        1,
        "tools[0].function.parameters.properties.city.type",
        "\"strin\" is not valid under any of the schemas listed in the 'anyOf' keyword",
    ),
    "type-name": (
        1,
        "tools[0].function.parameters.type",
        "'dict' is not a JSON Schema type; use 'object'",
    ),
    "missing-wrapper": (1, "tools[0]", "the tool has no function wrapper"),
    "reserved-property-name": (
        1,
        "tools[0].function.parameters.properties.type",
        "the template drops a parameter named 'type'",
    ),
    "unsupported-schema-keyword": (
        1,
        "tools[0].function.parameters.properties.v.anyOf",
        "the template renders an empty type for anyOf",
    ),
    "invalid-record": (1, "messages[3]", "'name' is a required property"),
}

FIELD = re.compile(r"\[(\d+)\]|\.?([^.\[]+)")


def _findings(path: Path, code: str) -> list[dict[str, Any]]:
    checks = validate([str(path)], ValidateOptions(examples=-1)).checks
    found: list[dict[str, Any]] = checks[code]["examples"] if code in checks else []
    return found


def _write(path: Path, rows: Rows) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    return path


def _resolve(value: Any, path: str) -> Any:
    for position, name in FIELD.findall(path):
        value = value[int(position)] if position else value[name]
    return value


def _in_record_form(line: str) -> Any:
    """Return the row with each tool in its wrapper, as paths expect."""
    row = json.loads(line)
    wrapped = [tool if "function" in tool else {"type": "function", "function": tool} for tool in row["tools"]]
    return row | {"tools": wrapped}


@pytest.mark.parametrize("code", catalogue())
def test_facts_of_each_check(code: str) -> None:
    """A check has a code in kebab case, a meaning of one line, a reason, an example and a repair."""
    check = catalogue()[code]
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
    assert check.code == code
    for text in (check.meaning, check.why, check.example):
        assert text.strip() == text
        assert text
        assert "\n" not in text
    assert not check.meaning.endswith(".")
    assert check.repair


def test_severities_are_pinned() -> None:
    """Severities decide which rows are invalid: a change is deliberate, not a side effect."""
    errors = {code for code, check in catalogue().items() if check.severity is Severity.ERROR}
    assert errors == ERRORS
    assert catalogue().keys() - errors == WARNINGS
    assert list(catalogue()) == sorted(catalogue())


def test_every_check_has_examples() -> None:
    """Every check has rows that fail and rows that pass, and no examples are stale."""
    stored = {folder.name for folder in EXAMPLES.iterdir()}
    assert stored | BUILT.keys() == catalogue().keys()
    assert not stored & BUILT.keys()
    for code in stored:
        for name in ("fail.jsonl", "pass.jsonl"):
            assert len((EXAMPLES / code / name).read_text(encoding="utf-8").splitlines()) >= 3, (code, name)


@pytest.mark.parametrize("code", sorted(catalogue().keys() - BUILT.keys()))
def test_fail_examples_have_the_defect(code: str) -> None:
    """Each line of fail.jsonl has a finding, with a message and a path that exists in the record."""
    file = EXAMPLES / code / "fail.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    found = _findings(file, code)
    assert {finding["line"] for finding in found} == set(range(1, len(lines) + 1))
    for finding in found:
        assert finding["message"].strip()
        assert finding["hint"].strip()
        if code not in WITHOUT_RECORD:
            assert finding["id"] == f"{code}-fail-{finding['line']}"
            _resolve(_in_record_form(lines[finding["line"] - 1]), finding["path"])


@pytest.mark.parametrize("code", sorted(catalogue().keys() - BUILT.keys()))
def test_pass_examples_do_not_have_the_defect(code: str) -> None:
    """The near misses of pass.jsonl are readable rows without a finding of the check."""
    file = EXAMPLES / code / "pass.jsonl"
    result = validate([str(file)], ValidateOptions(examples=-1))
    assert code not in result.checks, result.checks[code]["examples"]
    assert not result.checks.keys() & {"unreadable-row", "unknown-layout", "invalid-record"}


@pytest.mark.parametrize("code", EXACT)
def test_message_of_a_finding(code: str) -> None:
    """The place and the message of a finding."""
    first = _findings(EXAMPLES / code / "fail.jsonl", code)[0]
    assert (first["line"], first["path"], first["message"]) == EXACT[code]


@pytest.mark.parametrize("code", BUILT)
def test_dataset_checks(code: str, tmp_path: Path) -> None:
    """A dataset check reports rows with the defect, and not the near misses."""
    bad, misses, expected = BUILT[code]
    found = _findings(_write(tmp_path / "bad.jsonl", bad), code)
    assert [(finding["line"], finding["path"], finding["message"]) for finding in found] == expected
    for number, rows in enumerate(misses):
        assert _findings(_write(tmp_path / f"{number}.jsonl", rows), code) == []


@pytest.mark.parametrize("code", BUILT)
def test_dataset_checks_merge(code: str, tmp_path: Path) -> None:
    """The same rows in one file and in three files give the same findings."""
    rows = BUILT[code][0]
    third = len(rows) // 3
    for number in range(3):
        stop = len(rows) if number == 2 else (number + 1) * third
        _write(tmp_path / f"part-{number}.jsonl", rows[number * third : stop])
    found = _findings(tmp_path, code)
    if code == "duplicate-query":
        assert [(f["file"], f["message"]) for f in found] == [
            (str(tmp_path / "part-2.jsonl"), f"the same question is in {tmp_path / 'part-0.jsonl'} line 2")
        ]
    else:
        assert [(finding["path"], finding["message"]) for finding in found] == [e[1:] for e in BUILT[code][2]]


def test_gold_position_of_two_tools(tmp_path: Path) -> None:
    """With two tools, twice the expected half is impossible; always the first is still reported."""
    rows = [row for row in _rows(60, _first_of_two) if _called(row)]
    found = _findings(_write(tmp_path / "two.jsonl", rows), "gold-tool-position")
    assert [finding["path"] for finding in found] == ["tools"]
    assert "48 of 48" in found[0]["message"]


def test_negative_ratio_of_calls_alone(tmp_path: Path) -> None:
    """A dataset in which every row has a call is as unbalanced as one with few calls."""
    rows = [row for row in _rows(60) if _called(row)]
    found = _findings(_write(tmp_path / "calls.jsonl", rows), "negative-ratio")
    assert [finding["path"] for finding in found] == ["messages"]
    assert "0 of 48" in found[0]["message"]


def test_no_rows_at_all(tmp_path: Path) -> None:
    """Without a readable row, dataset checks report nothing."""
    file = tmp_path / "broken.jsonl"
    file.write_text("[]\n[]\n", encoding="utf-8")
    assert validate([str(file)]).checks.keys() == {"unreadable-row"}


def test_deep_arguments_do_not_stop_the_run(tmp_path: Path) -> None:
    """A row nested deeper than Python recurses is invalid, and the next row is read."""
    rows = _rows(3)
    deep: Any = "جدة"
    for _ in range(900):
        deep = [deep]
    _called(rows[1])["arguments"]["city"] = deep
    result = validate([str(_write(tmp_path / "deep.jsonl", rows))])
    assert (result.rows, result.valid) == (3, 2)


def test_findings_have_one_order(tmp_path: Path) -> None:
    """Several unknown arguments are reported in the order of the call."""
    rows = _rows(2)
    _called(rows[1])["arguments"] |= dict.fromkeys(("zone", "town", "area", "quarter"), "جدة")
    found = _findings(_write(tmp_path / "order.jsonl", rows), "unknown-argument")
    assert [finding["path"].rsplit(".", 1)[-1] for finding in found] == ["zone", "town", "area", "quarter"]


def test_spelling_hint() -> None:
    """The hint names an allowed value that differs only in spelling."""
    hints = [finding["hint"] for finding in _findings(EXAMPLES / "argument-enum" / "fail.jsonl", "argument-enum")]
    assert hints[0] == "differs from the allowed 'الأحوال المدنية' only by hamza"
    assert hints[1] == "a person decides"


def test_number_hint() -> None:
    """The hint says that ``clean`` repairs a number written as text, but no other type."""
    hints = [finding["hint"] for finding in _findings(EXAMPLES / "argument-type" / "fail.jsonl", "argument-type")]
    assert hints == ["afg-data clean converts it to a number", *["a person decides"] * 3]
