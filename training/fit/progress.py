"""The line that is alive while a run trains: written over itself on a terminal, twice a minute elsewhere."""

import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from training.fit.text import duration

__all__ = ["ProgressLine", "step_text"]

_EVERY = 30.0  # seconds between lines when no terminal is watching
_OVERWRITE = "\r\033[2K"


def step_text(line: Mapping[str, Any], total: int, seconds_left: float) -> str:
    """A step's numbers as one line."""
    return (
        f"train: step {line['step']:,}/{total:,}  loss {line['loss']:.3f}  rate {line['learning_rate']:.1e}  "
        f"gradient {line['gradient_norm']:.2f}  {line['tokens_per_second']:,.0f} tokens/s  "
        f"{line['memory_gib']:.2f} GiB  {duration(seconds_left)} left"
    )


class ProgressLine:
    """Shows steps and warnings on standard error.

    Args:
        total: steps of the whole run.
        quiet: shows warnings alone.
        stream: where to.
    """

    def __init__(self, total: int, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._total = total
        self._quiet = quiet
        self._stream = stream or sys.stderr
        self._alive = self._stream.isatty()
        self._shown = False
        self._told = time.monotonic()
        self._seconds = 0.0
        self._steps = 0

    def step(self, line: Mapping[str, Any]) -> None:
        """Show a step; the time left goes by the mean of the steps that were seen."""
        self._steps += 1
        self._seconds += line["seconds"]
        if self._quiet:
            return
        left = self._seconds / self._steps * (self._total - line["step"])
        text = step_text(line, self._total, left)
        if self._alive:
            self._stream.write(f"{_OVERWRITE}{text}")
            self._stream.flush()
            self._shown = True
        elif time.monotonic() - self._told >= _EVERY or line["step"] == self._total:
            self._told = time.monotonic()
            self._stream.write(f"{text}\n")

    def tell(self, text: str) -> None:
        """Show a warning on a line of its own."""
        self.close()
        self._stream.write(f"train: {text}\n")

    def close(self) -> None:
        """End the line that is alive."""
        if self._shown:
            self._stream.write("\n")
            self._shown = False
