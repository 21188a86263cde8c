"""Differences that the data view reports, and wording that it ignores."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tools.data_view import compare, entry_of, rows_of

REJECT = {"file": "raw.jsonl", "line": 2, "code": "duplicate", "reason": "a", "hint": "b", "row": {"reason": "c"}}


def _entry(folder: Path, name: str, content: Any) -> dict[str, Any]:
    file = folder / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(content), file)
    else:
        text = json.dumps(content) if name.endswith(".json") else "".join(f"{json.dumps(row)}\n" for row in content)
        file.write_text(text, encoding="utf-8")
    return entry_of(file, name, {str(folder): "WORK"})


def _compared(folder: Path, name: str, before: Any, after: Any) -> list[str]:
    entries = [_entry(folder, name, content) for content in (before, after)]
    old, new = ({"codes": {}, "files": {name: entry}} for entry in entries)
    return compare(old, new)


@pytest.mark.parametrize(
    "name, before, after",
    [
        ("rejects.jsonl", [REJECT], [REJECT | {"reason": "other", "hint": ""}]),
        ("parsed.jsonl", [{"id": "a", "warnings": ["one"]}], [{"id": "a", "warnings": ["other"]}]),
        ("clean.report.json", {"version": "0.1.0", "rows_in": 1}, {"version": "0.2.0", "rows_in": 1}),
        ("manifest.json", {"rejects": {"bytes": 1, "sha256": "a"}}, {"rejects": {"bytes": 2, "sha256": "b"}}),
    ],
)
def test_wording_and_versions_may_differ(tmp_path: Path, name: str, before: Any, after: Any) -> None:
    """Sentences, versions and the checksum of a file of sentences are no difference."""
    assert _compared(tmp_path, name, before, after) == []


@pytest.mark.parametrize(
    "name, before, after, place",
    [
        ("records.jsonl", [{"id": "a"}, {"id": "b"}], [{"id": "a"}, {"id": "c"}], "row 2 (2 rows before, 2 after)"),
        ("records.jsonl", [{"id": "a"}], [{"id": "a"}, {"id": "b"}], "row 2 (1 rows before, 2 after)"),
        ("data.parquet", [{"labels": [1, 2]}], [{"labels": [1, 3]}], "row 1 (1 rows before, 1 after)"),
        ("rejects.jsonl", [REJECT], [REJECT | {"code": "other"}], "row 1 (1 rows before, 1 after)"),
        ("rejects.jsonl", [REJECT], [REJECT | {"row": {"reason": "d"}}], "row 1 (1 rows before, 1 after)"),
        ("parsed.jsonl", [{"warnings": ["a"]}], [{"warnings": ["a", "b"]}], "row 1 (1 rows before, 1 after)"),
        ("stats.json", {"calls": {"total": 1}}, {"calls": {"total": 1.0}}, "calls.total"),
    ],
)
def test_each_difference_has_its_place(tmp_path: Path, name: str, before: Any, after: Any, place: str) -> None:
    """A changed value of the data is a difference, with the row or the path of the first one."""
    assert _compared(tmp_path, name, before, after) == [f"{name}: first at {place}"]


def test_key_order_is_data(tmp_path: Path) -> None:
    """Rows with the same values in another order of keys differ in bytes."""
    assert _compared(tmp_path, "records.jsonl", [{"a": 1, "b": 2}], [{"b": 2, "a": 1}])


def test_a_column_type_is_data(tmp_path: Path) -> None:
    """Parquet files with equal values and other types differ."""
    file = tmp_path / "data.parquet"
    entries = []
    for kind in (pa.int32(), pa.int64()):
        pq.write_table(pa.table({"labels": pa.array([1], kind)}), file)
        entries.append(entry_of(file, file.name, {}))
    old, new = ({"codes": {}, "files": {file.name: entry}} for entry in entries)
    assert compare(old, new) == ["data.parquet: another schema (1 rows before, 1 after)"]


def test_output_folders_may_differ(tmp_path: Path) -> None:
    """The absolute path of the output folder has the same name in each recording."""
    entries = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        entries.append(_entry(tmp_path / name, "build.json", {"inputs": [str(tmp_path / name / "data")]}))
    assert entries[0] == entries[1]
    assert rows_of(entries[0]) == 1


def test_codes_and_missing_files_are_differences() -> None:
    """An exit code, a file that is gone and a file that is new each have a line."""
    before = {"codes": {"import": 0}, "files": {"a.jsonl": {"sha256": "", "marks": ""}}}
    after = {"codes": {"import": 2}, "files": {"b.jsonl": {"sha256": "", "marks": ""}}}
    assert compare(before, after) == [
        "import: exit code 0 before, 2 after",
        "only before: a.jsonl",
        "only after: b.jsonl",
    ]


def test_headings_of_shown_samples_may_differ(tmp_path: Path) -> None:
    """Of the first and the last line of a sample, only the numbers are data."""
    views = []
    for heading, middle in (("row 5 of 9", "<bos>one"), ("sample 5 / 9", "<bos>one"), ("row 5 of 9", "<bos>two")):
        file = tmp_path / "show.txt"
        file.write_text(f"{heading}\n{middle}\n7 tokens, 2 trained\n", encoding="utf-8")
        views.append(entry_of(file, file.name, {}))
    assert views[0] == views[1]
    assert views[0] != views[2]
