"""Streams of model outputs: plain lines or JSON lines in, one JSON line out for each."""

import io
import json
from typing import Any

import pytest

from dataset_tools.samples.parse_rows import ParseCounts, parse_rows
from schemas.record import Tool

CALL = "<start_function_call>call:f{a:<escape>3<escape>}<end_function_call>"
PARSED = {"content": "", "tool_calls": [{"name": "f", "arguments": {"a": "3"}}], "recovered": False, "warnings": []}
TOOL: Tool = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}},
}


def _parsed(text: str | bytes, **options: Any) -> tuple[list[dict[str, Any]], ParseCounts]:
    out = io.BytesIO()
    raw = text if isinstance(text, bytes) else text.encode("utf-8")
    counts = parse_rows(io.BytesIO(raw), out, **options)
    return [json.loads(line) for line in out.getvalue().splitlines()], counts


def test_plain_lines() -> None:
    """The id is the line number; blank lines are skipped but counted in the numbers."""
    lines, counts = _parsed(f"\ufeff{CALL}\n\nتم<end_of_turn>\n")
    assert lines == [
        {"id": "1", **PARSED},
        {"id": "3", "content": "تم", "tool_calls": [], "recovered": False, "warnings": []},
    ]
    assert counts == ParseCounts(rows=2, parsed=2, calls=1)


def test_json_lines() -> None:
    """The first line decides that they are JSON; the default id is the line number."""
    rows = [{"id": "x", "text": "أ\nب"}, {"id": 7, "text": CALL}, {"text": CALL}]
    lines, _ = _parsed("\n".join(json.dumps(row) for row in rows))
    assert [line["id"] for line in lines] == ["x", 7, "3"]
    assert lines[0]["content"] == "أ\nب"
    assert lines[1] == {"id": 7, **PARSED}


def test_a_failed_output() -> None:
    """Other outputs are parsed; a fault of the line has no position."""
    rows = [json.dumps({"id": "a", "text": "أ<start_function_call>x"}), "{", '{"id": "c"}', json.dumps({"text": CALL})]
    lines, counts = _parsed("\n".join(rows))
    assert lines[0] == {"id": "a", "error": "a call must begin with call:NAME", "position": 22}
    assert [(line["id"], line.get("position", 0)) for line in lines[1:]] == [("2", None), ("3", None), ("4", 0)]
    assert lines[1]["error"].startswith("not JSON")
    assert lines[2]["error"] == "not an object with `text`"
    assert (counts.rows, counts.parsed, counts.failed) == (4, 1, 3)


def test_a_line_that_is_not_utf8() -> None:
    """The error has the byte and its offset."""
    lines, counts = _parsed(b"\xff\n" + CALL.encode())
    assert lines[0] == {"id": "1", "error": "not UTF-8: byte 0xFF at offset 0", "position": None}
    assert (counts.parsed, counts.failed) == (1, 1)


@pytest.mark.parametrize("as_json, expected", [(None, None), (False, '{"a": 1}'), (True, None)])
def test_the_form_can_be_given(as_json: bool | None, expected: str | None) -> None:  # noqa: FBT001
    """A JSON object without text is a failure, unless the lines are plain."""
    lines, _ = _parsed('{"a": 1}\n', as_json=as_json)
    assert lines[0].get("content") == expected


def test_types_and_counts() -> None:
    """Coercions and recoveries are in the line and in the counts."""
    lines, counts = _parsed(CALL.removesuffix("<end_function_call>"), tools=[TOOL])
    assert lines[0]["tool_calls"] == [{"name": "f", "arguments": {"a": 3}}]
    assert lines[0]["warnings"] == ["f.a: '3' read as integer", "f has no <end_function_call>"]
    assert (counts.recovered, counts.warned, counts.calls) == (1, 1, 1)


def test_an_empty_stream() -> None:
    """An empty stream has no rows."""
    assert _parsed("") == ([], ParseCounts())
