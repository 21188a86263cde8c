"""The machine as far as training asks: GPUs, their memory, and in what numbers they compute.

The driver's own tool is asked, so that a plan is made without importing torch.
"""

import shutil
import subprocess
from dataclasses import dataclass

from training.recipe.recipe import Number, Precision

__all__ = ["Gpu", "first_gpu", "nvidia_gpus", "precision_for"]

_BF16_SINCE = 8.0  # compute capability of Ampere, the first with bfloat16; a T4 has 7.5


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU: its name, its memory in GiB, and whether it computes in bfloat16."""

    name: str
    memory_gib: float
    bf16: bool


def nvidia_gpus() -> list[str]:
    """Name and memory of each GPU, as the driver's tool lists them; none where there is no driver."""
    return _ask("name,memory.total")


def first_gpu() -> Gpu | None:
    """The GPU that training would use."""
    listed = _ask("name,memory.total,compute_cap")
    if not listed:
        return None
    name, memory, capability = (part.strip() for part in [*listed[0].split(","), "0", "0"][:3])
    return Gpu(name, _number(memory.removesuffix("MiB")) / 1024, _number(capability) >= _BF16_SINCE)


def precision_for(precision: Precision, gpu: Gpu | None) -> Number:
    """In what numbers a recipe computes on this machine."""
    if gpu is None:
        return precision.cpu
    return precision.gpu_with_bf16 if gpu.bf16 else precision.gpu_without_bf16


def _ask(fields: str) -> list[str]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, f"--query-gpu={fields}", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - fixed
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in listed.stdout.splitlines() if line.strip()] if listed.returncode == 0 else []


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
