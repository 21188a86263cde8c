"""The plan of a run: what it will do and take, and every reason why it would not start. ``--dry-run`` stops here.

Nothing heavy is imported: no torch, no Unsloth.
"""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from dataset_tools.errors import InputError
from dataset_tools.samples.reader import SampleFolder
from training.base.base import Base, base_problems, find_base
from training.fit.estimates import MemoryEstimate, TimeEstimate, estimate_memory, estimate_time, lora_parameters
from training.fit.schedule import steps_per_epoch, total_steps
from training.recipe.hardware import Gpu, first_gpu, precision_for
from training.recipe.recipe import Number, Recipe

__all__ = ["Plan", "available_cores", "make_plan"]

_WARMUPS = 2  # a run shorter than two warmups would spend most of itself warming up
_CACHED_TOKEN = 8  # bytes of an id and a label


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do.

    Attributes:
        recipe: the recipe.
        recipe_source: where its values come from.
        base_source: where the choice of the base comes from.
        base: the base.
        samples: what is trained on.
        validation: what the loss is measured on beside, if anything.
        output: the folder of the run.
        gpu: the GPU that would be used.
        number: in what numbers the base computes.
        steps: steps of the whole run.
        steps_per_epoch: steps of a pass over the samples.
        memory: the estimated peak, on rows of the longest sample's length.
        time: the estimated time.
        reasons: why the run would not start; empty if it would.
    """

    recipe: Recipe
    recipe_source: str
    base_source: str
    base: Base
    samples: SampleFolder
    validation: SampleFolder | None
    output: Path
    gpu: Gpu | None
    number: Number
    steps: int
    steps_per_epoch: int
    memory: MemoryEstimate
    time: TimeEstimate
    reasons: tuple[str, ...]


def make_plan(
    recipe: Recipe,
    data: str,
    output: Path,
    *,
    base: str = "",
    validation: str | None = None,
    recipe_source: str = "",
) -> Plan:
    """Look at recipe, base, data and machine.

    Args:
        recipe: the recipe.
        data: the folder of samples to train on.
        output: the folder of the run.
        base: another base than the recipe's.
        validation: a folder of samples to measure the loss on.
        recipe_source: what the recipe was named.

    Raises:
        InputError: data or base cannot be read at all; whatever else is wrong stands in the plan's reasons.
        UsageError: what was named as base makes no sense.
    """
    samples = _open_samples(data)
    held_out = _open_samples(validation) if validation else None
    found = find_base(base or recipe.model.base, "" if base else recipe.model.revision)
    gpu = first_gpu()
    number = precision_for(recipe.precision, gpu)
    batch, schedule = recipe.batch, recipe.schedule
    needs_gpu = gpu is not None or recipe.hardware.device == "gpu"
    planned = number if gpu or not needs_gpu else recipe.precision.gpu_without_bf16
    memory = estimate_memory(found.shape, recipe, planned, samples.counts.longest, gpu=needs_gpu)
    plan = Plan(
        recipe=recipe,
        recipe_source=recipe_source or recipe.name,
        base_source="--base" if base else recipe_source or recipe.name,
        base=found,
        samples=samples,
        validation=held_out,
        output=output,
        gpu=gpu,
        number=number,
        steps=total_steps(samples.rows, batch.rows, batch.accumulation, schedule.epochs),
        steps_per_epoch=steps_per_epoch(samples.rows, batch.rows, batch.accumulation),
        memory=memory,
        time=estimate_time(found.shape, recipe, samples.counts.tokens, gpu, available_cores()),
        reasons=(),
    )
    return _with_reasons(plan)


def available_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _open_samples(folder: str) -> SampleFolder:
    samples = SampleFolder(Path(folder), check_hashes=True)
    if not samples.rows:
        raise InputError("there is no sample in this folder", where=folder, hint="build the samples again")
    return samples


def _with_reasons(plan: Plan) -> Plan:
    reasons = [
        *base_problems(plan.base, plan.recipe.model.max_seq_length),
        *_data_problems(plan, plan.samples, "the data"),
        *(_data_problems(plan, plan.validation, "the validation data") if plan.validation else ()),
        *_schedule_problems(plan),
        *_machine_problems(plan),
    ]
    return replace(plan, reasons=tuple(reasons))


def _data_problems(plan: Plan, samples: SampleFolder, what: str) -> list[str]:
    problems = []
    if samples.counts.masked_rows == samples.rows:
        problems.append(f"{what} trains nothing: every label of all {samples.rows:,} rows is masked")
    elif samples.counts.masked_rows:
        problems.append(f"{what} has {samples.counts.masked_rows:,} rows in which nothing is trained")
    limit = plan.recipe.model.max_seq_length
    if samples.counts.longest > limit:
        problems.append(
            f"{what} has a row of {samples.counts.longest:,} tokens, the recipe takes {limit:,} and cuts none off: "
            f"build it with --max-length {limit}"
        )
    if samples.tokenizer_sha256 != plan.base.tokenizer.sha256():
        problems.append(
            f"{what} was built with another tokenizer than the base's: build it with --tokenizer of the base"
        )
    return problems


def _schedule_problems(plan: Plan) -> list[str]:
    warmup = plan.recipe.schedule.warmup_steps
    if plan.steps >= _WARMUPS * warmup:
        return []
    needed = -(-_WARMUPS * warmup * plan.recipe.batch.rows_per_step // plan.recipe.schedule.epochs)
    what = (
        f"{plan.steps:,} steps are fewer than the {_WARMUPS * warmup} that a warmup of {warmup} needs: about "
        f"{needed:,} rows make enough, and there are {plan.samples.rows:,}"
    )
    return [what]


def _machine_problems(plan: Plan) -> list[str]:
    problems = []
    hardware = plan.recipe.hardware
    if hardware.device == "gpu" and plan.gpu is None:
        problems.append(f"the recipe {plan.recipe.name} needs an NVIDIA GPU and there is none here")
    if plan.memory.total > hardware.memory_gib:
        problems.append(
            f"about {plan.memory.total:.1f} GiB of memory are needed, the recipe allows {hardware.memory_gib:g}"
        )
    if plan.gpu and plan.memory.total > plan.gpu.memory_gib:
        problems.append(f"the GPU is too small: {plan.gpu.memory_gib:.1f} GiB for about {plan.memory.total:.1f} GiB")
    needed, free = _disk_needed(plan), _disk_free(plan.output)
    if free < needed:
        problems.append(f"no disk: {needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free")
    return problems


def _disk_needed(plan: Plan) -> int:
    """Return the bytes of the adapter, of the checkpoints and one more with Adam's moments, and of the samples."""
    adapter = 4 * lora_parameters(plan.base.shape, plan.recipe.lora.r, plan.recipe.lora.targets)
    tokenizer = sum(file.stat().st_size for file in plan.base.tokenizer.folder.glob("tokenizer*"))
    tokens = sum(samples.counts.tokens for samples in (plan.samples, plan.validation) if samples)
    return adapter + (plan.recipe.intervals.keep_checkpoints + 1) * (3 * adapter + tokenizer) + _CACHED_TOKEN * tokens


def _disk_free(output: Path) -> int:
    place = output.resolve()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free
