"""SVG charts for HTML pages: bars, curves and intervals.

Positions are percentages, so text keeps its size at any width. Colors are classes of ``page.css``, so they follow the
color scheme. A chart has no style, script, id or link, which the content security policy of the page would block.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

__all__ = ["Bar", "Curve", "bar_chart", "interval_bar", "line_chart", "round_ticks"]

_INTERVALS = 5  # of an axis, at most
_NAMES = 8  # below the bars, at most; a phone shows every second one
_DOTTED = 30  # points of a curve that gets a dot for each, at most


class Bar(NamedTuple):
    """Bar with a name, a height, and optionally a second height to mark, such as the expected one."""

    name: str
    value: float
    mark: float | None = None


class Curve(NamedTuple):
    """Curve with a name for the legend, its points, and its class in ``page.css``."""

    name: str
    points: Sequence[tuple[float, float]]
    kind: str = "curve"


def bar_chart(
    bars: Sequence[Bar],
    *,
    label: str,
    axes: tuple[str, str],
    edges: bool = False,
    limit: tuple[float, str] = (0, ""),
    mark: str = "",
) -> str:
    """Return vertical bars with names below them.

    Args:
        bars: bars from left to right.
        label: description for screen readers.
        axes: titles of the horizontal and the vertical axis.
        edges: bar names mark left edges, as in a histogram, instead of centers.
        limit: position of a vertical line, in bars from the left edge, and its name; none without a name.
        mark: name of what ``Bar.mark`` holds.
    """
    slots = max(len(bars), math.ceil(limit[0]))
    ticks = round_ticks(max(max(bar.value, bar.mark or 0) for bar in bars), whole=True)
    width, height, every = 100 / slots, 100 / ticks[-1], -(-slots // _NAMES)
    parts = list(_axes(ticks, axes))
    for at, bar in enumerate(bars):
        left, right, top = (at + 0.06) * width, (at + 0.94) * width, 100 - bar.value * height
        parts.append(_rect("bar", left, top, right - left, 100 - top, f"{bar.name}: {bar.value:,}"))
        if bar.mark is not None:
            parts.append(_line("limit", left, 100 - bar.mark * height, right, 100 - bar.mark * height))
    for at in range(0, len(bars), every):
        kind = "x-tick more" if at // every % 2 else "x-tick"
        parts.append(_text(kind, (at if edges else at + 0.5) * width, 100, bars[at].name))
    if limit[1]:
        x = limit[0] * width
        parts += [_line("limit dashed", x, 0, x, 100), _text("limit-name", x, 0, limit[1])]
    return _legend([("bar", axes[1]), ("limit", mark)] if mark else []) + _svg(label, parts)


def line_chart(
    curves: Sequence[Curve], *, label: str, axes: tuple[str, str], level: tuple[float, str] = (0, "")
) -> str:
    """Return curves over a common axis that starts at 0, with a legend above them.

    Args:
        curves: curves in drawing order.
        label: description for screen readers.
        axes: titles of the horizontal and the vertical axis.
        level: height of a horizontal line, and its name; none without a name.
    """
    points = [point for curve in curves for point in curve.points]
    last = max((x for x, _ in points), default=1)
    ticks = round_ticks(max([level[0], *(y for _, y in points)]))
    parts = list(_axes(ticks, axes))
    parts += [_text("x-tick", 100 * x / last, 100, _number(x)) for x in round_ticks(last, whole=True) if x <= last]
    keys = [(curve.kind, curve.name) for curve in curves]
    if level[1]:
        keys.append(("limit dashed", level[1]))
        parts.append(_line("limit dashed", 0, 100 - 100 * level[0] / ticks[-1], 100, 100 - 100 * level[0] / ticks[-1]))
    for curve in curves:
        places = [(100 * x / last, 100 - 100 * y / ticks[-1]) for x, y in curve.points]
        drawn = " ".join(f"{x:.2f},{y:.2f}" for x, y in places)
        line = f'<polyline class="{curve.kind}" points="{drawn}"/>'
        parts.append(f'<svg viewBox="0 0 100 100" preserveAspectRatio="none">{line}</svg>')
        if len(places) <= _DOTTED:
            parts += [f'<circle class="{curve.kind}" cx="{x:.2f}%" cy="{y:.2f}%" r="3"/>' for x, y in places]
    return _legend(keys) + _svg(label, parts)


def interval_bar(low: float, value: float, high: float) -> str:
    """Return a value and its interval between 0 and 1, without a description: the numbers are next to it."""
    width = max(100 * (high - low), 0.5)
    parts = _rect("track", 0, 44, 100, 12), _rect("range", 100 * low, 12, width, 76)
    dot = _rect("dot", max(100 * value - 0.6, 0), 0, 1.2, 100)
    return f'<svg class="interval" aria-hidden="true">{"".join(parts)}{dot}</svg>'


def round_ticks(top: float, *, whole: bool = False) -> list[float]:
    """Return equal steps from 0 to the first at or above ``top``; a step is 1, 2 or 5 times a power of ten."""
    top = top or 1.0
    size = 10.0 ** math.floor(math.log10(top))
    step = next(size * part for part in (0.2, 0.5, 1.0, 2.0) if top / (size * part) <= _INTERVALS)
    step = max(step, 1.0) if whole else step
    return [step * at for at in range(math.ceil(round(top / step, 9)) + 1)]


def _axes(ticks: Sequence[float], titles: tuple[str, str]) -> Iterator[str]:
    for value in ticks:
        y = 100 - 100 * value / ticks[-1]
        yield _line("grid", 0, y, 100, y) + _text("y-tick", 0, y, _number(value))
    yield _text("x-title", 50, 100, titles[0]) + _text("y-title", 0, 0, titles[1])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 and value == int(value) else f"{value:.3g}"


def _legend(keys: Sequence[tuple[str, str]]) -> str:
    names = "".join(
        f'<span><svg class="key" aria-hidden="true">{_line(kind, 0, 50, 100, 50)}</svg>{escape(name)}</span>'
        for kind, name in keys
    )
    return f'<p class="legend">{names}</p>' if len(keys) > 1 else ""


def _svg(label: str, parts: Iterable[str]) -> str:
    return f'<svg class="plot" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.2f}%" y1="{y1:.2f}%" x2="{x2:.2f}%" y2="{y2:.2f}%"/>'


def _rect(kind: str, x: float, y: float, width: float, height: float, title: str = "") -> str:
    inner = f"><title>{escape(title)}</title></rect>" if title else "/>"
    return f'<rect class="{kind}" x="{x:.2f}%" y="{y:.2f}%" width="{width:.2f}%" height="{height:.2f}%"{inner}'


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:.2f}%" y="{y:.2f}%">{escape(text)}</text>'
