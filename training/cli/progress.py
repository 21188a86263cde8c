"""Progress of training steps and of answers."""

import time
from collections.abc import Mapping
from typing import Any

from dataset_tools.display.console import Progress

__all__ = ["AnswerProgress", "StepProgress"]


class StepProgress(Progress):
    """Progress of training steps; pass :meth:`step` and :meth:`print_line` to the library call.

    Args:
        total: steps of the whole run.
        quiet: show only warnings.
    """

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        super().__init__("train", quiet=quiet)
        self._total = total
        self._steps, self._seconds = 0, 0.0

    def step(self, line: Mapping[str, Any]) -> None:
        """Show a line of ``metrics.jsonl``; the time left follows the mean of the steps of this run."""
        self._steps += 1
        self._seconds += line["seconds"]
        step = line["step"]
        text = (
            f"step {step:,} of {self._total:,}, loss {line['loss']:.3f}, learning rate {line['learning_rate']:.1e}, "
            f"gradient norm {line['gradient_norm']:.2f}, {line['tokens_per_second']:,.0f} tokens/s, "
            f"{line['memory_gib']:.2f} GiB"
        )
        self.show(step, self._total, text, earlier=step - self._steps, seconds=self._seconds)


class AnswerProgress(Progress):
    """Progress of answers; pass :meth:`answered` to the library call.

    Args:
        quiet: show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__("evaluate", quiet=quiet)
        self._first: tuple[float, int] | None = None

    def answered(self, done: int, total: int, tokens: int) -> None:
        """Show the progress.

        Args:
            done: number of answers, with those of an earlier run.
            total: number of questions.
            tokens: tokens that this run has generated.
        """
        now = time.monotonic()
        if self._first is None:
            self._first = now, done
            if done and not self._quiet:
                self.print_line(f"resuming with {done:,} of {total:,} answers")
        start, earlier = self._first
        seconds = now - start
        text = f"{done:,} of {total:,} answers, {tokens / max(seconds, 1e-6):,.0f} tokens/s"
        self.show(done, total, text, earlier=earlier, seconds=seconds)
