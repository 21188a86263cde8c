"""The plan and the result of a run as text for the terminal."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.display.console import duration
from training.recipe.recipe import flat_values

if TYPE_CHECKING:
    from dataset_tools.samples.reader import SampleFolder
    from training.fit.plan import TrainingPlan

__all__ = ["plan_lines", "result_lines"]


def plan_lines(plan: "TrainingPlan") -> Iterator[str]:
    """Yield the plan: every value of the recipe with its source, then steps, machine, memory and time."""
    yield from _recipe_lines(plan)
    recipe, gpu = plan.recipe, plan.machine.gpu
    size = (plan.base.shape.body + plan.base.shape.embedding) / 1e6
    at = f" at {plan.base.revision}" if plan.base.revision else ""
    yield f"base: {plan.base.name}{at}, {size:,.1f} million parameters"
    yield f"data: {_counts(plan.samples)}"
    if plan.validation:
        yield f"validation: {_counts(plan.validation)}"
    yield (
        f"steps: {plan.steps:,} = {recipe.schedule.epochs} x {plan.steps_per_epoch:,}, "
        f"of {recipe.batch.rows} x {recipe.batch.accumulation} rows each; {recipe.schedule.warmup_steps} warmup steps"
    )
    yield f"machine: {f'{gpu.name}, {gpu.memory_gib:.1f} GiB' if gpu else 'no GPU'}; dtype {plan.dtype}"
    kind = "a T4" if recipe.hardware.device == "gpu" or gpu else "this machine"
    parts = ", ".join(f"{name} {value:.2f}" for name, value in plan.memory.parts.items())
    yield f"memory on {kind}: about {plan.memory.total:.1f} of {recipe.hardware.memory_gib:g} GiB ({parts})"
    yield f"  formula: {plan.memory.source}"
    speed = plan.time.tokens_per_second
    yield f"time on {kind}: about {duration(plan.time.seconds)} at {speed:,.0f} tokens/s"
    yield f"  formula: {plan.time.source}"
    if not plan.reasons:
        yield "ready to train"
    for reason in plan.reasons:
        yield f"cannot start: {reason}"


def _recipe_lines(plan: "TrainingPlan") -> Iterator[str]:
    recipe = plan.recipe
    yield f"recipe {recipe.name}, fingerprint {recipe.fingerprint()[:16]}"
    named = {"model.base": plan.base.name, "model.revision": plan.base.revision}
    chosen = named if plan.base_source == "--base" else {}
    for key, value in flat_values(recipe.values()).items():
        yield f"  {key} = {chosen.get(key, value)}    [{'--base' if key in chosen else plan.recipe_source}]"


def result_lines(run: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """Yield the result of a finished run, from its manifest."""
    gradients = run["gradient_norm"]
    yield (
        f"{run['steps']:,} steps in {duration(run['training_seconds'])}, {run['tokens_per_second']:,.0f} tokens/s, "
        f"peak memory {run['peak_memory_gib']:.2f} GiB"
    )
    for name in ("loss", "validation_loss"):
        if name in run:
            loss = run[name]
            shown = name.replace("_", " ")
            yield f"{shown} {loss['final']:.4f}, best {loss['best']:.4f} at step {loss['best_step']:,}"
    yield (
        f"gradient norm above {gradients['limit']:g} at {gradients['steps_above']:,} of {gradients['steps']:,} steps, "
        f"highest {gradients['highest']:.2f} at step {gradients['highest_step']:,}"
    )
    yield f"adapter in {folder / 'adapter'}, curves in {folder / 'curves.html'}"


def _counts(samples: "SampleFolder") -> str:
    tokens, trained, _, longest = samples.counts
    return (
        f"{samples.rows:,} rows, {tokens:,} tokens, {trained:,} of them trained ({trained / max(tokens, 1):.1%}), "
        f"longest row {longest:,}"
    )
