"""``metrics.jsonl``: one line per step, written immediately, truncated to the checkpoint when a run is resumed."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from dataset_tools.io.json_text import dump_line
from dataset_tools.io.output_paths import fail

__all__ = ["MetricsLog", "read_metrics"]


class MetricsLog:
    """The open file, unbuffered: a killed run keeps every written line.

    Args:
        path: the file.
        keep: the last step whose lines are kept; 0 begins a new file.
    """

    def __init__(self, path: Path, keep: int = 0) -> None:
        self.path = path
        self.also: Callable[[Mapping[str, Any]], None] = lambda _: None  # a second receiver of each new line
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
    """Yield the lines of a file, without a last line that a kill has cut off."""
    if not path.is_file():
        return
    for raw in path.read_bytes().splitlines():
        try:
            line = json.loads(raw)
        except ValueError:
            return
        yield line
