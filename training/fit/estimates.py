"""Estimates of memory and time before a run starts, each with its formula.

They separate a run that fits from one that does not, and minutes from days; they are not measurements.
"""

from dataclasses import dataclass

from training.base.base import Shape
from training.recipe.hardware import Gpu
from training.recipe.recipe import Dtype, Recipe

__all__ = ["MemoryEstimate", "TimeEstimate", "estimate_memory", "estimate_time", "lora_parameters"]

_GIB = 2**30
_BYTES = {"bfloat16": 2, "float32": 4, "float32-compute": 4}
_FIXED_GPU_GIB = 0.5  # CUDA's own context and the kernels' workspace
_FIXED_CPU_GIB = 0.9  # Python with torch, transformers and Unsloth loaded
_T4_FLOPS, _GPU_SHARE = 8.1e12, 0.2
_CORE_FLOPS = 3e10


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Peak memory in GiB by its parts; ``source`` is the formula as text."""

    parts: dict[str, float]
    source: str

    @property
    def total(self) -> float:
        """The sum of all parts."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class TimeEstimate:
    """Seconds of training; ``source`` is the formula as text."""

    seconds: float
    tokens_per_second: float
    source: str


def lora_parameters(shape: Shape, r: int, targets: tuple[str, ...]) -> int:
    """Return the parameters of an adapter: for each matrix from i inputs to o outputs, A has r x i and B has o x r."""
    return shape.layers * sum(r * sum(shape.matrices[name]) for name in targets)


def estimate_memory(shape: Shape, recipe: Recipe, dtype: Dtype, tokens: int, *, gpu: bool) -> MemoryEstimate:
    """Return the peak memory of a step on ``recipe.batch.rows`` rows of ``tokens`` tokens."""
    width = _BYTES[dtype]
    resting = 4 if dtype == "float32" else 2
    adapter = lora_parameters(shape, recipe.lora.r, recipe.lora.targets)
    moments = 2 if gpu and recipe.optimizer.gpu.endswith("8bit") else 8
    batch = recipe.batch.rows * tokens
    queries, keys = shape.heads * shape.head_size, shape.key_value_heads * shape.head_size
    # Values per token that one layer holds while its gradient is computed: norms, queries, keys, values and the
    # gated feed-forward, each with its gradient.
    layer = 12 * shape.hidden + 3 * (queries + 2 * keys) + 5 * shape.feed_forward
    kept = shape.hidden * shape.layers
    everything = recipe.lora.gradient_checkpointing == "false"
    if everything:
        kept, layer = 0, layer * shape.layers
    elif gpu and recipe.lora.gradient_checkpointing == "unsloth":
        kept = 0  # the layers' inputs are moved to the host's memory
    # On a GPU the fused loss takes the vocabulary in slices; a CPU holds logits, their gradient and a copy.
    logits = 0.1 * _GIB if gpu else 3.0 * batch * shape.vocabulary * width
    parts = {
        "base": (shape.body + shape.embedding) * resting / _GIB,
        "adapter, gradients, optimizer": adapter * (8 + moments) / _GIB,
        "activations": batch * (layer + kept) * width / _GIB,
        "logits": logits / _GIB,
        "fixed": _FIXED_GPU_GIB if gpu else _FIXED_CPU_GIB,
    }
    held = "all layers" if everything else "the layer that is recomputed"
    source = (
        f"base: {resting} bytes per parameter; adapter: {adapter:,} parameters of {8 + moments} bytes; activations: "
        f"{layer:,} values of {width} bytes per token in {held}; within 5% of the measured peak on an H100 in bfloat16"
    )
    return MemoryEstimate(parts, source)


def estimate_time(shape: Shape, recipe: Recipe, tokens: int, gpu: Gpu | None, cores: int) -> TimeEstimate:
    """Return the time of ``recipe.schedule.epochs`` passes over ``tokens`` tokens: on a T4, or on this CPU's cores."""
    # A multiplication and an addition per parameter: forward, again to recompute the activations, and backward through
    # the layers; forward and backward through the output layer. The gradient of the base's weights is never computed.
    recompute = recipe.lora.gradient_checkpointing != "false"
    work = 2 * ((3 if recompute else 2) * shape.body + 2 * shape.embedding)
    work += 6 * lora_parameters(shape, recipe.lora.r, recipe.lora.targets)
    on_gpu = gpu is not None or recipe.hardware.device == "gpu"
    speed = _T4_FLOPS * _GPU_SHARE if on_gpu else _CORE_FLOPS * cores
    where = (
        "20% of a T4's 8.1 TFLOP/s in float32, the share of its peak that an H100 reached"
        if on_gpu
        else f"30 GFLOP/s on each of {cores} cores, as measured with the bundled base"
    )
    source = f"{work / 1e6:,.1f} MFLOP per token at {where}"
    return TimeEstimate(recipe.schedule.epochs * tokens * work / speed, speed / work, source)
