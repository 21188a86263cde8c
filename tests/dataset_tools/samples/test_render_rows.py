"""Streams of rendered rows: in order, of any layout, with reported and counted problems."""

import gzip
import io
import json
from collections.abc import Callable
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
from tests.prompt_rows import Row, call, call_row, calls, goldens, row, say, tool

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


# --- recorded renderings of the published template, through the command ---


def _as_openai(one: Row) -> Row:
    """Return the row as the OpenAI API writes it: arguments as JSON text, results named by the id of their call."""
    messages, waiting = [], list[tuple[str, str]]()
    for at, message in enumerate(one["messages"]):
        made = dict(message)
        if message.get("tool_calls"):
            listed = [(f"c{at}-{position}", made["function"]) for position, made in enumerate(message["tool_calls"])]
            waiting = [(identity, function["name"]) for identity, function in listed]
            made["tool_calls"] = [
                {"id": identity, "type": "function",
                 "function": {"name": function["name"], "arguments": json.dumps(function["arguments"])}}
                for identity, function in listed
            ]  # fmt: skip
        link = next((pair for pair in waiting if message["role"] == "tool" and pair[1] == message["name"]), None)
        if link:
            waiting.remove(link)
            made["tool_call_id"] = link[0]
            del made["name"]
        messages.append(made)
    return {**one, "messages": messages}


def _as_record(one: Row) -> Row:
    return {**one, "source": {"dataset": "d", "file": "d.jsonl", "line": 1}, "meta": {}, "dialect": "", "domain": ""}


def _as_wrapped(one: Row) -> Row:
    """Return the row with results in the form of FunctionGemma's documentation."""
    messages = [
        {"role": "tool", "content": {"name": m["name"], "response": m["content"]}} if m["role"] == "tool" else m
        for m in one["messages"]
    ]
    return {**one, "messages": messages}


def _as_mobile_actions(one: Row) -> Row:
    return {**one, "metadata": "eval"}


def _as_aisa(one: Row) -> Row:
    return {key: value for key, value in one.items() if key != "tools"} | {"tools_sampled": one["tools"]}


def _as_hermes(one: Row) -> Row:
    """Return the row with calls and results in tags."""
    turns = []
    for message in one["messages"]:
        said, role = message.get("content"), message["role"]
        if role == "tool":
            said = f"<tool_response>{json.dumps({'name': message['name'], 'content': said})}</tool_response>"
        elif message.get("tool_calls"):
            tags = [f"<tool_call>{json.dumps(call['function'])}</tool_call>" for call in message["tool_calls"]]
            said = "".join([said or "", *tags])
        turns.append({"from": role, "value": said})
    return {key: value for key, value in one.items() if key != "messages"} | {"conversations": turns}


LAYOUTS = [_as_openai, _as_record, _as_wrapped, _as_mobile_actions, _as_aisa, _as_hermes]


@pytest.fixture(scope="module")
def shared_goldens() -> list[Row]:
    """Return the recorded renderings; their tools are a list in every row."""
    return [{**one, "tools": one.get("tools") or []} for one in goldens()]


@pytest.mark.parametrize("convert", [dict, *LAYOUTS], ids=lambda convert: convert.__name__.removeprefix("_as_"))
def test_the_command_gives_the_recorded_renderings(
    convert: Callable[[Row], Row], shared_goldens: list[Row], tmp_path: Path, afg_data: Command
) -> None:
    """``afg-data render`` writes them byte for byte from rows of each layout that can hold them."""
    rows = [{key: value for key, value in convert(one).items() if key != "text"} for one in shared_goldens]
    done = afg_data("render", _write(tmp_path / "rows.jsonl", rows))
    assert done.stderr == ""
    written = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    assert [line["id"] for line in written] == [one["id"] for one in shared_goldens]
    assert [one["id"] for one, line in zip(shared_goldens, written, strict=True) if one["text"] != line["text"]] == []


@pytest.mark.parametrize("as_text", [False, True], ids=["objects", "JSON text"])
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_the_recorded_renderings_survive_clean(
    as_text: bool,  # noqa: FBT001
    ending: str,
    shared_goldens: list[Row],
    tmp_path: Path,
    afg_data: Command,
) -> None:
    """Results that are objects, also as JSON text, are rendered as objects after ``clean``, from both formats."""
    rows = []
    for one in shared_goldens:
        messages = [
            {**m, "content": json.dumps(m["content"])} if as_text and isinstance(m.get("content"), dict) else m
            for m in one["messages"]
        ]
        rows.append({"id": one["id"], "messages": messages, "tools": one["tools"]})
    cleaned, trace = tmp_path / f"clean.{ending}", tmp_path / "trace.jsonl"
    source = _write(tmp_path / "rows.jsonl", rows)
    assert afg_data("clean", source, "-o", cleaned, "--trace", trace, "--no-developer-turn", "-q").returncode == 0
    changes = list(map(json.loads, trace.read_text(encoding="utf-8").splitlines()))
    repaired = {change["id"] for change in changes if change["rule"] != "decode-result"}
    assert len(repaired) <= len(rows) // 20
    assert as_text == any(change["rule"] == "decode-result" for change in changes)
    # Records do not keep the flag of a generation prompt.
    asked = {one["id"] for one in shared_goldens if one.get("add_generation_prompt")}
    plain = afg_data("render", cleaned).stdout.split("\n")[:-1]
    prompts = afg_data("render", cleaned, "--generation-prompt").stdout.split("\n")[:-1]
    found = {one["id"]: one["text"] for one in map(json.loads, plain) if one["id"] not in asked}
    found |= {one["id"]: one["text"] for one in map(json.loads, prompts) if one["id"] in asked}
    assert {one["id"] for one in shared_goldens if found.get(one["id"]) != one["text"]} <= repaired


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
