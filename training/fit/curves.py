"""The curves of a run: loss, learning rate and gradient norm against steps, as a picture and as a page of its own.

The page holds everything it shows and asks nothing of a network.
"""

import html
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.io.atomic_file import write_file

__all__ = ["HTML", "PNG", "Chart", "Series", "charts", "draw_curves", "page"]

PNG, HTML = "curves.png", "curves.html"

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 860, 230, 70, 30, 12
_TICKS = 7  # at most, beside the one at 0
_BLUE, _ORANGE, _RED = "#1f5fa8", "#c25e00", "#b3261e"


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a chart: its name, its colour, and its points."""

    name: str
    colour: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: a title, lines over steps, and a level drawn across where there is one."""

    title: str
    series: tuple[Series, ...]
    level: float | None = None


def draw_curves(lines: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any], folder: Path) -> None:
    """Write ``curves.png`` and ``curves.html`` of a run.

    Raises:
        OutputError: they cannot be written.
    """
    drawn = charts(lines, manifest["recipe"]["values"]["optimizer"]["max_grad_norm"])
    write_file(folder / PNG, _picture(drawn))
    write_file(folder / HTML, page(drawn, manifest).encode())


def charts(lines: Sequence[Mapping[str, Any]], limit: float) -> list[Chart]:
    """The three charts of a run's metrics; what is no number is left out of its line."""

    def points(name: str) -> tuple[tuple[float, float], ...]:
        found = ((line["step"], line.get(name)) for line in lines)
        return tuple((step, value) for step, value in found if value is not None and math.isfinite(value))

    loss = [Series("training loss", _BLUE, points("loss"))]
    if validation := points("validation_loss"):
        loss.append(Series("validation loss", _ORANGE, validation))
    return [
        Chart("Loss", tuple(loss)),
        Chart("Learning rate", (Series("learning rate", _BLUE, points("learning_rate")),)),
        Chart("Gradient norm before clipping", (Series("gradient norm", _BLUE, points("gradient_norm")),), limit),
    ]


def page(drawn: Sequence[Chart], manifest: Mapping[str, Any]) -> str:
    """The page with the charts and what ``run.json`` says in numbers."""
    recipe, base = manifest["recipe"], manifest["base"]
    facts = {
        "recipe": f"{recipe['name']} ({recipe['fingerprint'][:16]})",
        "base": " ".join(filter(None, (base["name"], base["revision"]))),
        "rows": f"{manifest['data']['rows']:,}",
        "steps": f"{manifest['steps']:,}",
        "final loss": f"{manifest['loss']['final']:.4f}",
        "best loss": f"{manifest['loss']['best']:.4f} at step {manifest['loss']['best_step']:,}",
        "gradient norm above the limit": _above(manifest["gradient_norm"]),
        "tokens a second": f"{manifest['tokens_per_second']:,.0f}",
        "peak memory": f"{manifest['peak_memory_gib']:.2f} GiB",
    }
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in facts.items()
    )
    figures = "".join(f"<h2>{html.escape(chart.title)}</h2>{_svg(chart)}" for chart in drawn)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Curves of a training run</title><style>'
        "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:56rem;padding:0 1rem;color:#1c1c1c;"
        "background:#fff}h2{font-size:1.05rem;margin:1.6rem 0 .3rem}svg{width:100%;height:auto}"
        "th{text-align:left;font-weight:600;padding-right:1.5rem}text{font:12px system-ui,sans-serif;fill:#444}"
        "</style></head><body><h1>Curves of a training run</h1>"
        f"<table>{rows}</table>{figures}</body></html>\n"
    )


def _above(gradients: Mapping[str, Any]) -> str:
    return (
        f"{gradients['steps_above']:,} of {gradients['steps']:,} steps ({gradients['share_above']:.1%}), "
        f"the highest {gradients['highest']:.2f} at step {gradients['highest_step']:,}"
    )


def _svg(chart: Chart) -> str:
    steps = [step for series in chart.series for step, _ in series.points] or [1.0]
    top, last = _top(chart), max(steps)

    def place(step: float, value: float) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - _LEFT - 10) * step / last
        return x, _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value / top)

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(chart.title)}">']
    for value in _ticks(top):
        _, y = place(0, value)
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - 10}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    for step in _ticks(last):
        x, _ = place(step, 0)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{step:,.0f}</text>')
    for series in chart.series:
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(step, value) for step, value in series.points))
        parts.append(
            f'<polyline fill="none" stroke="{series.colour}" stroke-width="1.6" points="{drawn}">'
            f"<title>{html.escape(series.name)}</title></polyline>"
        )
    for number, series in enumerate(chart.series):
        at = f'x="{_WIDTH - 130}" y="{_TOP + 12 + 16 * number}" style="fill:{series.colour}"'
        parts.append(f"<text {at}>{html.escape(series.name)}</text>")
    if chart.level is not None:
        _, y = place(0, chart.level)
        line = f'x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - 10}" y2="{y:.1f}"'
        parts.append(f'<line {line} stroke="{_RED}" stroke-dasharray="5 4"/>')
        parts.append(f'<text x="{_LEFT + 6}" y="{y - 4:.1f}" style="fill:{_RED}">clipped above {chart.level:g}</text>')
    return "".join([*parts, "</svg>"])


def _ticks(top: float) -> list[float]:
    """Round numbers from 0 to ``top``, four to eight of them."""
    size = 10.0 ** math.floor(math.log10(top))
    between = next(size * part for part in (0.2, 0.5, 1.0, 2.0) if top / (size * part) <= _TICKS)
    return [between * n for n in range(math.floor(top / between) + 1)]


def _top(chart: Chart) -> float:
    """Where a chart ends: a little above everything in it."""
    values = [value for series in chart.series for _, value in series.points]
    return max([*values, chart.level or 0.0]) * 1.08 or 1.0


def _picture(drawn: Sequence[Chart]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 8), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, chart in zip(figure.subplots(len(drawn), 1, sharex=True), drawn, strict=True):
        for series in chart.series:
            axes.plot(
                *zip(*series.points, strict=True) if series.points else ([], []), series.colour, label=series.name
            )
        if chart.level is not None:
            axes.axhline(chart.level, color=_RED, linestyle="--", linewidth=1, label=f"clipped above {chart.level:g}")
        axes.set_title(chart.title, loc="left", fontsize=10)
        axes.set_ylim(0, _top(chart))
        axes.grid(alpha=0.3)
        axes.legend(loc="upper right", fontsize=8, frameon=False)
    axes.set_xlabel("step")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
