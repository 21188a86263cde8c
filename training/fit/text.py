"""What training tells a person: the plan and the result as text. Nothing is decided here."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.display.progress import duration

if TYPE_CHECKING:
    from dataset_tools.samples.reader import SampleFolder
    from training.fit.plan import Plan

__all__ = ["plan_lines", "result_lines"]


def plan_lines(plan: "Plan") -> Iterator[str]:
    """The plan, a line at a time: every value of the recipe with its source, then what the run takes."""
    recipe = plan.recipe
    yield f"recipe {recipe.name}, fingerprint {recipe.fingerprint()[:16]}"
    for section, values in recipe.values().items():
        if not isinstance(values, dict):
            yield f"  {section} = {values}    [{plan.recipe_source}]"
            continue
        for key, value in values.items():
            chosen = (section, key) in (("model", "base"), ("model", "revision")) and plan.base_source == "--base"
            shown = {"base": plan.base.name, "revision": plan.base.revision}[key] if chosen else value
            listed = ", ".join(shown) if isinstance(shown, list) else shown
            yield f"  {section}.{key} = {listed!s}    [{'--base' if chosen else plan.recipe_source}]"
    size = (plan.base.shape.body + plan.base.shape.embedding) / 1e6
    at = f" at {plan.base.revision}" if plan.base.revision else ""
    yield f"base: {plan.base.name}{at}, {size:,.1f} million parameters"
    yield f"data: {_counts(plan.samples)}"
    if plan.validation:
        yield f"validation: {_counts(plan.validation)}"
    yield (
        f"steps: {plan.steps:,} = {recipe.schedule.epochs} x {plan.steps_per_epoch:,}, "
        f"of {recipe.batch.rows} x {recipe.batch.accumulation} rows each; "
        f"the first {recipe.schedule.warmup_steps} warm up"
    )
    where = f"{plan.gpu.name}, {plan.gpu.memory_gib:.1f} GiB" if plan.gpu else "no GPU"
    yield f"machine: {where}; computed in {plan.number}"
    kind = "a T4" if recipe.hardware.device == "gpu" or plan.gpu else "this machine"
    parts = ", ".join(f"{name} {value:.2f}" for name, value in plan.memory.parts.items())
    yield f"memory on {kind}: about {plan.memory.total:.1f} of {recipe.hardware.memory_gib:g} GiB ({parts})"
    yield f"  by {plan.memory.source}"
    speed = plan.time.tokens_per_second
    yield f"time on {kind}: about {duration(plan.time.seconds)} at {speed:,.0f} tokens/s"
    yield f"  by {plan.time.source}"
    if not plan.reasons:
        yield "nothing speaks against starting"
    for reason in plan.reasons:
        yield f"would not start: {reason}"


def result_lines(run: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """What a finished run came to, by its manifest."""
    loss, gradients = run["loss"], run["gradient_norm"]
    yield (
        f"{run['steps']:,} steps in {duration(run['training_seconds'])}, {run['tokens_per_second']:,.0f} tokens/s, "
        f"{run['peak_memory_gib']:.2f} GiB at the peak"
    )
    yield f"loss {loss['final']:.4f}, the best {loss['best']:.4f} at step {loss['best_step']:,}"
    if "validation_loss" in run:
        held_out = run["validation_loss"]
        yield (
            f"validation loss {held_out['final']:.4f}, the best {held_out['best']:.4f} "
            f"at step {held_out['best_step']:,}"
        )
    yield (
        f"gradient norm above {gradients['limit']:g} at {gradients['steps_above']:,} of {gradients['steps']:,} steps, "
        f"the highest {gradients['highest']:.2f} at step {gradients['highest_step']:,}"
    )
    yield f"adapter in {folder / 'adapter'}, curves in {folder / 'curves.html'}"


def _counts(samples: "SampleFolder") -> str:
    tokens, trained, _, longest = samples.counts
    return (
        f"{samples.rows:,} rows, {tokens:,} tokens of which {trained:,} are trained ({trained / max(tokens, 1):.1%}), "
        f"the longest row has {longest:,}"
    )
