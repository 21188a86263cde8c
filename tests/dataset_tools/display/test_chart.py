"""Charts: shapes in proportion, round axes, and nothing that a page's content security policy blocks."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.display.chart import Bar, Curve, bar_chart, interval_bar, line_chart, round_ticks

AXES = ("position", "rows")


def _shapes(drawing: str, tag: str, kind: str) -> list[ET.Element]:
    """Return the elements of a tag and class."""
    root = ET.fromstring(drawing[drawing.index('<svg class="plot"') :])  # noqa: S314
    return [element for element in root.iter(tag) if element.get("class", "").startswith(kind)]


def _percent(element: ET.Element, name: str) -> float:
    return float(element.get(name, "").removesuffix("%"))


def test_bars_are_as_high_as_their_values() -> None:
    """Heights are in proportion; a bar of 0 has no height; bars stand on the axis."""
    bars = _shapes(bar_chart([Bar("1", 30), Bar("2", 15), Bar("3", 0)], label="three", axes=AXES), "rect", "bar")
    first, second, third = (_percent(bar, "height") for bar in bars)
    assert first > 50
    assert first / second == pytest.approx(2)
    assert third == 0
    assert [_percent(bar, "y") + _percent(bar, "height") for bar in bars] == pytest.approx([100, 100, 100])
    assert bars[0].findtext("title") == "1: 30"


def test_names_marks_and_limits_are_drawn() -> None:
    """Names of bars, axes and limit are text; each mark and the limit are a line; the legend explains marks."""
    drawing = bar_chart([Bar("1", 3, 2.5), Bar("2", 1, 2.5)], label="t", axes=AXES, limit=(1.5, "4,096"), mark="chance")
    texts = {text.text for kind in ("x-", "y-", "limit") for text in _shapes(drawing, "text", kind)}
    assert {"1", "2", "position", "rows", "4,096", "0", "3"} <= texts
    assert len(_shapes(drawing, "line", "limit")) == 3
    assert "</svg>chance</span>" in drawing


def test_only_some_names_of_many_are_shown() -> None:
    """At most eight names fit below the bars, four on a phone."""
    names = _shapes(bar_chart([Bar(f"n{at}", 1) for at in range(30)], label="t", axes=AXES), "text", "x-tick")
    assert [name.text for name in names] == ["n0", "n4", "n8", "n12", "n16", "n20", "n24", "n28"]
    assert [name.text for name in names if name.get("class") == "x-tick"] == ["n0", "n8", "n16", "n24"]


def test_a_line_lies_where_its_numbers_are() -> None:
    """The axis holds the highest point and the level; the last step is at the right edge; 0 is on the axis."""
    drawing = line_chart([Curve("loss", [(1, 0), (3, 1.79), (4, 1)])], label="t", axes=AXES, level=(1.0, "limit"))
    (line,) = _shapes(drawing, "polyline", "curve")
    places = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
    assert places == [(25, 100), (75, pytest.approx(100 - 179 / 2)), (100, 50)]
    (level,) = _shapes(drawing, "line", "limit")
    assert _percent(level, "y1") == 50
    assert len(_shapes(drawing, "circle", "curve")) == 3


def test_a_curve_without_points_has_axes() -> None:
    """A run without a finite value still has a chart."""
    drawing = line_chart([Curve("loss", [])], label="t", axes=AXES)
    assert [text.text for text in _shapes(drawing, "text", "y-tick")] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


def test_a_chart_holds_only_shapes_and_text() -> None:
    """No style, id, link or script; text is escaped; equal input gives equal output."""
    bars = bar_chart([Bar("<1>", 1), Bar("2", 2, 1)], label='"<x>"', axes=AXES, limit=(1, "<l>"))
    lines = line_chart([Curve("<c>", [(1, 2)])], label="<x>", axes=("<s>", "<t>"), level=(1, "<l>"))
    for drawing in (bars, lines, interval_bar(0.1, 0.2, 0.3)):
        assert not re.search(r"style=|\bid=|href|script|#[0-9a-f]{6}|<[xlcst1]>", drawing)
    assert 'role="img" aria-label="&quot;&lt;x&gt;&quot;"' in bars
    assert bars == bar_chart([Bar("<1>", 1), Bar("2", 2, 1)], label='"<x>"', axes=AXES, limit=(1, "<l>"))


@given(st.floats(1e-9, 1e9))
def test_ticks_are_round_and_few(top: float) -> None:
    """Equal steps of 1, 2 or 5 times a power of ten from 0, at most six, and the last at or above the top."""
    ticks = round_ticks(top)
    assert ticks[0] == 0
    assert 3 <= len(ticks) <= 7
    assert top * (1 - 1e-6) <= ticks[-1] <= top * 2 + 1e-12
    assert float(f"{ticks[1]:.6e}".split("e")[0]) in {1, 2, 5}


def test_counts_have_whole_ticks() -> None:
    """An axis of counts has no half row."""
    assert round_ticks(2, whole=True) == [0, 1, 2]
