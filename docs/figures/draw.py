"""Figures of ``recipe.md`` from measured runs: ``python docs/figures/draw.py``.

``measure.py`` writes ``measured/`` on any machine; memory on a GPU comes from ``benchmarks/gpu_training.py``.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
MEASURED = HERE / "measured"
IMAGES = HERE.parent / "images"
GPU = HERE.parent.parent / "benchmarks" / "results" / "gpu_training.json"
BLUE, ORANGE, RED = "#1f5fa8", "#c25e00", "#b3261e"
GPU_LAYERS = 18
_MIB = 2**20


def read_run() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the facts of the measured run, and its steps."""
    facts, *steps = map(json.loads, (MEASURED / "run.jsonl").read_text(encoding="utf-8").splitlines())
    return facts, steps


def learning_rate(done: int, *, total: int, warmup: int, peak: float, final: float) -> float:
    """Return the learning rate of the step after ``done`` steps of a run of ``total``: the formula of ``recipe.md``."""
    if done < warmup:
        return peak * done / warmup
    return final + (peak - final) * (1 + math.cos(math.pi * (done - warmup) / (total - warmup))) / 2


def formula(facts: dict[str, Any], steps: int) -> list[float]:
    """Return the learning rate of each step by the formula."""
    schedule = facts["schedule"]
    return [
        learning_rate(
            done,
            total=steps,
            warmup=schedule["warmup_steps"],
            peak=schedule["peak_learning_rate"],
            final=schedule["final_learning_rate"],
        )
        for done in range(steps)
    ]


def gpu_memory() -> dict[str, list[tuple[int, float]]]:
    """Return GiB above the resting model by layers, for each side measured with several numbers of layers."""
    found: dict[str, list[tuple[int, float]]] = {}
    for entry in json.loads(GPU.read_text(encoding="utf-8")):
        if "error" in entry or "held" in entry["side"] or "recomputing" in entry["side"]:
            continue
        name, layers = re.fullmatch(r"(.+?)(?:, (\d+) layers)?", entry["side"]).groups()  # type: ignore[union-attr]
        found.setdefault(name, []).append((int(layers or GPU_LAYERS), entry["peak_gib"] - entry["resting_gib"]))
    return {name: sorted(points) for name, points in found.items() if len(points) > 1}


def _axes(title: str, down: str, across: str = "step") -> tuple[Figure, Any]:
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(across)
    axes.set_ylabel(down)
    axes.grid(alpha=0.3)
    return figure, axes


def _save(figure: Figure, axes: Any, name: str) -> None:  # noqa: ANN401 - matplotlib's own
    axes.set_ylim(bottom=0)
    axes.legend(loc="best", fontsize=8, frameon=False)
    figure.savefig(IMAGES / name, dpi=110)


def draw_learning_rate() -> None:
    """Draw the optimizer's rate at each step on the line of the formula."""
    facts, steps = read_run()
    figure, axes = _axes("Learning rate", "rate")
    axes.plot(range(1, len(steps) + 1), formula(facts, len(steps)), ORANGE, linewidth=4, alpha=0.4, label="formula")
    axes.plot([s["step"] for s in steps], [s["learning_rate"] for s in steps], BLUE, linewidth=1, label="measured")
    _save(figure, axes, "recipe-learning-rate.png")


def draw_gradient_norm() -> None:
    """Draw the gradient norm before clipping, with the limit."""
    facts, steps = read_run()
    limit = facts["optimizer"]["max_grad_norm"]
    figure, axes = _axes("Gradient norm before clipping", "norm")
    axes.plot([s["step"] for s in steps], [s["gradient_norm"] for s in steps], BLUE, linewidth=1, label="measured")
    axes.axhline(limit, color=RED, linestyle="--", linewidth=1, label=f"clipped above {limit:g}")
    _save(figure, axes, "recipe-gradient-norm.png")


def draw_layers() -> None:
    """Draw the bytes that layers keep for the backward pass."""
    measured = json.loads((MEASURED / "layers.json").read_text(encoding="utf-8"))
    title = f"Kept for the backward pass by a row of {measured['tokens']:,} tokens, in float32"
    figure, axes = _axes(title, "MiB", "layers")
    for name, colour, label in (("kept", ORANGE, "everything kept"), ("recomputed", BLUE, "computed again")):
        points = [(int(layers), size / _MIB) for layers, size in measured["bytes"][name].items()]
        axes.plot(*zip(*points, strict=True), colour, marker="o", label=label)
    _save(figure, axes, "recipe-layers.png")


def draw_gpu_memory() -> None:
    """Draw the memory of a step above the resting model, on a GPU, by layers."""
    figure, axes = _axes("Memory of a step above the resting model, on a GPU", "GiB", "layers")
    for (name, points), colour in zip(gpu_memory().items(), (BLUE, ORANGE), strict=False):
        axes.plot(*zip(*points, strict=True), colour, marker="o", label=name)
    _save(figure, axes, "recipe-gpu-memory.png")


def main() -> None:
    """Draw every figure."""
    draw_learning_rate()
    draw_gradient_norm()
    draw_layers()
    draw_gpu_memory()


if __name__ == "__main__":
    main()
