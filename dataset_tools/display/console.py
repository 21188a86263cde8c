"""Command lines: exit codes, errors as one line, consoles, and isolates for Arabic text.

Data goes to standard output, everything else to standard error.
"""

import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from typer import TyperException

from dataset_tools.errors import AfgError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["EXIT_CODES", "isolate", "isolate_message", "run_app", "stderr_console", "stdout_console"]

EXIT_CODES = {
    0: "success; `validate` has no findings at the level of --fail-on",
    1: "`validate` has findings at that level; `card --check` or `verify` found a mistake; "
    "`export` left out GGUF; `call` got no call",
    2: "wrong usage, or unreadable input",
    3: "output cannot be written",
    4: "training stopped: out of memory, hardware failure or NaN gradients",
    5: "export verification failed; output discarded",
    130: "interrupted",
}
"""Meaning of the exit codes of both command lines."""

_INTERRUPTED = 130
_LEFT_TO_RIGHT_ISOLATE, _FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2066", "\u2068", "\u2069"
_QUOTED = re.compile(r"'([^']+)'")


def run_app(app: Callable[..., Any], name: str) -> None:
    """Run a command line; an error that the user caused becomes one line and an exit code."""
    try:
        # In standalone mode, Typer would print errors in its own format, and nothing for Ctrl-C.
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
        if isinstance(error.__context__, BrokenPipeError):  # Typer caught it first
            _leave_quietly()
        raise
    if code == _INTERRUPTED:
        sys.stderr.write(f"{name}: interrupted; saved work is kept, partial output files are removed\n")
    sys.exit(code)


def _leave_quietly() -> NoReturn:
    """Exit with 0 after the reader of our output, such as `head`, closed it; Python would fail when it flushes.

    Raises:
        SystemExit: always.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    sys.exit(0)


def _wrong_usage(error: Exception, name: str) -> str:
    """Return an error of Typer in one line, or the help if there were no arguments."""
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    if text.startswith("Usage:"):
        return f"{text}\n"
    context = getattr(error, "ctx", None)
    command = context.command_path if context else name
    return f"{name}: {_one_line(text)} (see `{command} --help`)\n"


def _one_line(text: str) -> str:
    return " ".join(text.split("\n")).replace("Value error, ", "")


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
