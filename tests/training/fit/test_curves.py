"""The curves of a run: what is in them, that the page is whole without a network, and round numbers beside it."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.fit.curves import HTML, PNG, _svg, _ticks, charts, draw_curves, page
from training.recipe.recipe import load_recipe

LINES: list[dict[str, Any]] = [
    {"step": 1, "loss": 2.0, "learning_rate": 0.0, "gradient_norm": 3.0},
    {"step": 2, "loss": math.nan, "learning_rate": 1e-3, "gradient_norm": None},
    {"step": 3, "loss": 1.0, "learning_rate": 1e-5, "gradient_norm": 0.5},
    {"step": 3, "validation_loss": 1.5},
]
MANIFEST = {
    "recipe": {"name": "custom", "fingerprint": "f" * 64, "values": load_recipe("demo").values()},
    "base": {"name": "<b>", "revision": ""},
    "data": {"rows": 1234},
    "steps": 3,
    "loss": {"final": 1.0, "best": 1.0, "best_step": 3},
    "gradient_norm": {"steps_above": 1, "steps": 3, "share_above": 1 / 3, "highest": 3.0, "highest_step": 1},
    "tokens_per_second": 1000.0,
    "peak_memory_gib": 0.5,
}


def test_each_chart_has_the_points_of_its_line() -> None:
    """Loss and validation loss, learning rate, gradient norm with the limit; what is no number is left out."""
    loss, rate, norm = charts(LINES, 1.0)
    assert [(series.name, series.points) for series in loss.series] == [
        ("training loss", ((1, 2.0), (3, 1.0))),
        ("validation loss", ((3, 1.5),)),
    ]
    assert rate.series[0].points == ((1, 0.0), (2, 1e-3), (3, 1e-5))
    assert (norm.series[0].points, norm.level) == (((1, 3.0), (3, 0.5)), 1.0)
    assert (loss.level, rate.level) == (None, None)


def test_the_page_is_whole_by_itself() -> None:
    """Three drawings with the limit's line, the numbers, nothing fetched, and names of others as text."""
    text = page(charts(LINES, 1.0), MANIFEST)
    assert text.count("<svg") == 3
    assert text.count("clipped above 1<") == 1
    assert not re.search(r"https?:|src=|<script|<link|@import|url\(", text)
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert "1 of 3 steps (33.3%), the highest 3.00 at step 1" in text


def test_a_line_lies_where_its_numbers_are() -> None:
    """The highest point is nearest to the top, the last step at the right edge, zero on the axis."""
    (points,) = re.findall(r'points="([^"]+)"', _svg(charts(LINES, 1.0)[1]))
    places = [tuple(map(float, point.split(","))) for point in points.split()]
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert places[-1][0] == 850.0
    assert places[0][1] == 200.0
    assert places[1][1] == min(y for _, y in places)


@given(st.floats(1e-9, 1e9))
def test_numbers_beside_a_chart_are_round_and_few(top: float) -> None:
    """From zero in equal steps that are 1, 2 or 5 times a power of ten, at most eight of them, none above the top."""
    ticks = _ticks(top)
    assert ticks[0] == 0
    assert 3 <= len(ticks) <= 8
    assert ticks[-1] <= top * (1 + 1e-12)
    mantissa = float(f"{ticks[1]:e}".split("e")[0])
    assert mantissa in {1, 2, 5}


@pytest.mark.parametrize("lines", [LINES, []])
def test_picture_and_page_are_written(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    """Both files are there, even of a run whose every step was lost."""
    draw_curves(lines, MANIFEST, tmp_path)
    assert (tmp_path / PNG).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / HTML).read_text(encoding="utf-8").startswith("<!doctype html>")
