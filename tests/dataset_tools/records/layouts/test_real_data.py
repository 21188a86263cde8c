"""Layouts on real files, if available."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.changes import Log
from dataset_tools.records.layouts import Context, Draft, all_layouts, by_name, recognise
from dataset_tools.records.reading import load_tools

BFCL = {"simple_python": (400, 400), "parallel": (200, 538), "irrelevance": (240, 0)}


def _read(row: dict[str, Any], context: Context) -> tuple[Draft, Log]:
    assert len([layout for layout in all_layouts() if layout.recognises(row)]) == 1
    log: Log = []
    return recognise(row).convert(row, log, context), log


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def test_every_aisa_row_is_read(shared_data: Path) -> None:
    """All 545 rows: 500 calls, 45 negatives, four tools offered, unused fields counted, nulls kept."""
    parquet = pytest.importorskip("pyarrow.parquet")
    rules: Counter[str] = Counter()
    calls = 0
    rows = parquet.read_table(shared_data / "aisa_dev.parquet").to_pylist()
    for row in rows:
        assert recognise(row).name == "aisa"
        draft, log = _read(row, Context())
        rules.update(f"{change.rule} {change.path.rsplit('.', 1)[-1]}" for change in log)
        found = [call for message in draft["messages"] for call in message.get("tool_calls", [])]
        calls += len(found)
        assert all(len(call["function"]["arguments"]) > 30 for call in found)
        assert draft["dialect"] == row["dialect"]
        assert len(draft["tools"]) == len(row["tools_sampled"])
    assert (len(rows), calls) == (545, 500)
    assert rules["dropped-field text"] == rules["dropped-field tools"] == 545
    assert rules["dropped-field _think_for_train"] == 500


def test_the_shuffled_copy_offers_the_same_tools(shared_data: Path) -> None:
    """All 545 rows have the question, call and tools of the published copy; only the order of the tools differs."""
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = parquet.read_table(shared_data / "aisa_dev.parquet").to_pylist()
    tools = load_tools(shared_data / "aisa_dev.parquet")
    for row, other in zip(rows, _lines(shared_data / "aisa_dev_shuffled.jsonl"), strict=True):
        published, shuffled = (_read(found, Context(tools=tools))[0] for found in (row, other))
        assert [_question(draft) for draft in (published, shuffled)] == [other["user"]] * 2
        offered = [[tool["function"]["name"] for tool in draft["tools"]] for draft in (published, shuffled)]
        assert offered[1] == other["candidate_tools"]
        assert sorted(offered[0]) == sorted(offered[1])


def _question(draft: Draft) -> str:
    return next(message["content"] for message in draft["messages"] if message["role"] == "user")


@pytest.mark.parametrize("name", BFCL)
def test_every_bfcl_question_is_read(shared_data: Path, name: str) -> None:
    """Questions are joined with answers, names keep their dots, foreign types are renamed and counted."""
    path = shared_data / "bfcl_ar" / f"BFCL_v4_{name}.json"
    answers = {row["id"]: row for file in by_name("bfcl").companions(path) for row in _lines(file)}
    rules: Counter[str] = Counter()
    names: list[str] = []
    rows = _lines(path)
    for row in rows:
        draft, log = _read(row, Context(companions=answers))
        rules.update(change.rule for change in log)
        names += [call["function"]["name"] for message in draft["messages"] for call in message.get("tool_calls", [])]
        assert all(tool["function"]["parameters"]["type"] == "object" for tool in draft["tools"])
        assert draft.get("id") == row["id"]
        assert not {'"dict"', '"float"', '"tuple"', '"any"'} & set(json.dumps(draft["tools"]).split())
    assert (len(rows), len(names)) == BFCL[name]
    assert rules["type-name"] > len(rows)
    assert any("." in called for called in names) is bool(answers)
