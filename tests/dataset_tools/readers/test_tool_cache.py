"""The cache of declarations: a line yields the same row with and without cached declarations."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.errors import RowError
from dataset_tools.io.json_text import parse_json
from dataset_tools.readers import row_reader
from dataset_tools.readers.row_reader import ToolCache

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
    """Return a row as the reader does, and whether its declarations were in the cache."""
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
def test_cached_declarations_match_in_any_order(*, spaced: bool) -> None:
    """The second line uses the cache, in compact JSON and in that of ``json.dumps``, and yields the same row."""
    known = ToolCache()
    first = {"id": "1", "tools": [WEATHER, PRAYER], "note": "ما الطقس"}
    second = {"id": "2", "tools": [PRAYER, WEATHER, PRAYER], "note": "متى المغرب"}
    assert _read(known, _line(first, spaced=spaced)) == (first, False)
    row, recognised = _read(known, _line(second, spaced=spaced))
    assert (row, recognised) == (second, True)
    assert row["tools"][0] is row["tools"][2]


@given(rows=st.lists(ROW, max_size=4), spaced=st.booleans())
def test_a_line_yields_the_same_row_for_any_cache(rows: list[dict[str, Any]], *, spaced: bool) -> None:
    """Arbitrary rows, also with lists of tools in other places, are read as written."""
    known = ToolCache()
    offering = [{**row, "tools": [WEATHER, PRAYER, *row.get("more", [])]} for row in rows]
    for row in [*rows, *offering, *offering]:
        assert _read(known, _line(row, spaced=spaced))[0] == row


def test_a_list_of_tools_elsewhere_is_not_the_row_s_own() -> None:
    """If ``tools`` occurs deeper first, or inside text, the row is parsed whole."""
    known = ToolCache()
    _read(known, _line({"tools": [WEATHER]}))
    for row in (
        {"meta": {"tools": [WEATHER]}, "tools": [PRAYER]},
        {"meta": {"tools": [WEATHER]}},
        {"text": '"tools":[' + _line(WEATHER).decode() + "]", "tools": [PRAYER]},
    ):
        assert _read(known, _line(row)) == (row, False)


def test_a_duplicate_key_is_still_refused() -> None:
    """A cached first list does not hide the second."""
    known = ToolCache()
    _read(known, _line({"tools": [WEATHER]}))
    tools = _line({"tools": [WEATHER]})[1:-1]
    with pytest.raises(RowError, match="duplicate key 'tools'"):
        _read(known, b"{" + tools + b"," + tools + b"}")


def test_text_that_looks_like_the_mark_stays() -> None:
    """A row that contains the mark is read unchanged."""
    known = ToolCache()
    _read(known, _line({"tools": [WEATHER]}))
    for row in ({"tools": row_reader._MARK}, {"tools": [WEATHER], "id": row_reader._MARK}):
        assert _read(known, _line(row))[0] == row


def test_the_cache_switches_itself_off() -> None:
    """A file with a new tool in every row switches the cache off and is read correctly."""
    known = ToolCache()
    for number in range(row_reader._PATIENCE + 50):
        row = {"tools": [{"function": {"name": f"tool_{number:06}", "description": "أداة لا تتكرر في أي صف آخر"}}]}
        assert _read(known, _line(row))[0] == row
    assert known.cut(_line({"tools": [WEATHER]})) is None
    assert known._count <= row_reader._MOST
