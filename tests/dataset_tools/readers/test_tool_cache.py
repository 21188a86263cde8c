"""Declarations recognised by their bytes: a line gives the same row whether they were met before or not."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.errors import RowError
from dataset_tools.readers import tool_cache
from dataset_tools.readers.strict_json import parse_json
from dataset_tools.readers.tool_cache import ToolCache

WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "حالة الطقس في مدينة عربية"}}
PRAYER = {"type": "function", "function": {"name": "prayer_times", "description": "مواقيت الصلاة في مدينة عربية"}}
LEAF = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8) | st.sampled_from(["tools", '"tools":['])
VALUE = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["tools", "a", "ب"]), inner, max_size=3)
    ),
    max_leaves=8,
)
ROW = st.dictionaries(st.sampled_from(["id", "tools", "tools_sampled", "meta", "messages"]), VALUE, max_size=5)


def _read(known: ToolCache, line: bytes) -> Any:
    """A row as the reader makes it, and whether its declarations were recognised."""
    cut = known.cut(line)
    if cut is not None:
        value = parse_json(cut[0])
        if known.restore(value, cut[1]):
            return value, True
    value = parse_json(line)
    known.learn(line, value)
    return value, False


def _line(row: dict[str, Any], *, spaced: bool = False) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode() if spaced else orjson.dumps(row)


@pytest.mark.parametrize("spaced", [False, True])
def test_known_declarations_are_recognised_in_any_order(*, spaced: bool) -> None:
    """The second line is cut, in compact JSON and in that of ``json.dumps``, and gives the same row."""
    known = ToolCache()
    first = {"id": "1", "tools": [WEATHER, PRAYER], "note": "ما الطقس"}
    second = {"id": "2", "tools": [PRAYER, WEATHER, PRAYER], "note": "متى المغرب"}
    assert _read(known, _line(first, spaced=spaced)) == (first, False)
    row, recognised = _read(known, _line(second, spaced=spaced))
    assert (row, recognised) == (second, True)
    assert row["tools"][0] is row["tools"][2]


@given(rows=st.lists(ROW, max_size=4), spaced=st.booleans())
def test_a_line_gives_the_same_row_whatever_was_met_before(rows: list[dict[str, Any]], *, spaced: bool) -> None:
    """Arbitrary rows, with lists of tools at other places than their own too, read as they are written."""
    known = ToolCache()
    offering = [{**row, "tools": [WEATHER, PRAYER, *row.get("more", [])]} for row in rows]
    for row in [*rows, *offering, *offering]:
        assert _read(known, _line(row, spaced=spaced))[0] == row


def test_a_list_of_tools_elsewhere_is_not_the_row_s_own() -> None:
    """Where ``tools`` stands deeper first, or inside text, the row is parsed whole."""
    known = ToolCache()
    _read(known, _line({"tools": [WEATHER]}))
    for row in (
        {"meta": {"tools": [WEATHER]}, "tools": [PRAYER]},
        {"meta": {"tools": [WEATHER]}},
        {"text": '"tools":[' + _line(WEATHER).decode() + "]", "tools": [PRAYER]},
    ):
        assert _read(known, _line(row)) == (row, False)


def test_a_key_that_stands_twice_is_still_refused() -> None:
    """Recognising the first list does not hide the second."""
    known = ToolCache()
    _read(known, _line({"tools": [WEATHER]}))
    tools = _line({"tools": [WEATHER]})[1:-1]
    with pytest.raises(RowError, match="duplicate key 'tools'"):
        _read(known, b"{" + tools + b"," + tools + b"}")


def test_text_that_looks_like_the_mark_stays() -> None:
    """A row that holds the mark itself is read as it is."""
    known = ToolCache()
    _read(known, _line({"tools": [WEATHER]}))
    for row in ({"tools": tool_cache._MARK}, {"tools": [WEATHER], "id": tool_cache._MARK}):
        assert _read(known, _line(row))[0] == row


def test_nothing_is_learned_for_ever() -> None:
    """A file whose every row declares a new tool stops the learning, and is read right."""
    known = ToolCache()
    for number in range(tool_cache._PATIENCE + 50):
        row = {"tools": [{"function": {"name": f"tool_{number:06}", "description": "أداة لا تتكرر في أي صف آخر"}}]}
        assert _read(known, _line(row))[0] == row
    assert known.cut(_line({"tools": [WEATHER]})) is None
    assert known._count <= tool_cache._MOST
