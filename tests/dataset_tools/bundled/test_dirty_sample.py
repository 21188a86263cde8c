"""Defects of the dirty sample: each is found, and repaired exactly or kept with a reason."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.bundled import defects_path, dirty_path, sample_path
from dataset_tools.cleaning.clean import clean, import_data
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.validation.validate import ValidateOptions, ValidationResult, validate
from schemas.record import Message

DEFECTS: list[dict[str, Any]] = json.loads(defects_path().read_text(encoding="utf-8"))
REPAIRABLE = [defect for defect in DEFECTS if defect["repairable"]]
LASTING = [defect for defect in DEFECTS if not defect["repairable"]]
MESSAGE = tuple(Message.__annotations__)
UNREADABLE = {"broken-json", "duplicate-key", "unknown-layout"}
COUNTS = {
    "argument-enum": 23,
    "argument-type": 16,
    "arguments-encoded": 24,
    "bidi-control": 24,
    "control-token-in-text": 8,
    "duplicate-query": 8,
    "duplicate-tool": 8,
    "empty-answer": 8,
    "enum-in-description": 8,
    "escaped-unicode": 16,
    "exotic-space": 15,
    "farsi-letters": 8,
    "integer-as-float": 8,
    "invalid-tool-schema": 8,
    "missing-argument": 8,
    "missing-developer-turn": 8,
    "missing-wrapper": 8,
    "mixed-script-argument": 8,
    "mojibake": 40,
    "not-nfc": 8,
    "null-value": 16,
    "presentation-form": 8,
    "reserved-property-name": 8,
    "result-encoded": 8,
    "single-tool": 8,
    "tatweel": 8,
    "type-name": 8,
    "unanswered-call": 8,
    "ungrounded-argument": 52,
    "unknown-argument": 8,
    "unknown-layout": 8,
    "unknown-tool": 8,
    "unreadable-row": 16,
    "unsupported-schema-keyword": 10,
    "zero-width": 27,
}
INVALID = 173


def _name(defect: dict[str, Any]) -> str:
    return f"{defect['defect']}-{defect['line']}"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def _ordered(line: str) -> str:
    """Return the line of a record, with the keys of its messages in the order of the record type."""
    record = json.loads(line)
    record["messages"] = [{key: m[key] for key in MESSAGE if key in m} for m in record["messages"]]
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


@cache
def _found() -> ValidationResult:
    return validate([str(dirty_path())], ValidateOptions(examples=-1))


def _findings(result: ValidationResult, check: str, line: int) -> list[str]:
    """Return the paths of the findings of a check in one row."""
    return [found["path"] for found in result.checks.get(check, {"examples": []})["examples"] if found["line"] == line]


@pytest.fixture(scope="module", params=["clean", "import then clean"])
def cleaned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the cleaned dirty sample, directly and after an import: records, rejects, trace."""
    folder = tmp_path_factory.mktemp("cleaned")
    source, rules = dirty_path(), set[str]()
    if request.param != "clean":
        source = folder / "records.jsonl"
        outputs = Outputs(source, folder / "refused.jsonl", trace=folder / "import.jsonl")
        rules.update(import_data([str(dirty_path())], outputs).rules)
    outputs = Outputs(folder / "clean.jsonl", folder / "rejects.jsonl", trace=folder / "trace.jsonl")
    rules.update(clean([str(source)], outputs).rules)
    (folder / "rules.json").write_text(json.dumps(sorted(rules)), encoding="utf-8")
    return folder


def _rows(folder: Path) -> dict[str, str]:
    """Return the lines of the cleaned file by id."""
    return {json.loads(line)["id"]: line for line in _lines(folder / "clean.jsonl")}


def _changes(folder: Path) -> Iterator[dict[str, Any]]:
    for name in ("trace.jsonl", "import.jsonl"):
        if (folder / name).exists():
            yield from map(json.loads, _lines(folder / name))


