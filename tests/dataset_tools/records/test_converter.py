"""Conversion of rows to records: id, source, forced layouts, tool names, and files of declarations."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.errors import InputError, RowError, UsageError
from dataset_tools.readers.sources import DataFile
from dataset_tools.records.converter import (
    Converter,
    record_errors,
    require_shallow,
    require_valid,
)
from dataset_tools.records.reading import Inputs, load_tools

FILE = DataFile(Path("raw/train.jsonl"), "gulf", "train.jsonl", "jsonl", "")


def _row(*names: str, **more: Any) -> dict[str, Any]:
    """Return a row that calls the first of its tools."""
    call = {"type": "function", "function": {"name": names[0], "arguments": {"city": "جدة"}}}
    return {
        "messages": [{"role": "user", "content": "وش الجو في جدة؟"}, {"role": "assistant", "tool_calls": [call]}],
        "tools": [{"type": "function", "function": {"name": name}} for name in names],
        **more,
    }


def _names(record: Any) -> list[str]:
    return [tool["function"]["name"] for tool in record["tools"]]


def test_default_id_and_source() -> None:
    """A row without an id gets one from its dataset, file and line, as in its source."""
    record, log = Converter().convert(_row("weather"), FILE, 7)
    assert record["id"] == "gulf/train-7"
    assert record["source"] == {"dataset": "gulf", "file": "train.jsonl", "line": 7}
    assert list(record) == ["id", "messages", "tools", "dialect", "domain", "source", "meta"]
    assert log == []


def test_an_existing_source_is_kept() -> None:
    """A record keeps its original source."""
    source = {"dataset": "egyptian", "file": "old.jsonl", "line": 3}
    record, _ = Converter().convert(_row("weather", id="r1", source=source), FILE, 7)
    assert (record["id"], record["source"]) == ("r1", source)


def test_fields_of_another_type_go_to_meta() -> None:
    """A source of another form and a dialect that is not text go to ``meta``."""
    source = {"url": "http://x", "license": "CC"}
    record, log = Converter().convert(_row("weather", id=17, dialect=3, source=source), FILE, 7)
    assert (record["id"], record["dialect"]) == ("17", "")
    assert record["source"] == {"dataset": "gulf", "file": "train.jsonl", "line": 7}
    assert record["meta"] == {"dialect": 3, "source": source}
    assert log == []


def test_dropped_fields_of_a_record_are_logged() -> None:
    """A record keeps an integer id as text, and the log has the fields that it drops."""
    source = {"url": "http://x"}
    row = _row("weather", id=17, dialect=3, domain=["سفر"], source=source)
    record, log = Converter("record").convert(row, FILE, 7)
    assert (record["id"], record["dialect"], record["domain"]) == ("17", "", "")
    assert {change.path: change.before for change in log} == {"dialect": 3, "domain": ["سفر"], "source": source}
    assert {(change.rule, change.after) for change in log} == {("dropped-field", None)}
    record, log = Converter("record").convert(_row("weather", id=True), FILE, 7)
    assert (record["id"], [(change.rule, change.path) for change in log]) == ("gulf/train-7", [("dropped-field", "id")])


def test_unknown_layouts() -> None:
    """A row of no layout is a row error; a layout that does not exist is a usage error."""
    with pytest.raises(RowError) as caught:
        Converter().convert({"سؤال": "كيفك؟"}, FILE, 1)
    assert caught.value.code == "unknown-layout"
    with pytest.raises(UsageError, match="alpaca"):
        Converter("alpaca")


@pytest.mark.parametrize("layout", ["xlam", "glaive", "bfcl", "aisa", "toolace", "hermes", "when2call", "metga97"])
def test_a_forced_layout_rejects_other_rows(layout: str) -> None:
    """A row without the layout's fields is a row error, never a crash."""
    with pytest.raises(RowError):
        Converter(layout).convert({"سؤال": "كيفك؟"}, FILE, 1)


@given(st.lists(st.text("a._ ب", min_size=1, max_size=4), min_size=1, max_size=5))
def test_renamed_tools_stay_distinct_and_called(names: list[str]) -> None:
    """Unsafe names become safe, different names stay different, and calls follow."""
    record, log = Converter(rename_tools=True).convert(_row(*names), FILE, 1)
    renamed = _names(record)
    assert all(name.isascii() and "." not in name and " " not in name for name in renamed)
    assert all(new == old for old, new in zip(names, renamed, strict=True) if set(old) <= set("a_"))
    assert len(set(zip(names, renamed, strict=True))) == len(set(names)) == len(set(renamed))
    assert record["messages"][1]["tool_calls"][0]["function"]["name"] == renamed[0]
    assert {(change.before, change.after) for change in log} == {
        (old, new) for old, new in zip(names, renamed, strict=True) if old != new
    }


def test_tools_are_not_renamed_by_default() -> None:
    """Names that parsers reject are kept without the option."""
    record, log = Converter().convert(_row("hotel.book"), FILE, 1)
    assert (_names(record), log) == (["hotel.book"], [])


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("form", ["array", "lines", "object"])
def test_a_tools_file_comes_in_three_forms(form: str, wrapped: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """An array, one tool per line, or an object with a list of tools; with or without the function wrapper."""
    functions = [{"name": "طقس", "description": "حالة الطقس"}, {"name": "book"}]
    tools = [{"type": "function", "function": item} for item in functions] if wrapped else functions
    texts = {
        "array": json.dumps(tools, ensure_ascii=False),
        "lines": "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools),
        "object": json.dumps({"tools": tools}, ensure_ascii=False),
    }
    path = tmp_path / ("t.jsonl" if form == "lines" else "t.json")
    path.write_text(texts[form], encoding="utf-8")
    loaded = load_tools(path)
    assert loaded == {item["name"]: {"type": "function", "function": item} for item in functions}


def test_a_tools_file_without_tools(tmp_path: Path) -> None:
    """The error has the file and the expected content."""
    (tmp_path / "t.json").write_text('{"tools": 3}', encoding="utf-8")
    with pytest.raises(InputError, match=r"t\.json: no list of tools.*a JSON array of tools"):
        load_tools(tmp_path / "t.json")


def test_companion_files_are_skipped(tmp_path: Path) -> None:
    """A file of answers is skipped, unless it is the only file."""
    for name in ("BFCL_v3_simple.json", "possible_answer_BFCL_v3_simple.json"):
        (tmp_path / name).write_text('{"id": "simple_0"}\n', encoding="utf-8")
    assert [file.name for file in Inputs.of([str(tmp_path)]).files] == ["BFCL_v3_simple.json"]
    alone = Inputs.of([str(tmp_path / "possible_answer_BFCL_v3_simple.json")]).files
    assert [file.name for file in alone] == ["possible_answer_BFCL_v3_simple.json"]


def test_an_invalid_record_is_rejected() -> None:
    """The reject has the first error with its path."""
    record, _ = Converter().convert(_row("weather"), FILE, 1)
    assert record_errors(record) == []
    require_valid(record)
    del record["messages"][0]["content"]
    with pytest.raises(RowError, match=r"messages\[0\]: .*content") as caught:
        require_valid(record)
    assert caught.value.code == "invalid-record"


def test_a_record_that_is_nested_too_deeply() -> None:
    """Nesting beyond the limit of JSON readers is a row error; long integers in text are not."""
    record, _ = Converter().convert(_row("weather"), FILE, 1)
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    record["meta"]["deep"] = deep
    with pytest.raises(RowError) as caught:
        require_shallow(record)
    assert caught.value.code == "nested-too-deep"
    record["meta"] = {"flat": [[]]}
    require_shallow(record)
