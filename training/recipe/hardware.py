"""The machine that a run uses: GPU, CPU cores, free disk space, and the dtype that follows from the GPU.

``nvidia-smi`` reports the GPU, so that a plan needs no import of torch.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from training.recipe.recipe import Dtype, Precision

__all__ = ["Gpu", "Machine", "available_cores", "dtype_for", "first_gpu", "nvidia_gpus"]

_BF16_SINCE = 8.0  # compute capability of Ampere, the first with bfloat16; a T4 has 7.5


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU: its name, its memory in GiB, and its support of bfloat16."""

    name: str
    memory_gib: float
    bf16: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """The first GPU, the CPU cores that this process may use, and the free bytes on the disk of the output folder."""

    gpu: Gpu | None
    cores: int
    disk_free: int

    @classmethod
    def inspect(cls, output: Path) -> Self:
        """Return the machine that this process runs on."""
        folder = output.resolve()
        while not folder.exists():
            folder = folder.parent
        return cls(first_gpu(), available_cores(), shutil.disk_usage(folder).free)


def available_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def nvidia_gpus() -> list[str]:
    """Return name and memory of each GPU, as ``nvidia-smi`` lists them; empty without a driver."""
    return _ask("name,memory.total")


def first_gpu() -> Gpu | None:
    """Return the GPU that training would use."""
    listed = _ask("name,memory.total,compute_cap")
    if not listed:
        return None
    name, memory, capability = (part.strip() for part in [*listed[0].split(","), "0", "0"][:3])
    return Gpu(name, _number(memory.removesuffix("MiB")) / 1024, _number(capability) >= _BF16_SINCE)


def dtype_for(precision: Precision, gpu: Gpu | None) -> Dtype:
    """Return the dtype that a recipe uses with this GPU, or without one."""
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
