"""Bars as SVG inside a page: drawn by matplotlib, then freed of all that a page may not hold.

Text stays text, so that the browser shapes it and shows it in its own font; colours become classes, so that they
follow the page from light to dark; there is no style, no script, no id and no link.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Bar", "bars"]

_SVG = "{http://www.w3.org/2000/svg}"
_WIDTH, _HEIGHT = 6.4, 2.7  # inches; a phone shows it at half the size, so the letters are large
_LETTERS = 11  # points
_MOST_NAMES = 8  # under the bars
# Colours that no drawing uses by itself stand for the classes of the page's style.
_CLASSES = {"#010203": "bar", "#020304": "line", "#030405": "quiet", "#040506": "limit", "#050607": "text"}
_BAR, _LINE, _QUIET, _LIMIT, _TEXT = _CLASSES
_KEPT = frozenset(("d", "transform", "x", "y", "width", "height", "viewBox", "points"))
_DRAWN = frozenset(("stroke-width", "stroke-dasharray", "stroke-linejoin", "stroke-linecap", "text-anchor"))


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        name: what stands below it.
        value: its height.
        mark: a height that is marked across it, such as what chance gives.
    """

    name: str
    value: float
    mark: float | None = None


def bars(shown: Sequence[Bar], *, told: str, across: str = "", limit: tuple[float, str] | None = None) -> str:
    """Bars over names.

    Args:
        shown: the bars, from left to right.
        told: what a reader who does not see it is told.
        across: what the names are, below them.
        limit: a place among the bars, counted from the left edge of the first, where a line stands, and its name.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "font.size": _LETTERS, "text.color": _TEXT, "path.simplify": False}):
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        _draw(figure.subplots(), shown, across, limit)
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return _freed(buffer.getvalue(), told)


def _draw(axes: "Axes", shown: Sequence[Bar], across: str, limit: tuple[float, str] | None) -> None:
    places = range(len(shown))
    axes.bar(places, [bar.value for bar in shown], width=0.86, color=_BAR, clip_on=False)
    marked = [(at, bar.mark) for at, bar in enumerate(shown) if bar.mark is not None]
    for at, mark in marked:
        axes.plot([at - 0.43, at + 0.43], [mark, mark], color=_LIMIT, linewidth=2, clip_on=False)
    if limit is not None:
        place, name = limit
        axes.axvline(place - 0.5, color=_LIMIT, linewidth=1.5, linestyle=(0, (5, 3)), clip_on=False)
        left = place > len(shown) / 2
        axes.text(
            place - 0.5 + (-0.1 if left else 0.1), 1.0, name, color=_LIMIT, va="bottom",
            ha="right" if left else "left", transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    step = max(1, -(-len(shown) // _MOST_NAMES))
    axes.set_xticks(list(places)[::step], [bar.name for bar in shown][::step], color=_QUIET)
    axes.set_xlim(-0.6, max(len(shown) - 0.4, limit[0] if limit else 0))
    axes.set_ylim(bottom=0)
    axes.locator_params(axis="y", nbins=4, integer=True)
    axes.tick_params(length=0, labelcolor=_QUIET)
    axes.grid(axis="y", color=_LINE, linewidth=1, clip_on=False)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.patch.set_visible(False)
    axes.figure.patch.set_visible(False)
    if across:
        axes.set_xlabel(across, color=_QUIET)


def _freed(drawing: bytes, told: str) -> str:
    """A drawing with nothing in it but shapes and text."""
    root = ET.fromstring(drawing)  # noqa: S314 - matplotlib's own, made just before
    box = root.attrib["viewBox"]
    inner = "".join(_element(child) for child in root)
    return f'<svg class="plot" viewBox="{escape(box)}" role="img" aria-label="{escape(told)}">{inner}</svg>'


def _element(element: ET.Element) -> str:
    name = element.tag.removeprefix(_SVG)
    if not element.tag.startswith(_SVG) or name not in ("g", "path", "text", "tspan", "line", "rect"):
        return ""  # metadata, definitions, styles
    style = dict(re.findall(r"([a-z-]+):\s*([^;]+)", element.get("style", "")))
    attributes = {key: value for key, value in element.attrib.items() if key in _KEPT}
    attributes |= {key: value for key, value in style.items() if key in _DRAWN}
    kinds = [f"{way}-{_CLASSES[style[way]]}" for way in ("fill", "stroke") if style.get(way) in _CLASSES]
    if style.get("fill") == "none":
        attributes["fill"] = "none"
    if kinds:
        attributes["class"] = " ".join(kinds)
    inner = escape((element.text or "").strip()) + "".join(_element(child) for child in element)
    if name in ("g", "text") and not inner:
        return ""
    written = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{inner}</{name}>"
