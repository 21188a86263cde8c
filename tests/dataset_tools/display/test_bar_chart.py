"""Bars as SVG: what is in a drawing, and that nothing else is."""

import re
from xml.etree import ElementTree as ET

from dataset_tools.display.bar_chart import Bar, bars

SVG = "{http://www.w3.org/2000/svg}"


def parsed(drawing: str) -> ET.Element:
    """The drawing as XML."""
    return ET.fromstring(drawing.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))  # noqa: S314


def heights(root: ET.Element) -> list[float]:
    """How high each bar is drawn."""
    found = []
    for path in root.iter(f"{SVG}path"):
        if path.get("class") == "fill-bar":
            ys = [float(pair.split()[1]) for pair in re.findall(r"[ML] ([\d.]+ [\d.]+)", path.get("d", ""))]
            found.append(max(ys) - min(ys))
    return found


def test_bars_are_as_high_as_their_values() -> None:
    """In proportion; a bar of nothing has no height."""
    root = parsed(bars([Bar("1", 30), Bar("2", 15), Bar("3", 0)], told="three"))
    first, second, third = heights(root)
    assert first > 50
    assert abs(first / second - 2) < 0.01
    assert third == 0
    assert root.get("aria-label") == "three"


def test_names_marks_and_limits_are_there() -> None:
    """Names are text, marks and the line of a limit have the colour of limits."""
    root = parsed(bars([Bar("1", 3, 2.5), Bar("2", 1, 2.5)], told="t", across="place", limit=(1.5, "4,096")))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"1", "2", "place", "4,096"} <= set(texts)
    assert sum(path.get("class") == "stroke-limit" for path in root.iter(f"{SVG}path")) == 3


def test_of_many_names_some_are_shown() -> None:
    """Thirty names do not fit under thirty bars."""
    root = parsed(bars([Bar(f"n{at}", 1) for at in range(30)], told="t"))
    shown = [text.text for text in root.iter(f"{SVG}text") if (text.text or "").startswith("n")]
    assert shown == ["n0", "n4", "n8", "n12", "n16", "n20", "n24", "n28"]


def test_a_drawing_holds_nothing_that_a_page_may_not() -> None:
    """No style, id, link, script or colour of its own; what a reader is told is escaped; and it is always the same."""
    drawing = bars([Bar("1", 1), Bar("2", 2, 1)], told='"<x>"', limit=(1, "l"))
    assert not re.search(r"style|\bid=|href|script|#[0-9a-f]{6}|<use|<defs|metadata", drawing)
    assert 'aria-label="&quot;&lt;x&gt;&quot;"' in drawing
    assert drawing == bars([Bar("1", 1), Bar("2", 2, 1)], told='"<x>"', limit=(1, "l"))
