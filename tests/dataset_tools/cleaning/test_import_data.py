"""``import`` end to end: layouts, folders, globs, joins and Parquet."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.bundled import dirty_path, sample_path
from dataset_tools.cleaning.clean import ImportOptions, clean, import_data
from dataset_tools.errors import InputError, UsageError
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.pipeline.stage import RunReport
from dataset_tools.records.layouts import all_layouts
from dataset_tools.records.reading import ReadOptions
from dataset_tools.validation.validate import validate

Command = Callable[..., Any]
EXAMPLES = Path(__file__).parents[1] / "records" / "layouts" / "examples"
NAMES = [layout.name for layout in all_layouts()]


def _examples(layout: str) -> list[dict[str, Any]]:
    return [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted((EXAMPLES / layout / "pass").glob("*.json"))
    ]


def _write(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def _import(*sources: Path | str, to: Path, **options: Any) -> RunReport:
    return import_data(list(map(str, sources)), Outputs(to), ImportOptions(**options))


def _raw(layout: str, folder: Path) -> tuple[Path, list[str]]:
    """Write the examples of a layout as a raw file; return it with the needed options."""
    examples = _examples(layout)
    answers = [row for e in examples for row in e.get("context", {}).get("companions", {}).values()]
    tools = [tool for e in examples for tool in e.get("context", {}).get("tools", {}).values()]
    name = "BFCL_v3_simple.json" if answers else "raw.jsonl"
    if answers:
        _write(folder / f"possible_answer_{name}", answers)
    options = []
    if tools:
        unique = {tool["function"]["name"]: tool for tool in tools}
        (folder / "tools.json").write_text(json.dumps(list(unique.values()), ensure_ascii=False), encoding="utf-8")
        options = ["--tools-file", str(folder / "tools.json")]
    return _write(folder / name, [example["row"] for example in examples]), options


@pytest.mark.parametrize("layout", NAMES)
@pytest.mark.parametrize("forced", [False, True])
def test_each_layout_imports_through_the_command_line(
    layout: str,
    forced: bool,  # noqa: FBT001
    afg_data: Command,
    tmp_path: Path,
) -> None:
    """A detected or forced layout gives the expected valid records with their source."""
    source, options = _raw(layout, tmp_path)
    options += ["--layout", layout] if forced else []
    target, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    run = afg_data("import", source, "-o", target, "--report", report, *options)
    assert run.returncode == 0, run.stderr
    counts = json.loads(report.read_text(encoding="utf-8"))
    examples = _examples(layout)
    assert (counts["rows_in"], counts["rows_out"], counts["rejected"]) == (len(examples), len(examples), {})
    for line, (record, example) in enumerate(zip(_read(target), examples, strict=True), start=1):
        expected = example["record"]
        dataset = "BFCL_v3_simple" if source.suffix == ".json" else "raw"
        own = example["row"].get("source") if layout == "record" else None
        assert record["id"] == expected.get("id", f"{dataset}-{line}")
        assert record["source"] == (own or {"dataset": dataset, "file": source.name, "line": line})
        assert (record["messages"], record["tools"]) == (expected["messages"], expected["tools"])
    assert "invalid-record" not in validate([str(target)]).checks


def test_an_import_repairs_nothing(tmp_path: Path) -> None:
    """Letters, nulls and number types stay; only the structure changes."""
    function = {
        "name": "book",
        "parameters": {"type": "object", "properties": {"n": {"type": "integer", "enum": None}}},
    }
    row = {
        "messages": [
            {"role": "user", "content": "ﺟﺪﺓ جـــدة\u200b"},
            {"role": "assistant", "tool_calls": [{"function": {"name": "book", "arguments": '{"n": 3.0, "x": null}'}}]},
        ],
        "tools": [function],
    }
    report = _import(_write(tmp_path / "a.jsonl", [row]), to=tmp_path / "out.jsonl")
    record = _read(tmp_path / "out.jsonl")[0]
    assert [message["role"] for message in record["messages"]] == ["user", "assistant"]
    assert record["messages"][0]["content"] == "ﺟﺪﺓ جـــدة\u200b"
    arguments = record["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.dumps(arguments) == '{"n": 3.0, "x": null}'
    assert record["tools"] == [{"type": "function", "function": function}]
    assert sorted(report.rules) == ["decode-arguments", "wrap-tool"]


def test_folders_and_globs_name_their_files(tmp_path: Path) -> None:
    """Folders and globs give sorted files with relative names; repeats are refused."""
    rows = [example["row"] for example in _examples("openai")]
    _write(tmp_path / "raw" / "b.jsonl", rows[:1])
    _write(tmp_path / "raw" / "a" / "one.ndjson", rows[1:2])
    (tmp_path / "raw" / "c.json").write_text(json.dumps(rows[:2], ensure_ascii=False), encoding="utf-8")
    (tmp_path / "raw" / "notes.txt").write_text("ملاحظات", encoding="utf-8")
    target = tmp_path / "out.jsonl"
    assert _import(tmp_path / "raw", to=target).rows_out == 4
    sources = [record["source"] for record in _read(target)]
    assert [(s["dataset"], s["file"], s["line"]) for s in sources] == [
        ("raw", "a/one.ndjson", 1),
        ("raw", "b.jsonl", 1),
        ("raw", "c.json", 1),
        ("raw", "c.json", 2),
    ]
    assert _import(tmp_path / "raw" / "*.json*", to=target).rows_out == 3
    assert _import(tmp_path / "raw" / "**" / "*.ndjson", to=target).rows_out == 1
    with pytest.raises(UsageError, match="given twice"):
        _import(tmp_path / "raw", tmp_path / "raw" / "b.jsonl", to=target)


def _question(identity: str, text: str, city: str) -> dict[str, Any]:
    schema = {"type": "dict", "properties": {city: {"type": "string"}}, "required": [city]}
    return {
        "id": identity,
        "question": [[{"role": "user", "content": text}]],
        "function": [{"name": "weather", "parameters": schema}],
    }


@pytest.mark.parametrize("where", ["possible_answer_{}", "possible_answer/{}"])
def test_bfcl_questions_find_their_answers_in_the_folder(where: str, tmp_path: Path) -> None:
    """Answers next to the questions or in their own folder are joined by id and are not rows."""
    name = "BFCL_v3_simple.json"
    questions = [_question("simple_0", "الجو في عمّان؟", "city"), _question("simple_1", "كيف الجو في مسقط؟", "city")]
    questions.append(_question("irrelevance_7", "مين كتب المعلّقات؟", "city"))
    answers = [
        {"id": "simple_1", "ground_truth": [{"weather": {"city": ["مسقط", "Muscat"]}}]},
        {"id": "simple_0", "ground_truth": [{"weather": {"city": ["عمّان"], "unit": ["", "C"]}}]},
    ]
    _write(tmp_path / "bfcl" / name, questions)
    _write(tmp_path / "bfcl" / where.format(name), answers)
    report = _import(tmp_path / "bfcl", to=tmp_path / "out.jsonl")
    records = _read(tmp_path / "out.jsonl")
    assert (report.rows_in, report.rejected) == (3, {})
    calls = [record["messages"][1]["tool_calls"][0]["function"] for record in records[:2]]
    assert calls == [{"name": "weather", "arguments": {"city": city}} for city in ("عمّان", "مسقط")]
    assert [message["role"] for message in records[2]["messages"]] == ["user"]
    assert records[1]["meta"]["possible_answer"] == answers[0]["ground_truth"]


def test_a_question_without_its_answer_is_rejected(tmp_path: Path) -> None:
    """A missing answer rejects its question only."""
    rows = [_question("simple_0", "الجو في عدن؟", "city"), _question("irrelevance_1", "مرحبا", "city")]
    report = _import(_write(tmp_path / "BFCL_v3_x.json", rows), to=tmp_path / "out.jsonl")
    assert report.rejected == {"missing-answer": 1}


def test_a_forced_layout_rejects_rows_of_another(tmp_path: Path) -> None:
    """Rows of another layout become rejects that name the forced layout."""
    rows = [_examples("xlam")[0]["row"], _examples("glaive")[0]["row"]]
    report = _import(_write(tmp_path / "a.jsonl", rows), to=tmp_path / "out.jsonl", reading=ReadOptions(layout="xlam"))
    assert (report.rows_out, sum(report.rejected.values())) == (1, 1)
    with pytest.raises(UsageError, match="alpaca"):
        _import(tmp_path / "a.jsonl", to=tmp_path / "out.jsonl", reading=ReadOptions(layout="alpaca"))


@pytest.mark.parametrize("content", ['{"a": 1}', "[1]", "[{}]", '"نص"'])
def test_a_tools_file_without_tools_is_refused(content: str, tmp_path: Path) -> None:
    """The error names the file."""
    tools, (source, _) = tmp_path / "t.json", _raw("heshamharoon", tmp_path)
    tools.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"t\.json"):
        _import(source, to=tmp_path / "out.jsonl", reading=ReadOptions(tools_file=tools))


def test_parquet_round_trips(tmp_path: Path) -> None:
    """JSON Lines to Parquet and back gives the same bytes, also compressed."""
    plain = tmp_path / "a.jsonl"
    _import(dirty_path(), to=plain)
    for ending in (".parquet", ".jsonl.gz", ".jsonl.zst"):
        _import(plain, to=tmp_path / f"b{ending}")
        _import(tmp_path / f"b{ending}", to=tmp_path / "c.jsonl")
        assert (tmp_path / "c.jsonl").read_bytes() == plain.read_bytes(), ending


@pytest.mark.filterwarnings("default")
def test_datasets_reads_the_parquet_as_it_was_written(tmp_path: Path) -> None:
    """`datasets` returns every row of the cleaned sample without added keys or nulls."""
    datasets = pytest.importorskip("datasets")
    target = tmp_path / "a.parquet"
    clean([str(sample_path())], Outputs(target, tmp_path / "r.jsonl"))
    clean([str(sample_path())], Outputs(tmp_path / "a.jsonl", tmp_path / "r.jsonl"))
    table = datasets.load_dataset("parquet", data_files=str(target), split="train", cache_dir=str(tmp_path / "cache"))
    assert list(table) == _read(tmp_path / "a.jsonl")
