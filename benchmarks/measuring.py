"""Timing of scripts and commands, in turns, and printing of pairs."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["by_turns", "print_pair", "rate", "run", "span", "timed"]

_HERE = Path(__file__).parent


def rate(script: str, *arguments: str) -> Callable[[], float]:
    """Return a function that runs a script of this folder and returns its rows/s."""

    def measure() -> float:
        result = run(script, *arguments)
        return float(result["rows"] / result["seconds"])

    return measure


def run(script: str, *arguments: str) -> dict[str, Any]:
    """Run a script of this folder and return the JSON that it prints."""
    command = [sys.executable, str(_HERE / script), *arguments]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return result


def timed(command: list[str]) -> float:
    """Run a command and return the seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def by_turns(sides: dict[str, Callable[[], float]], times: int) -> dict[str, list[float]]:
    """Measure the sides in turns ``times`` times; return the values of each."""
    values: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(times):
        for name, measure in sides.items():
            values[name].append(measure())
    return values


def print_pair(first: tuple[str, list[float]], second: tuple[str, list[float]]) -> None:
    """Print median and range of two sides, and of the ratio of each turn."""
    for name, values in (first, second):
        print(f"{name:<44}{statistics.median(values):8,.0f} rows/s   {span(values)}")
    pairs = [mine / theirs for mine, theirs in zip(first[1], second[1], strict=True)]
    print(f"{'  ratio':<44}{statistics.median(pairs):8.2f} times    {min(pairs):.2f} to {max(pairs):.2f}")


def span(values: list[float]) -> str:
    """Return the range as text."""
    return f"{min(values):,.0f} to {max(values):,.0f}"
