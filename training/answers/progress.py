"""The line that is alive while a model answers: written over itself on a terminal, every 30 seconds elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self, TextIO

from training.fit.text import duration

__all__ = ["AnswerProgress"]

_EVERY = 30.0  # seconds between lines when no terminal is watching
_OVERWRITE = "\r\033[2K"


class AnswerProgress:
    """Tells how many answers there are; use as a context manager and hand :meth:`show` to the library call.

    Args:
        quiet: tell nothing.
        stream: where to.
    """

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._quiet = quiet
        self._stream = stream or sys.stderr
        self._alive = self._stream.isatty()
        self._shown = False
        self._first: tuple[float, int] | None = None
        self._told = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._stream.write("\n")

    def show(self, done: int, total: int, tokens: int) -> None:
        """Show how far it is.

        Args:
            done: the answers that are there, those of an earlier run included.
            total: how many there will be.
            tokens: the tokens that this run has made.
        """
        now = time.monotonic()
        if self._first is None:
            self._first, self._told = (now, done), now
            if done and not self._quiet:
                self._stream.write(f"evaluate: {done:,} of {total:,} answers are there already\n")
            return
        start, before = self._first
        seconds, made = max(now - start, 1e-6), max(done - before, 1)
        line = f"evaluate: {done:,}/{total:,} answers  {tokens / seconds:,.0f} tokens/s"
        if done < total:
            line += f"  {duration(seconds / made * (total - done))} left"
        if self._quiet:
            return
        if self._alive:
            self._stream.write(f"{_OVERWRITE}{line}")
            self._stream.flush()
            self._shown = True
        elif now - self._told >= _EVERY or done == total:
            self._told = now
            self._stream.write(f"{line}\n")
