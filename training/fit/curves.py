"""``curves.html``: loss, learning rate and gradient norm of a training run, by step."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dataset_tools.display.chart import Curve, line_chart
from dataset_tools.display.html import cards, isolated, shell

__all__ = ["HTML", "curves_page", "moving_mean"]

HTML = "curves.html"

_WINDOW = 20  # steps of the moving mean
_Points = Sequence[tuple[float, float]]


def curves_page(lines: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any]) -> str:
    """Return the page of a run.

    Args:
        lines: lines of ``metrics.jsonl``; values that are not finite are left out of the curves.
        manifest: ``run.json``.
    """
    loss, validation = _points(lines, "loss"), _points(lines, "validation_loss")
    norm, limit = _points(lines, "gradient_norm"), manifest["recipe"]["values"]["optimizer"]["max_grad_norm"]
    losses = [Curve("every step", loss, "faint"), Curve(f"mean of {_WINDOW} steps", moving_mean(loss))]
    if validation:
        losses.append(Curve("validation loss", validation, "second"))
    norms = [Curve("every step", norm, "faint"), Curve(f"mean of {_WINDOW} steps", moving_mean(norm))]
    body = "\n".join(
        (
            _cards(manifest, loss, validation),
            _figure("Loss", losses),
            _figure("Learning rate", [Curve("learning rate", _points(lines, "learning_rate"))]),
            _figure("Gradient norm before clipping", norms, (limit, f"clipped above {limit:g}")),
        )
    )
    recipe, base = manifest["recipe"], manifest["base"]
    facts = [
        f"recipe {isolated(recipe['name'])} ({recipe['fingerprint'][:16]})",
        f"base {isolated(' '.join(filter(None, (base['name'], base['revision']))))}",
        f"{manifest['data']['rows']:,} rows",
    ]
    return shell("Training curves", " · ".join(facts), body)


def moving_mean(points: _Points) -> _Points:
    """Return the mean of each value and up to 19 values before it."""
    means = []
    for at, (step, _) in enumerate(points):
        window = [value for _, value in points[max(0, at + 1 - _WINDOW) : at + 1]]
        means.append((step, math.fsum(window) / len(window)))
    return means


def _points(lines: Sequence[Mapping[str, Any]], name: str) -> _Points:
    found = ((line["step"], line.get(name)) for line in lines)
    return [(step, value) for step, value in found if value is not None and math.isfinite(value)]


def _cards(manifest: Mapping[str, Any], loss: _Points, validation: _Points) -> str:
    gradients, entries = manifest["gradient_norm"], {"steps": (f"{manifest['steps']:,}", "")}
    if loss:
        entries["loss"] = f"{moving_mean(loss)[-1][1]:.4f}", f"mean of the last {min(len(loss), _WINDOW)} steps"
    if validation:
        step, best = min(validation, key=lambda point: point[1])
        entries["best validation loss"] = f"{best:.4f}", f"at step {step:,}"
    highest = (
        f"of {gradients['steps']:,}; highest norm {gradients['highest']:.2f} at step {gradients['highest_step']:,}"
    )
    entries["clipped steps"] = f"{gradients['steps_above']:,}", highest
    entries["tokens per second"] = f"{manifest['tokens_per_second']:,.0f}", ""
    entries["peak memory"] = f"{manifest['peak_memory_gib']:.2f} GiB", ""
    return cards(entries)


def _figure(title: str, curves: Sequence[Curve], level: tuple[float, str] = (0, "")) -> str:
    values = [value for curve in curves for _, value in curve.points]
    label = f"{title} by step, from {min(values):.3g} to {max(values):.3g}" if values else f"{title}: no values"
    drawing = line_chart(
        curves, label=label, axes=("step", title.removesuffix(" before clipping").lower()), level=level
    )
    return f"<h2>{title}</h2>\n<figure>{drawing}</figure>"
