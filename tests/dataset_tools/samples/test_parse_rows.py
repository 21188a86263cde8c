"""Model outputs read as a stream: plain lines or JSON lines in, one JSON line out for each."""

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


def test_plain_lines_are_outputs_with_their_number_as_id() -> None:
    """Blank lines are left out but count in the numbering."""
    lines, counts = _parsed(f"\ufeff{CALL}\n\nتم<end_of_turn>\n")
    assert lines == [
        {"id": "1", **PARSED},
        {"id": "3", "content": "تم", "tool_calls": [], "recovered": False, "warnings": []},
    ]
    assert counts == ParseCounts(rows=2, parsed=2, calls=1)


def test_json_lines_keep_their_ids_and_newlines() -> None:
    """The first line tells that they are JSON; a line without an id takes its number."""
    rows = [{"id": "x", "text": "أ\nب"}, {"id": 7, "text": CALL}, {"text": CALL}]
    lines, _ = _parsed("\n".join(json.dumps(row) for row in rows))
    assert [line["id"] for line in lines] == ["x", 7, "3"]
    assert lines[0]["content"] == "أ\nب"
    assert lines[1] == {"id": 7, **PARSED}


def test_a_line_that_cannot_be_parsed_is_an_error_with_a_position() -> None:
    """The others are read; an error of the line rather than of the output has no position."""
    rows = [json.dumps({"id": "a", "text": "أ<start_function_call>x"}), "{", '{"id": "c"}', json.dumps({"text": CALL})]
    lines, counts = _parsed("\n".join(rows))
    assert lines[0] == {"id": "a", "error": "a call must begin with call:NAME", "position": 22}
    assert [(line["id"], line.get("position", 0)) for line in lines[1:]] == [("2", None), ("3", None), ("4", 0)]
    assert lines[1]["error"].startswith("not JSON")
    assert lines[2]["error"] == "no object with `text`, and perhaps `id`"
    assert (counts.rows, counts.parsed, counts.failed) == (4, 1, 3)


def test_bytes_that_are_no_text_are_an_error_of_their_line() -> None:
    """The byte and its place are told."""
    lines, counts = _parsed(b"\xff\n" + CALL.encode())
    assert lines[0] == {"id": "1", "error": "not UTF-8: byte 0xFF at offset 0", "position": None}
    assert (counts.parsed, counts.failed) == (1, 1)


@pytest.mark.parametrize("as_json, expected", [(None, None), (False, '{"a": 1}'), (True, None)])
def test_the_form_can_be_given(as_json: bool | None, expected: str | None) -> None:  # noqa: FBT001
    """A JSON object without a text is a mistake, unless the lines are said to be plain."""
    lines, _ = _parsed('{"a": 1}\n', as_json=as_json)
    assert lines[0].get("content") == expected


def test_tools_give_the_types_and_the_counts_say_what_was_mended() -> None:
    """Coercions and recoveries are told in the line and counted."""
    lines, counts = _parsed(CALL.removesuffix("<end_function_call>"), tools=[TOOL])
    assert lines[0]["tool_calls"] == [{"name": "f", "arguments": {"a": 3}}]
    assert lines[0]["warnings"] == ["f.a: '3' read as integer", "f has no <end_function_call>"]
    assert (counts.recovered, counts.warned, counts.calls) == (1, 1, 1)


def test_nothing_gives_nothing() -> None:
    """An empty stream has no rows."""
    assert _parsed("") == ([], ParseCounts())