def _rejects(folder: Path) -> dict[int, dict[str, Any]]:
    """Return the rejected rows by their line in the dirty sample."""
    files = [folder / name for name in ("rejects.jsonl", "refused.jsonl") if (folder / name).exists()]
    return {reject["line"]: reject for file in files for reject in map(json.loads, _lines(file))}


@pytest.mark.parametrize("defect", DEFECTS, ids=_name)
def test_each_defect_is_found_at_its_place(defect: dict[str, Any]) -> None:
    """The check reports the line, with the path, a part of it, or a parent."""
    paths = _findings(_found(), defect["check"], defect["line"])
    assert any(path.startswith(defect["path"]) or defect["path"].startswith(path) for path in paths), paths


def test_the_clean_sample_has_no_findings() -> None:
    """The clean sample has no finding, not even a warning."""
    result = validate([str(sample_path())])
    assert (result.rows, result.valid, result.checks) == (480, 480, {})


def test_the_counts_of_the_dirty_sample() -> None:
    """Each check finds the rows damaged for it, and those affected by other damage."""
    result = _found()
    assert {code: entry["rows"] for code, entry in result.checks.items()} == COUNTS
    assert (result.rows, result.valid, result.invalid) == (480, 480 - INVALID, INVALID)


def test_undamaged_rows_have_no_findings() -> None:
    """No check reports an undamaged row."""
    damaged = {defect["line"] for defect in DEFECTS}
    for code, entry in _found().checks.items():
        assert {found["line"] for found in entry["examples"]} - damaged <= {0}, code


def test_each_repairable_defect_is_repaired_exactly(cleaned: Path) -> None:
    """The row is that of the clean sample, byte for byte, and report and trace have the rule."""
    sample, rows = _lines(sample_path()), _rows(cleaned)
    traced = {(change["id"], change["rule"]) for change in _changes(cleaned)}
    reported = json.loads((cleaned / "rules.json").read_text(encoding="utf-8"))
    for defect in REPAIRABLE:
        assert rows[defect["id"]] == _ordered(sample[defect["line"] - 1]), _name(defect)
        assert (defect["id"], defect["rule"]) in traced, _name(defect)
        assert defect["rule"] in reported


def test_each_lasting_defect_is_reported(cleaned: Path) -> None:
    """The row is rejected, or validation of the cleaned file still finds the defect."""
    left = validate([str(cleaned / "clean.jsonl")], ValidateOptions(examples=-1))
    rejects = _rejects(cleaned)
    places = {json.loads(line)["id"]: place for place, line in enumerate(_lines(cleaned / "clean.jsonl"), start=1)}
    for defect in LASTING:
        if defect["defect"] in UNREADABLE:
            assert rejects[defect["line"]]["code"] == defect["check"], _name(defect)
            assert rejects[defect["line"]]["reason"], _name(defect)
        else:
            assert _findings(left, defect["check"], places[defect["id"]]), _name(defect)


def test_only_unreadable_rows_are_rejected(cleaned: Path) -> None:
    """The rejects are exactly the rows without a record, in order."""
    lines = [defect["line"] for defect in DEFECTS if defect["defect"] in UNREADABLE]
    assert sorted(_rejects(cleaned)) == sorted(lines)
    assert len(_rows(cleaned)) == 480 - len(lines)


def test_undamaged_rows_are_unchanged(cleaned: Path) -> None:
    """Rows without a defect, or with one for a person to repair, are unchanged byte for byte."""
    rows, dirty = _rows(cleaned), _lines(dirty_path())
    repaired = {defect["line"] for defect in REPAIRABLE} | set(_rejects(cleaned))
    for line, text in enumerate(dirty, start=1):
        if line not in repaired:
            assert rows[json.loads(text)["id"]] == _ordered(text), line


def test_no_repairable_defect_is_left(cleaned: Path) -> None:
    """After cleaning, only lasting defects and their consequences are found."""
    left = validate([str(cleaned / "clean.jsonl")], ValidateOptions(examples=-1))
    lasting = {defect["id"] for defect in LASTING}
    for code, entry in left.checks.items():
        assert {found["id"] for found in entry["examples"]} - lasting <= {""}, code
