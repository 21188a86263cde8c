"""Output of the publishing commands: JSON to standard output, lines to standard error."""

import json
import sys
from collections.abc import Callable
from typing import Any

from dataset_tools.display.console import stderr_console

__all__ = ["hide_progress_bars", "log", "log_unless", "write_json"]


def log(line: str) -> None:
    """Print a line to standard error."""
    stderr_console().print(line, markup=False, soft_wrap=True)


def write_json(value: Any) -> None:  # noqa: ANN401 - JSON
    """Print a value as one line of JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def log_unless(quiet: bool) -> Callable[[str], None]:  # noqa: FBT001 - the flag of the command
    """Return :func:`log`, or a function that drops the line if ``quiet``."""
    return (lambda _line: None) if quiet else log


def hide_progress_bars(*, quiet: bool = False) -> None:
    """Switch the progress bars of huggingface_hub off if ``quiet`` or standard error is not a terminal."""
    if quiet or not sys.stderr.isatty():
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()
