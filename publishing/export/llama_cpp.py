"""Calls of llama.cpp, each in a process of its own that runs :mod:`publishing.export.llama_cpp_worker`."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dataset_tools.errors import ProofError, UsageError

__all__ = [
    "EXTRA",
    "Description",
    "Replies",
    "Speed",
    "add_keys",
    "ask",
    "describe",
    "is_installed",
    "measure",
    "quantize",
]

EXTRA = "pip install 'arabic-functiongemma[gguf]'"
"""Command that installs llama.cpp."""

_CONTEXT, _DECODE = 1024, 32
_NEWLINE = 107  # the speed does not depend on the token


@dataclass(frozen=True, slots=True)
class Description:
    """Header of a GGUF file, and the vocabulary that llama.cpp loads from it.

    Attributes:
        facts: some keys of the header.
        tensors: type of each tensor.
        vocabulary: number of tokens.
        stops: id and text of each token on which llama.cpp ends an answer.
    """

    facts: Mapping[str, Any]
    tensors: Mapping[str, str]
    vocabulary: int
    stops: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Replies:
    """Token ids of each prompt and of each answer."""

    tokens: list[list[int]]
    answers: list[list[int]]


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second of reading and writing, and the peak memory; None if the system does not report it."""

    threads: int
    context: int
    prefill: float
    decode: float
    peak_bytes: int | None


def is_installed() -> bool:
    """Return whether the wheel that runs llama.cpp is installed."""
    return find_spec("cyllama") is not None


def describe(path: Path) -> Description:
    """Read a file's header and vocabulary.

    Raises:
        ProofError: llama.cpp does not load it; this holds for each function below.
    """
    found = _run(path, "describe")
    return Description(**{**found, "stops": dict(found["stops"])})


def add_keys(path: Path, out: Path, keys: Mapping[str, int]) -> None:
    """Copy a file to ``out`` with more keys in its header."""
    _run(path, "add_keys", out=str(out), keys=dict(keys))


def quantize(path: Path, out: Path, quant: str, threads: int) -> None:
    """Copy a file to ``out`` with its matrices in another type."""
    _run(path, "quantize", out=str(out), quant=quant, threads=threads)


def ask(path: Path, prompts: Sequence[str], most: int, threads: int, logits: Path) -> Replies:
    """Answer prompts without a BOS, with at most ``most`` tokens each.

    Args:
        path: the GGUF file.
        prompts: texts of the prompts.
        most: most tokens of an answer.
        threads: number of threads.
        logits: receives the logits after the first prompt, as 32-bit floats.
    """
    return Replies(**_run(path, "answer", prompts=list(prompts), max_tokens=most, threads=threads, logits=str(logits)))


def measure(path: Path, threads: int) -> Speed:
    """Measure a file's speed and peak memory."""
    found = _run(path, "measure", token=_NEWLINE, context=_CONTEXT, decode=_DECODE, threads=threads)
    return Speed(threads, _CONTEXT, **found)


def _run(path: Path, task: str, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    if not is_installed():
        raise UsageError("llama.cpp is not installed", hint=EXTRA)
    done = subprocess.run(
        [sys.executable, "-m", "publishing.export.llama_cpp_worker"],
        input=json.dumps({"task": task, "path": str(path), **request}),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        # Threads that spin while they wait take minutes if another program uses one of the cores.
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in lines if "ASSERT" in line), lines[-1] if lines else "no message")
        raise ProofError(f"llama.cpp cannot {task}: {reason:.200}", where=str(path), hint="export again")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
