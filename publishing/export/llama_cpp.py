"""What llama.cpp is asked for, in a process of its own: see :mod:`publishing.export.llama_cpp_worker`."""

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
"""The command that installs llama.cpp."""

_CONTEXT, _DECODE = 1024, 32
_NEWLINE = 107  # any token is read as fast as any other


@dataclass(frozen=True, slots=True)
class Description:
    """What a GGUF file says of itself and what llama.cpp makes of it.

    Attributes:
        facts: keys of its header.
        tensors: the type of each tensor.
        vocabulary: how many tokens it knows.
        stops: the ids on which llama.cpp ends an answer.
    """

    facts: Mapping[str, Any]
    tensors: Mapping[str, str]
    vocabulary: int
    stops: Sequence[int]


@dataclass(frozen=True, slots=True)
class Replies:
    """The ids of prompts, and the ids that followed each."""

    tokens: list[list[int]]
    answers: list[list[int]]


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second of reading and of writing at a number of threads, and the most memory held, if that is known."""

    threads: int
    context: int
    prefill: float
    decode: float
    peak_bytes: int | None


def is_installed() -> bool:
    """Whether the wheel that runs llama.cpp is here."""
    return find_spec("cyllama") is not None


def describe(path: Path) -> Description:
    """Read a file's header and vocabulary.

    Raises:
        ProofError: llama.cpp does not load it.
    """
    found = _run(path, "describe", path=str(path))
    return Description(found["facts"], found["tensors"], found["vocabulary"], found["stops"])


def add_keys(path: Path, out: Path, keys: Mapping[str, int]) -> None:
    """Write a file again with more keys in its header."""
    _run(path, "add_keys", path=str(path), out=str(out), keys=dict(keys))


def quantize(path: Path, out: Path, quant: str, threads: int) -> None:
    """Write a file again with its matrices in another type."""
    _run(path, "quantize", path=str(path), out=str(out), quant=quant, threads=threads)


def ask(path: Path, prompts: Sequence[str], most: int, threads: int, logits: Path) -> Replies:
    """Ask prompts that have no BOS of their own; the logits behind the first one go into a file of 32-bit floats.

    Raises:
        ProofError: llama.cpp does not load the file.
    """
    found = _run(
        path, "answer", path=str(path), prompts=list(prompts), max_tokens=most, threads=threads, logits=str(logits)
    )  # fmt: skip
    return Replies(found["tokens"], found["answers"])


def measure(path: Path, threads: int) -> Speed:
    """How fast a file is, and how much memory it takes."""
    found = _run(path, "measure", path=str(path), token=_NEWLINE, context=_CONTEXT, decode=_DECODE, threads=threads)
    return Speed(threads, _CONTEXT, found["prefill"], found["decode"], found["peak_bytes"])


def _run(where: Path, task: str, /, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    if not is_installed():
        raise UsageError("llama.cpp is not installed", hint=EXTRA)
    done = subprocess.run(
        [sys.executable, "-m", "publishing.export.llama_cpp_worker"],
        input=json.dumps({"task": task, **request}),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        # Threads that wait for each other awake take minutes where another program has one of the cores.
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        told = next((line for line in lines if "ASSERT" in line), lines[-1] if lines else "no word")
        raise ProofError(f"llama.cpp cannot {task}: {told:.200}", where=str(where), hint="export again")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
