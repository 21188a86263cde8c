"""Streams of rendered rows: in order, of any layout, with reported and counted problems."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.cleaning.clean import clean
from dataset_tools.errors import InputError, UsageError
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.prompt.render import render
from dataset_tools.prompt.round_trip import round_trip_problem
from dataset_tools.samples.render_rows import RenderCounts, RenderProblem, render_rows
from tests.conftest import Command
from tests.prompt_rows import call, call_row, calls, row, say, tool

USER = say("user", "ما الطقس؟")


def _write(path: Path, rows: list[Any]) -> str:
    lines = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def _rendered(sources: list[str], **options: Any) -> tuple[list[dict[str, str]], RenderCounts]:
    out = io.BytesIO()
    counts = render_rows(sources, out, **options)
    return [json.loads(line) for line in out.getvalue().splitlines()], counts


def test_lines_of_id_and_text(tmp_path: Path) -> None:
    """Each row gives one line, in order, with the rendered text of its record."""
    rows = [{**call_row(n=number), "id": f"r{number}"} for number in range(5)]
    source = _write(tmp_path / "a.jsonl", rows)
    lines, counts = _rendered([source])
    assert lines == [{"id": one["id"], "text": render(one)} for one in rows]
    assert (counts.rows, counts.rendered, counts.refused, counts.problems) == (5, 5, {}, [])


def test_rows_that_cannot_be_rendered(tmp_path: Path) -> None:
    """They are reported with file, line, id, code and reason, counted, and not written."""
    good = row(USER, calls(call(city="جدة")))
    union = tool(properties={"p": {"anyOf": [{"type": "string"}, {"type": "integer"}]}})
    rows = [good, "{", {**row(USER, tools=[union]), "id": "u"}, {"nothing": "known"}, {**good, "id": "last"}]
    source = _write(tmp_path / "a.jsonl", rows)
    problems: list[RenderProblem] = []
    lines, counts = _rendered([source], on_problem=problems.append)
    assert [line["id"] for line in lines] == ["r", "last"]
    assert counts.rows == counts.rendered + sum(counts.refused.values()) == 5
    assert counts.refused == {"unreadable-row": 1, "not-renderable": 1, "unknown-layout": 1}
    assert problems == counts.problems
    assert problems[1] == RenderProblem(
        "a.jsonl", 3, "u", "not-renderable",
        "tools[0].function.parameters.properties.p: anyOf instead of a type (declare one type per schema)",
    )  # fmt: skip
    assert [(problem.line, problem.id) for problem in problems] == [(2, ""), (3, "u"), (4, "")]


def test_the_generation_prompt(tmp_path: Path) -> None:
    """The caller or a flag of the row adds it, although records do not keep the flag."""
    source = _write(tmp_path / "a.jsonl", [row(USER), {**row(USER), "add_generation_prompt": True}])
    ends = [line["text"].endswith("<start_of_turn>model\n") for line in _rendered([source])[0]]
    asked = [line["text"].endswith("<start_of_turn>model\n") for line in _rendered([source], generation_prompt=True)[0]]
    assert (ends, asked) == ([False, True], [True, True])


def test_several_workers_write_the_same_bytes(tmp_path: Path) -> None:
    """Order and counts do not depend on the number of workers."""
    first = _write(tmp_path / "a.jsonl", [{**call_row(n=number), "id": f"a{number}"} for number in range(20)])
    second = _write(tmp_path / "b.jsonl", ["{", *({**call_row(n=number), "id": f"b{number}"} for number in range(20))])
    alone, together = _rendered([first, second]), _rendered([first, second], work=Work(workers=2))
    assert alone == together
    assert alone[1].rendered == 40


def test_the_command_writes_a_file(afg_data: Command, tmp_path: Path) -> None:
    """``-o`` writes the lines of standard output, compressed by the ending, and counts the rows unless it is quiet."""
    _write(tmp_path / "a.jsonl", [{"context": "ساعد", "user": "ما الطقس؟", "candidate_tools": ["f"]}])
    _write(tmp_path / "tools.jsonl", [tool("f")])
    options = ("a.jsonl", "--layout", "aisa-candidates", "--tools-file", "tools.jsonl")
    printed = afg_data("render", *options, cwd=tmp_path)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert "<start_function_declaration>declaration:f" in json.loads(printed.stdout)["text"]
    done = afg_data("render", *options, "-o", "x.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "1 of 1 rows rendered → x.jsonl\n")
    assert (tmp_path / "x.jsonl").read_text(encoding="utf-8") == printed.stdout
    done = afg_data("render", *options, "-o", "x.jsonl.gz", "-q", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert gzip.decompress((tmp_path / "x.jsonl.gz").read_bytes()).decode() == printed.stdout
    for output in ("a.jsonl", "tools.jsonl", "x.parquet", "x.txt"):
        assert afg_data("render", *options, "-o", output, cwd=tmp_path).returncode == 2
    assert afg_data("render", "a.jsonl", cwd=tmp_path).returncode == 1  # the layout needs tools


def test_usage_and_input_errors(tmp_path: Path) -> None:
    """A missing file and zero workers are errors, not counts."""
    with pytest.raises(InputError):
        _rendered([str(tmp_path / "none.jsonl")])
    with pytest.raises(UsageError):
        _rendered([_write(tmp_path / "a.jsonl", [call_row()])], work=Work(workers=0))


def test_real_data_is_rendered_once_cleaned(shared_data: Path, tmp_path: Path) -> None:
    """Rows with nulls are refused; once cleaned, every row has a text that is parsed back exactly."""
    source, cleaned = str(shared_data / "aisa_dev.parquet"), tmp_path / "clean.jsonl"
    lines, counts = _rendered([source])
    assert (lines, counts.refused) == ([], {"not-renderable": counts.rows})
    assert "not null (`afg-data clean` removes nulls)" in counts.problems[0].reason
    clean([source], Outputs(cleaned, tmp_path / "rejects.jsonl"))
    lines, again = _rendered([str(cleaned)])
    assert len(lines) == again.rendered == again.rows == counts.rows
    records = [json.loads(line) for line in cleaned.read_text(encoding="utf-8").splitlines()]
    assert [problem for record in records if (problem := round_trip_problem(record))] == []
