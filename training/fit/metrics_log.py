"""``metrics.jsonl``: one line a step, written as it happens, cut back to a checkpoint when a run is resumed."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from dataset_tools.io.atomic_file import fail
from dataset_tools.io.jsonl import dump_line

__all__ = ["MetricsLog", "read_metrics"]


class MetricsLog:
    """The open file; a line is with the operating system when :meth:`write` returns, so a killed run keeps it.

    Args:
        path: the file.
        keep: lines of steps up to this one stay, later ones are of work that is done again.
    """

    def __init__(self, path: Path, keep: int = 0) -> None:
        self.path = path
        self.also: Callable[[Mapping[str, Any]], None] = lambda _: None  # who gets each new line, too
        self.lines = [line for line in read_metrics(path) if line["step"] <= keep] if keep else []
        self._stream: BinaryIO = path.open("wb", buffering=0)
        for line in self.lines:
            self._put(line)

    def write(self, line: dict[str, Any]) -> None:
        """Add one line."""
        self.lines.append(line)
        self._put(line)
        self.also(line)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _put(self, line: dict[str, Any]) -> None:
        try:
            self._stream.write(dump_line(line))
        except OSError as error:
            fail(error, self.path, self._stream.tell())


def read_metrics(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file; a last line that was cut off by a kill is left out."""
    if not path.is_file():
        return
    for raw in path.read_bytes().splitlines():
        try:
            line = json.loads(raw)
        except ValueError:
            return
        yield line
