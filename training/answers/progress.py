"""Progress of answering."""

import time

from dataset_tools.display.console import Progress

__all__ = ["AnswerProgress"]


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
