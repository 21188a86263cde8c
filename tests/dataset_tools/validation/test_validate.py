"""Validation: its result, exit codes, annotations and completeness."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.bundled import dirty_path, sample_path
from dataset_tools.checks import catalogue
from dataset_tools.cli.text import github_annotations
from dataset_tools.executor.run import Work
from dataset_tools.validation.validate import ValidateOptions, ValidationResult, validate

Command = Callable[..., Any]


def _row(text: str, arguments: dict[str, Any], tools: int = 2) -> dict[str, Any]:
    """Return a record with one call of a tool that takes a city."""
    properties = {"city": {"type": "string", "description": "المدينة"}}
    names = ["get_weather", "get_time"][:tools]
    schema = {"type": "object", "properties": properties}
    call = {"type": "function", "function": {"name": "get_weather", "arguments": arguments}}
    return {
        "id": f"r-{text}",
        "messages": [
            {"role": "developer", "content": "You are a model"},
            {"role": "user", "content": text},
            {"role": "assistant", "tool_calls": [call]},
        ],
        "tools": [{"type": "function", "function": {"name": name, "parameters": schema}} for name in names],
    }


def _write(path: Path, *rows: dict[str, Any] | str) -> Path:
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_shape_of_the_json_result(afg_data: Command) -> None:
    """The result has rows, valid, invalid, and for each check severity, rows, findings and examples."""
    run = afg_data("validate", dirty_path(), "--format", "json", "--examples", "2")
    result = json.loads(run.stdout)
    assert list(result) == ["rows", "valid", "invalid", "checks"]
    assert (result["rows"], result["valid"] + result["invalid"]) == (480, 480)
    assert list(result["checks"]) == sorted(result["checks"])
    for code, entry in result["checks"].items():
        assert list(entry) == ["severity", "rows", "findings", "examples"]
        assert entry["severity"] == catalogue()[code].severity
        assert 0 < entry["rows"] <= entry["findings"]
        assert len(entry["examples"]) == min(2, entry["findings"])
        for found in entry["examples"]:
            assert list(found) == ["file", "line", "id", "path", "message", "hint"]
            assert found["hint"]
    assert run.returncode == 1


def test_rows_of_a_check_are_distinct_records(tmp_path: Path) -> None:
    """Two findings in one record count as two findings and one row."""
    twice = _row("الطقس في جدة", {"city": "الدمام", "town": "أبها", "place": "تبوك"})
    result = validate([str(_write(tmp_path / "a.jsonl", twice, _row("وش الطقس في جدة", {"city": "جدة"})))])
    assert (result.rows, result.valid) == (2, 1)
    assert (result.checks["unknown-argument"]["rows"], result.checks["unknown-argument"]["findings"]) == (1, 2)
    assert (result.checks["ungrounded-argument"]["rows"], result.checks["ungrounded-argument"]["findings"]) == (1, 3)


def test_every_row_is_checked(tmp_path: Path) -> None:
    """Each row of each file is counted, readable or not, and is valid or invalid."""
    folder = tmp_path / "data"
    folder.mkdir()
    _write(folder / "a.jsonl", _row("كيف الطقس في صنعاء؟", {"city": "صنعاء"}), "{", '{"prompt": 1}', "")
    _write(
        folder / "b.jsonl", _row("شحال الحرارة فالرباط؟", {"city": "الرباط"}), {"id": "x", "messages": [], "tools": []}
    )
    result = validate([str(folder)], ValidateOptions(examples=-1))
    assert (result.rows, result.valid, result.invalid) == (5, 2, 3)
    assert {
        code: [(Path(f["file"]).name, f["line"]) for f in entry["examples"]] for code, entry in result.checks.items()
    } == {
        "unknown-layout": [("a.jsonl", 3)],
        "unreadable-row": [("a.jsonl", 2), ("b.jsonl", 2)],
    }


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_do_not_change_the_result(workers: int) -> None:
    """Counts, examples and their order are the same for any number of processes."""
    alone, together = (
        validate([str(dirty_path())], ValidateOptions(work=Work(workers=count)), shard_bytes=200_000)
        for count in (1, workers)
    )
    assert json.dumps(alone.as_json()) == json.dumps(together.as_json())


@pytest.mark.parametrize("shard_bytes", [1, 50_000])
def test_shards_do_not_change_the_result(shard_bytes: int) -> None:
    """The size of shards does not change the findings or their order."""
    whole = validate([str(dirty_path())])
    cut = validate([str(dirty_path())], shard_bytes=shard_bytes)
    assert json.dumps(cut.as_json()) == json.dumps(whole.as_json())


@pytest.mark.parametrize(
    "tools,level,code",
    [(2, "error", 0), (2, "warning", 0), (1, "error", 0), (1, "warning", 1)],
)
def test_the_exit_code_follows_the_level(afg_data: Command, tmp_path: Path, tools: int, level: str, code: int) -> None:
    """A warning fails a run only with --fail-on warning."""
    path = _write(tmp_path / "a.jsonl", _row("الطقس في جدة", {"city": "جدة"}, tools))
    run = afg_data("validate", path, "--fail-on", level)
    assert (run.returncode, run.stderr) == (code, "")
    assert ("single-tool" in run.stdout) == (tools == 1)


def test_exit_codes_of_findings_and_missing_files(afg_data: Command, tmp_path: Path) -> None:
    """An error gives exit code 1, an unreadable file 2."""
    path = _write(tmp_path / "a.jsonl", _row("الطقس في جدة", {"town": "جدة"}))
    assert afg_data("validate", path).returncode == 1
    assert afg_data("validate", tmp_path / "b.jsonl").returncode == 2


@pytest.mark.parametrize("name", ["city[b", "city[", "city[0", "city[]", "city]", "[", "]", "city.", "", "city[b]c"])
def test_brackets_in_an_argument_name(name: str, tmp_path: Path) -> None:
    """A name that looks like a path is an unknown argument."""
    row = _row("وش الطقس في جدة", {name: 3.0, "city": "جدة"})
    result = validate([str(_write(tmp_path / "a.jsonl", row))])
    found = [example["path"] for example in result.checks["unknown-argument"]["examples"]]
    assert found == [f"messages[2].tool_calls[0].function.arguments.{name}"]


def test_text_output(afg_data: Command) -> None:
    """Errors come before warnings, each with file, line, id, path and repair."""
    text = afg_data("validate", dirty_path()).stdout
    assert "dirty.jsonl:12 sample-0012 messages[2].tool_calls[0].function.arguments.target_name" in text
    assert "→ afg-data clean repairs it" in text
    assert "480 rows: 307 valid, 173 invalid; " in text
    severities = [line.split()[0] for line in text.splitlines() if line.startswith(("error", "warning"))]
    assert severities == sorted(severities)


def test_text_output_of_a_clean_file(afg_data: Command) -> None:
    """Without findings only the summary is printed."""
    run = afg_data("validate", sample_path())
    assert run.stdout.splitlines() == ["480 rows: 480 valid, 0 invalid; 0 checks with errors, 0 with warnings"]


def test_annotations_are_escaped() -> None:
    """Percent and line ends are escaped in messages, and colon and comma in file names."""
    found = {
        "file": "a,b:c%.jsonl",
        "line": 3,
        "id": "",
        "path": "messages[0]",
        "message": "٥٠%\r\nجدة: a,b",
        "hint": "",
    }
    whole = {"file": "", "line": 0, "id": "", "path": "tools", "message": "كل الصفوف", "hint": ""}
    result = ValidationResult(1, 0, {
        "tatweel": {"severity": "warning", "rows": 1, "findings": 1, "examples": [found]},
        "unknown-tool": {"severity": "error", "rows": 1, "findings": 1, "examples": [whole]},
    })  # fmt: skip
    assert list(github_annotations(result)) == [
        "::warning file=a%2Cb%3Ac%25.jsonl,line=3,title=tatweel::messages[0]: ٥٠%25%0D%0Aجدة: a,b",
        "::error title=unknown-tool::tools: كل الصفوف",
    ]


def test_every_finding_is_annotated(afg_data: Command) -> None:
    """The output for GitHub has one line per finding and no other."""
    result = validate([str(dirty_path())])
    lines = afg_data("validate", dirty_path(), "--format", "github").stdout.splitlines()
    assert len(lines) == sum(entry["findings"] for entry in result.checks.values())
    assert all(line.startswith(("::error ", "::warning ")) for line in lines)


def test_rows_that_are_nested_too_deeply(tmp_path: Path) -> None:
    """JSON text may hide nesting that cannot be written again; that is a finding."""
    row = _row("الطقس في جدة", {})
    row["messages"][2]["tool_calls"][0]["function"]["arguments"] = '{"city":' + "[" * 900 + "]" * 900 + "}"
    result = validate([str(_write(tmp_path / "a.jsonl", row))])
    assert result.invalid == 1
    assert "nested deeper than" in result.checks["unreadable-row"]["examples"][0]["message"]
