"""Text for the terminal: consoles, tables, isolates for Arabic text, and the progress of a long run.

Data goes to standard output, everything else to standard error.
"""

import json
import re
import sys
import time
from collections.abc import Container, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

if TYPE_CHECKING:
    from rich.console import Console

    from dataset_tools.readers.shards import Shard

__all__ = [
    "Progress", "ShardProgress", "counted", "duration", "isolate", "isolate_message", "print_table",
    "stderr_console", "stdout_console", "text_bar",
]  # fmt: skip

_BAR = 40  # columns of the longest bar
_UNLIMITED = 1000  # columns without a terminal, so that no cell is cut off in a file
_LEFT_TO_RIGHT_ISOLATE, _FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2066", "\u2068", "\u2069"
_QUOTED = re.compile(r"'([^']+)'")
_EVERY = 30.0  # seconds between two lines without a terminal
_MINUTE, _HOUR = 60, 3600


def isolate(text: str) -> str:
    """Return text in a first-strong isolate, so that Arabic inside an English line keeps the order of both."""
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"


def isolate_message(message: str) -> str:
    """Return an English message left to right even if it starts in Arabic, with quoted values in isolates."""
    quoted = _QUOTED.sub(lambda value: f"'{isolate(value[1])}'", message)
    return f"{_LEFT_TO_RIGHT_ISOLATE}{quoted}{_POP_ISOLATE}"


def stdout_console() -> "Console":
    """Return rich on standard output; without a terminal it is unlimited in width, so that no cell is cut off."""
    from rich.console import Console

    return Console(soft_wrap=not sys.stdout.isatty(), highlight=False)


def stderr_console() -> "Console":
    """Return rich on standard error; without a terminal no line is wrapped."""
    from rich.console import Console

    return Console(stderr=True, soft_wrap=not sys.stderr.isatty(), highlight=False)


def counted(number: int, noun: str) -> str:
    """Return a count with its noun: ``1 row``, ``2 rows``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def text_bar(value: int, most: int) -> str:
    """Return a bar of blocks, at least one for a value above 0."""
    return "█" * max(round(_BAR * value / most), value > 0)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    console: "Console",
    *,
    left: Container[int] = (0,),
    flexible: Container[int] = (),
) -> None:
    """Print rows below dim column names.

    Args:
        columns: column names.
        rows: cells, as plain text.
        console: output console.
        left: indexes of left-aligned columns.
        flexible: indexes of columns that wrap on a narrow terminal; cells of other columns are never cut.
    """
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    rows = list(rows)
    table = Table(box=None, pad_edge=False, header_style="dim")
    widths = [max(cell_len(row[at]) for row in (columns, *rows)) for at in range(len(columns))]
    for at, (name, width) in enumerate(zip(columns, widths, strict=True)):
        fixed = at not in flexible
        justify: Literal["left", "right"] = "left" if at in left else "right"
        table.add_column(Text(name), justify=justify, no_wrap=fixed, min_width=width if fixed else None)
    for row in rows:
        table.add_row(*map(Text, row))
    needed = sum(min(width, _BAR) if at in flexible else width for at, width in enumerate(widths)) + 2 * len(widths)
    width = console.width
    console.width = max(width, needed) if console.is_terminal else _UNLIMITED
    console.print(table)
    console.width = width


class Progress:
    """Progress display: a bar on a terminal, else a line every 30 seconds; JSON lines for a log. A context manager.

    Args:
        command: name of the command, which each line begins with.
        quiet: show only what :meth:`print_line` is called with.
        log_json: write a JSON line every 30 seconds and one at success, also on a terminal and with ``quiet``.
    """

    def __init__(self, command: str, *, quiet: bool = False, log_json: bool = False) -> None:
        self._command, self._quiet, self._log_json = command, quiet, log_json
        self._start = self._shown = time.monotonic()
        self._facts: dict[str, Any] = {}  # counts for JSON lines
        self._bar: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and not self._quiet and not self._log_json:
            from rich import progress
            from rich.table import Column

            text = progress.TextColumn("{task.fields[text]}", table_column=Column(overflow="fold"), markup=False)
            columns = (progress.TextColumn("{task.description}"), progress.BarColumn(20), text)
            self._bar = progress.Progress(*columns, console=stderr_console(), transient=True)
            self._task = self._bar.add_task(self._command, total=1.0, text="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()
        if self._log_json and kind is None:
            self._log(1.0, 0.0)

    def show(self, done: float, total: float, text: str, *, earlier: float = 0, seconds: float | None = None) -> None:
        """Show the progress.

        Args:
            done: work that is done, in any unit.
            total: all work.
            text: progress in words.
            earlier: part of ``done`` from an earlier run, which does not count for the time left.
            seconds: time that this run took for its work, by default since the start.
        """
        now, worked, share = time.monotonic(), done - earlier, min(done / max(total, 1), 1.0)
        seconds = now - self._start if seconds is None else seconds
        left = seconds * max(total - done, 0) / worked if worked > 0 else None
        line = f"{text}, {share:.0%}" + (f", {duration(left)} left" if left else "")
        if self._bar:
            self._bar.update(self._task, completed=share, text=line)
        elif now - self._shown >= _EVERY:
            self._shown = now
            if self._log_json:
                self._log(share, left)
            elif not self._quiet:
                self.print_line(line)

    def print_line(self, text: str) -> None:
        """Write a line, such as a warning."""
        if self._bar:
            self._bar.console.print(f"{self._command}: {text}", markup=False, soft_wrap=True)
        else:
            sys.stderr.write(f"{self._command}: {text}\n")

    def _log(self, share: float, left: float | None) -> None:
        line = {
            "event": "progress",
            "command": self._command,
            **self._facts,
            "share": round(share, 4),
            "seconds": round(time.monotonic() - self._start, 1),
            "seconds_left": None if left is None else round(left, 1),
        }
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()


class _Counted(Protocol):
    rows: int


class ShardProgress(Progress):
    """Progress of reading ``total`` bytes ``passes`` times; pass :meth:`shard_done` to the library call."""

    def __init__(
        self, command: str, total: int, *, passes: int = 1, quiet: bool = False, log_json: bool = False
    ) -> None:
        super().__init__(command, quiet=quiet, log_json=log_json)
        self._total, self._passes = total * passes, passes
        self._rows = 0.0
        self._done = self._earlier = 0
        self._facts = {"rows": 0, "rejected": 0, "rows_per_second": 0.0}

    def shard_done(self, shard: "Shard", part: _Counted) -> None:
        """Count the rows and bytes of a shard; one without rows counts as done by an earlier run."""
        self._rows += part.rows / self._passes
        self._done += shard.size
        self._earlier += 0 if part.rows else shard.size
        rows, speed = round(self._rows), self._rows / max(time.monotonic() - self._start, 1e-6)
        rejected = self._facts["rejected"] + sum(getattr(part, "rejected", {}).values())
        text = f"{rows:,} rows{f', {rejected:,} rejected' if rejected else ''}, {speed:,.0f} rows/s"
        self._facts = {"rows": rows, "rejected": rejected, "rows_per_second": round(speed, 1)}
        self.show(self._done, self._total, text, earlier=self._earlier)


def duration(seconds: float) -> str:
    """Return a time in its largest unit: ``40 s``, ``5 min``, ``1.4 h``."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"
