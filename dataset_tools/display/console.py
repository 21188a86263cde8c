"""Command lines: exit codes, errors as one line, consoles, and isolates for Arabic text.

Data goes to standard output, everything else to standard error.
"""

import os
import re
import sys
from collections.abc import Callable, Container, Iterable, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from typer import TyperException

from dataset_tools.errors import AfgError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "EXIT_CODES", "EXIT_CODE_HELP", "counted", "isolate", "isolate_message", "print_table", "run_app",
    "stderr_console", "stdout_console",
    "text_bar",
]  # fmt: skip

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

EXIT_CODE_HELP = "\b\nExit codes:\n" + "\n".join(
    fill(f"{code:>5}  {meaning}", 76, subsequent_indent=" " * 7) for code, meaning in EXIT_CODES.items()
)
"""The exit codes as the end of a help text."""

_INTERRUPTED = 130
_BAR = 40  # columns of the longest bar
_UNLIMITED = 1000  # columns without a terminal, so that no cell is cut off in a file
_LEFT_TO_RIGHT_ISOLATE, _FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2066", "\u2068", "\u2069"
_QUOTED = re.compile(r"'([^']+)'")


def run_app(app: Callable[..., Any], name: str) -> None:
    """Run a command line; an error that the user caused becomes one line and an exit code."""
    try:
        # In standalone mode, Typer would print errors in its own format, and nothing for Ctrl-C.
        code = app(standalone_mode=False, prog_name=name)
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
    """Exit with 0 after the reader of our output, such as `head`, closed it; Python would fail when it flushes."""
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
