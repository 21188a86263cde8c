"""The plan of a run: its inputs, its size, and every reason why it cannot start. ``--dry-run`` shows it.

A plan imports neither torch nor Unsloth.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from dataset_tools.errors import InputError
from dataset_tools.samples.reader import SampleFolder
from training.base.base import Base, base_problems, find_base
from training.fit.estimates import MemoryEstimate, TimeEstimate, estimate_memory, estimate_time, lora_parameters
from training.recipe.hardware import Machine, dtype_for
from training.recipe.recipe import Dtype, Recipe

__all__ = ["TrainingPlan", "plan_training"]

_WARMUPS = 2  # a shorter run would spend most of its steps in the warmup
_CACHED_TOKEN = 8  # bytes of an id and a label


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The plan of a run.

    Attributes:
        recipe: the recipe.
        recipe_source: the name of the recipe, as the source of its values.
        base_source: ``--base``, or the same as ``recipe_source``.
        base: the base.
        samples: the training data.
        validation: the data of the validation loss.
        output: the folder of the run.
        machine: GPU, cores and free disk space.
        dtype: the dtype of the base.
        steps: the number of steps.
        steps_per_epoch: the steps of one pass over the samples.
        memory: the estimated peak, for rows as long as the longest sample.
        time: the estimated time.
        reasons: the reasons why the run cannot start; empty if it can.
    """

    recipe: Recipe
    recipe_source: str
    base_source: str
    base: Base
    samples: SampleFolder
    validation: SampleFolder | None
    output: Path
    machine: Machine
    dtype: Dtype
    steps: int
    steps_per_epoch: int
    memory: MemoryEstimate
    time: TimeEstimate
    reasons: tuple[str, ...]


def plan_training(
    recipe: Recipe,
    data: str,
    output: Path,
    *,
    base: str = "",
    validation: str | None = None,
    recipe_source: str = "",
    machine: Machine | None = None,
) -> TrainingPlan:
    """Plan a run from recipe, base, data and machine.

    Args:
        recipe: the recipe.
        data: the folder of training samples.
        output: the folder of the run.
        base: a base to use instead of the recipe's.
        validation: a folder of samples for the validation loss.
        recipe_source: the name of the recipe as the user gave it.
        machine: the machine to plan for; this one by default.

    Raises:
        InputError: data or base cannot be read; all other problems are in the plan's reasons.
        UsageError: the name of the base is not valid.
    """
    samples = _open_samples(data)
    found = find_base(base or recipe.model.base, "" if base else recipe.model.revision)
    machine = machine or Machine.inspect(output)
    gpu, cores = machine.gpu, machine.cores
    dtype = dtype_for(recipe.precision, gpu)
    needs_gpu = gpu is not None or recipe.hardware.device == "gpu"
    planned = dtype if gpu or not needs_gpu else recipe.precision.gpu_without_bf16
    counts, per_epoch = samples.counts, recipe.batch.steps(samples.rows)
    plan = TrainingPlan(
        recipe=recipe,
        recipe_source=recipe_source or recipe.name,
        base_source="--base" if base else recipe_source or recipe.name,
        base=found,
        samples=samples,
        validation=_open_samples(validation) if validation else None,
        output=output,
        machine=machine,
        dtype=dtype,
        steps=recipe.schedule.epochs * per_epoch,
        steps_per_epoch=per_epoch,
        memory=estimate_memory(found.shape, recipe, planned, counts.longest, gpu=needs_gpu),
        time=estimate_time(found.shape, recipe, counts.tokens, gpu, cores),
        reasons=(),
    )
    return replace(plan, reasons=tuple(_reasons(plan)))


def _open_samples(folder: str) -> SampleFolder:
    samples = SampleFolder(Path(folder), check_hashes=True)
    if not samples.rows:
        raise InputError("there is no sample in this folder", where=folder, hint="build the samples again")
    return samples


def _reasons(plan: TrainingPlan) -> list[str]:
    return [
        *base_problems(plan.base, plan.recipe.model.max_seq_length),
        *_data_problems(plan, plan.samples, "the data"),
        *(_data_problems(plan, plan.validation, "the validation data") if plan.validation else ()),
        *_schedule_problems(plan),
        *_machine_problems(plan),
    ]


def _data_problems(plan: TrainingPlan, samples: SampleFolder, what: str) -> list[str]:
    problems = []
    masked, longest = samples.counts.masked_rows, samples.counts.longest
    if masked == samples.rows:
        problems.append(f"{what} trains nothing: every label of all {samples.rows:,} rows is masked")
    elif masked:
        problems.append(f"{what} has {masked:,} rows without a trained token")
    limit = plan.recipe.model.max_seq_length
    if longest > limit:
        problems.append(
            f"{what} has a row of {longest:,} tokens, the recipe's limit is {limit:,} and no row is truncated: "
            f"build it with --max-length {limit}"
        )
    if samples.tokenizer_sha256 != plan.base.tokenizer.sha256():
        problems.append(f"{what} was built with a tokenizer that is not the base's: build it with --tokenizer BASE")
    return problems


def _schedule_problems(plan: TrainingPlan) -> list[str]:
    warmup, needed = plan.recipe.schedule.warmup_steps, _WARMUPS * plan.recipe.schedule.warmup_steps
    if plan.steps >= needed:
        return []
    rows = -(-needed * plan.recipe.batch.rows_per_step // plan.recipe.schedule.epochs)
    what = (
        f"{plan.steps:,} steps are too few for {warmup} warmup steps: {needed} are needed, "
        f"so about {rows:,} rows instead of {plan.samples.rows:,}"
    )
    return [what]


def _machine_problems(plan: TrainingPlan) -> list[str]:
    problems = []
    hardware, gpu, memory = plan.recipe.hardware, plan.machine.gpu, plan.memory.total
    if hardware.device == "gpu" and gpu is None:
        problems.append(f"the recipe {plan.recipe.name} needs an NVIDIA GPU, and there is none")
    if memory > hardware.memory_gib:
        problems.append(f"about {memory:.1f} GiB of memory are needed, the recipe allows {hardware.memory_gib:g}")
    if gpu and memory > gpu.memory_gib:
        problems.append(f"the GPU has {gpu.memory_gib:.1f} GiB of memory, about {memory:.1f} GiB are needed")
    needed, free = _disk_needed(plan), plan.machine.disk_free
    if free < needed:
        problems.append(f"not enough disk space: {needed / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB are free")
    return problems


def _disk_needed(plan: TrainingPlan) -> int:
    """Return the bytes of the adapter, of the kept checkpoints and one more with Adam's moments, and of the samples."""
    adapter = 4 * lora_parameters(plan.base.shape, plan.recipe.lora.r, plan.recipe.lora.targets)
    tokenizer = sum(file.stat().st_size for file in plan.base.tokenizer.folder.glob("tokenizer*"))
    tokens = sum(samples.counts.tokens for samples in (plan.samples, plan.validation) if samples)
    return adapter + (plan.recipe.intervals.keep_checkpoints + 1) * (3 * adapter + tokenizer) + _CACHED_TOKEN * tokens
