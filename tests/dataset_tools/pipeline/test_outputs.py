"""Outputs that never replace an input, and bounded cost of untrusted files."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.arabic.numbers import exact_number
from dataset_tools.cleaning.clean import CleanOptions, clean
from dataset_tools.errors import InputError, RowError, UsageError
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.readers.shards import plan_shards
from dataset_tools.readers.sources import find_files
from dataset_tools.records.literals import decode_json
from dataset_tools.records.reading import ReadOptions
from dataset_tools.tool_schema.declaration import described_values
from dataset_tools.validation.validate import validate

ROW: dict[str, Any] = {
    "messages": [{"role": "user", "content": "أهلًا"}, {"role": "assistant", "content": "أهلًا بك"}],
    "tools": [],
}


def _write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_no_output_replaces_the_tools_file(tmp_path: Path) -> None:
    """A report with the name of the tools file is refused before any work."""
    data, tools = _write(tmp_path / "a.jsonl", ROW), _write(tmp_path / "tools.json", [])
    outputs = Outputs(tmp_path / "o.jsonl", tmp_path / "o.rejects.jsonl", report=tools)
    with pytest.raises(UsageError):
        clean([str(data)], outputs, CleanOptions(reading=ReadOptions(tools_file=tools)))
    assert tools.read_text(encoding="utf-8") == "[]\n"


def test_the_accepted_answers_are_an_input_too(tmp_path: Path) -> None:
    """The answers of BFCL are not overwritten."""
    question = {"id": "irrelevance_0", "question": [[{"role": "user", "content": "كم الساعة؟"}]], "function": []}
    data = _write(tmp_path / "BFCL_v4_irrelevance.json", question)
    answers = _write(tmp_path / "possible_answer_BFCL_v4_irrelevance.json", {"id": "x", "ground_truth": []})
    before = answers.read_bytes()
    with pytest.raises(UsageError):
        clean([str(data)], Outputs(tmp_path / "o.jsonl", tmp_path / "r.jsonl", report=answers))
    assert answers.read_bytes() == before


def test_a_named_file_for_rejects_is_written_even_when_empty(tmp_path: Path) -> None:
    """An empty rejects file says that this run rejected nothing."""
    data, rejects = _write(tmp_path / "a.jsonl", ROW), _write(tmp_path / "mine.jsonl", {"of": "an earlier run"})
    clean([str(data)], Outputs(tmp_path / "o.jsonl", rejects))
    assert rejects.read_bytes() == b""


@pytest.mark.parametrize("text", ["{'n': 1, 'n': 2}", "{1: 3, '1': 4}", '{"n":1,"n":2}'])
def test_a_repeated_key_in_arguments_is_refused(text: str) -> None:
    """A repeated key is refused in Python literals and JSON, because one value would be lost."""
    with pytest.raises(RowError, match=r"repeated key|duplicate key"):
        decode_json(text, [], "arguments")


def test_millions_of_tiny_rows_are_cut_into_shards(tmp_path: Path) -> None:
    """A small compressed file of many short lines becomes several shards."""
    path = tmp_path / "tiny.jsonl.gz"
    path.write_bytes(gzip.compress(b"{}\n" * 200_000))
    sizes = [len(shard.lines or ()) for shard in plan_shards(find_files([str(path)]))]
    assert sum(sizes) == 200_000
    assert max(sizes) < 30_000


@pytest.mark.parametrize("content", [b"\n\n  \n", b"\r\n"])
def test_a_file_without_rows_is_an_error(content: bytes, tmp_path: Path) -> None:
    """A file of blank lines only is an error."""
    path = tmp_path / "blank.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no row"):
        validate([str(path)])
    with pytest.raises(InputError, match="no row"):
        clean([str(path)], Outputs(tmp_path / "o.jsonl", tmp_path / "r.jsonl"))
    assert not (tmp_path / "o.jsonl").exists()


def test_the_error_names_the_file_without_rows(afg_data: Callable[..., Any], tmp_path: Path) -> None:
    """The error line names the file as given."""
    (tmp_path / "blank.jsonl").write_bytes(b"\n")
    for command in (["validate", "blank.jsonl"], ["clean", "blank.jsonl", "-o", "o.jsonl"]):
        done = afg_data(*command, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr == "afg-data: blank.jsonl: no rows: the input has blank lines only\n"


@pytest.mark.parametrize(
    "text, number",
    [
        ("٥٠٠", 500),
        ("٣٫٥", 3.5),
        ("1,500", 1500),
        ("١٬٥٠٠", 1500),
        ("2.0", 2.0),
        ("-7", -7),
        ("+966501234567", None),
        ("1.000", None),
        ("0.1000000000000000055511151231257827", None),
        ("0551234567", None),
    ],
)
def test_only_an_unambiguous_number_is_converted(text: str, number: float | None) -> None:
    """Phone numbers, ambiguous thousands separators and decimals that a double rounds stay text."""
    assert exact_number(text) == number


@pytest.mark.parametrize("end", ["b", ", b", " or b", "or, b"])
def test_spaces_in_a_list_of_values_are_read_once(end: str) -> None:
    """A million spaces in a description take linear time, not quadratic."""
    spaces = " " * 1_000_000
    values = described_values({"description": f"one of: a{spaces}{end}"})
    assert values == {"b": [f"a{spaces}b"], "or, b": [f"a{spaces}or", "b"]}.get(end, ["a", "b"])


@pytest.mark.parametrize(
    "listed, values",
    [
        ("a or , b", ["a", "b"]),
        ("a ,  or b أو c", ["a", "b", "c"]),
        ("a,or b", ["a", "b"]),
        ("a  or  or b", ["a", "or b"]),
    ],
)
def test_adjacent_separators_count_once(listed: str, values: list[str]) -> None:
    """A comma and a word between two values are one separator."""
    assert described_values({"description": f"one of: {listed}"}) == values
