"""The terminal: errors as one line, progress on long work, and Arabic that reads from right to left.

Data goes to standard output; everything here goes to standard error.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self

from typer import TyperException

from dataset_tools.errors import AfgError

if TYPE_CHECKING:
    from rich.console import Console

    from dataset_tools.readers.shards import Shard

__all__ = ["EXIT_CODES", "Progress", "isolate", "isolate_message", "run_app", "stderr_console", "stdout_console"]

EXIT_CODES = {
    0: "done; `validate` found nothing at the level of --fail-on",
    1: "`validate` found something at that level; `card --check` or `verify` found a mistake; "
    "`export` left out GGUF; `call` got no call",
    2: "wrong usage, or an input that cannot be read",
    3: "a result cannot be written",
    4: "training cannot go on: memory, hardware or numbers",
    5: "what was exported is not what it has to be, and was not kept",
    130: "interrupted",
}
"""What the exit codes of both command lines mean."""

_INTERRUPTED = 130
_EVERY = 30.0  # seconds between progress lines when no terminal is watching
_LEFT_TO_RIGHT_ISOLATE, _FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2066", "\u2068", "\u2069"
_QUOTED = re.compile(r"'([^']+)'")


def run_app(app: Callable[..., Any], name: str) -> None:
    """Run a command line; an error that the user caused becomes one line and an exit code, without a traceback."""
    try:
        # Not standalone: there, Typer would tell errors in its own words and leave Ctrl-C without any.
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except AfgError as error:
        sys.stderr.write(f"{name}: {_one_line(str(error))}\n")
        sys.exit(error.exit_code)
    except TyperException as error:
        sys.stderr.write(_wrong_usage(error, name))
        sys.exit(2)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:
        _leave_quietly()
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # Typer has met it first
            _leave_quietly()
        raise
    if code == _INTERRUPTED:
        sys.stderr.write(f"{name}: interrupted; nothing unfinished was left behind\n")
    sys.exit(code)


def _leave_quietly() -> NoReturn:
    """End well: the reader of our output, `head` for one, has seen enough. Python would complain when it flushes.

    Raises:
        SystemExit: always.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    sys.exit(0)


def _wrong_usage(error: Exception, name: str) -> str:
    """What Typer found wrong in the arguments, in one line; the help, if there were none."""
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    if text.startswith("Usage:"):
        return f"{text}\n"
    context = getattr(error, "ctx", None)
    command = context.command_path if context else name
    return f"{name}: {_one_line(text)} (see `{command} --help`)\n"


def _one_line(text: str) -> str:
    return " ".join(text.split("\n")).replace("Value error, ", "")


def isolate(text: str) -> str:
    """``text`` in a first-strong isolate, so that Arabic inside a line of English keeps both in order."""
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"


def isolate_message(message: str) -> str:
    """An English message from left to right even where it starts in Arabic, each quoted value in its own direction."""
    quoted = _QUOTED.sub(lambda value: f"'{isolate(value[1])}'", message)
    return f"{_LEFT_TO_RIGHT_ISOLATE}{quoted}{_POP_ISOLATE}"


def stdout_console() -> "Console":
    """Rich on standard output; as wide as it needs when nobody is watching, so that no cell is cut off in a file."""
    from rich.console import Console

    return Console(soft_wrap=not sys.stdout.isatty(), highlight=False)


def stderr_console() -> "Console":
    """Rich on standard error; no line is broken where a log is written instead of read."""
    from rich.console import Console

    return Console(stderr=True, soft_wrap=not sys.stderr.isatty(), highlight=False)


class _Counted(Protocol):
    rows: int


class Progress:
    """Tells how far a run is: a bar on a terminal, else a line every 30 seconds, as JSON if a log is to hold it.

    Use as a context manager and hand :meth:`shard_done` to the library call. ``total`` are the bytes of one pass; a run
    that reads every row twice has two.
    """

    def __init__(self, what: str, total: int, *, quiet: bool = False, passes: int = 1, log_json: bool = False) -> None:
        self._what = what
        self._log_json = log_json
        self._rejected = self._skipped = 0
        self._total = max(total * passes, 1)
        self._passes = passes
        self._quiet = quiet
        self._rows = 0.0
        self._done = 0
        self._start = self._told = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and not self._quiet and not self._log_json:
            from rich import progress

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.TextColumn(
                    "{task.fields[rows]:,} rows  {task.fields[rejected]:,} rejected  {task.fields[speed]:,.0f} rows/s"
                ),
                progress.TimeRemainingColumn(),
                console=stderr_console(),
                transient=True,
            )
            self._task = self._bar.add_task(self._what, total=self._total, rows=0, rejected=0, speed=0.0)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()
        if self._log_json and kind is None:
            self._log(time.monotonic())

    def shard_done(self, shard: "Shard", part: _Counted) -> None:
        """Count one shard's rows and bytes; one without rows is taken for skipped, and its time for none."""
        self._rows += part.rows / self._passes
        self._rejected += sum(getattr(part, "rejected", {}).values())
        self._done += shard.size
        self._skipped += 0 if part.rows else shard.size
        now = time.monotonic()
        speed = self._rows / max(now - self._start, 1e-6)
        if self._bar:
            told = {"rows": round(self._rows), "rejected": self._rejected, "speed": speed}
            self._bar.update(self._task, completed=self._done, **told)
        elif self._log_json and now - self._told >= _EVERY:
            self._told = now
            self._log(now)
        elif not self._quiet and not self._log_json and now - self._told >= _EVERY:
            self._told = now
            sys.stderr.write(self._line(now, speed))

    def _line(self, now: float, speed: float) -> str:
        """The progress in words."""
        rejected = f", {self._rejected:,} rejected" if self._rejected else ""
        left = self._seconds_left(now)
        soon = f", {left:,.0f} s left" if left is not None else ""
        share = min(self._done / self._total, 1)
        return f"{self._what}: {self._rows:,.0f} rows{rejected}, {share:.0%}, {speed:,.0f} rows/s{soon}\n"

    def _seconds_left(self, now: float) -> float | None:
        """How long the rest takes if it goes on as in this run; None as long as nothing tells."""
        worked = self._done - self._skipped
        return (now - self._start) * max(self._total - self._done, 0) / worked if worked else None

    def _log(self, now: float) -> None:
        """Write one line of JSON: seconds are of this run, shares of all bytes."""
        passed, left = now - self._start, self._seconds_left(now)
        line = {
            "event": "progress",
            "command": self._what,
            "rows": round(self._rows),
            "rejected": self._rejected,
            "rows_per_second": round(self._rows / max(passed, 1e-6), 1),
            "share": round(min(self._done / self._total, 1), 4),
            "seconds": round(passed, 1),
            "seconds_left": None if left is None else round(left, 1),
        }
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()
