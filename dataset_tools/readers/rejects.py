"""Rejected rows: place, reason and the row itself, as a JSON Lines file."""

from pathlib import Path
from types import TracebackType
from typing import Self

from dataset_tools.errors import OutputError, RowError
from dataset_tools.io.jsonl import dump_line
from dataset_tools.io.writer import Sink, encode, write_file
from dataset_tools.readers.row_reader import RawRow
from dataset_tools.readers.sources import DataFile

__all__ = ["RejectsFile", "reject_line"]

_MOST_BYTES = 10_000  # of a row that is not JSON


def reject_line(raw: RawRow, error: RowError, file: DataFile) -> bytes:
    """Return a rejected row as one line of JSON."""
    row = raw.value if raw.value is not None else raw.raw[:_MOST_BYTES].decode("utf-8", "backslashreplace")
    repeats = {"repeats": error.repeats} if error.repeats else {}
    return dump_line(
        {
            "file": file.name,
            "line": raw.line,
            "code": error.code,
            "reason": error.what,
            "hint": error.hint,
            **repeats,
            "row": row,
        }
    )


class RejectsFile:
    """The file of a run's rejects, created with the first one; it appears when the block ends without an error.

    Enter it before the file of records, so that it appears after that file. A run without rejects removes the file of
    an earlier run, or empties it if the user ``named`` it.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, path: Path, *, named: bool) -> None:
        self._path = path
        self._named = named
        self._sink: Sink | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, lines: bytes) -> None:
        """Append rejects; nothing for none."""
        if not lines:
            return
        if self._sink is None:
            self._sink = Sink(self._path)
            self._sink.__enter__()
        self._sink.write_payload(encode([lines], self._path))

    def finish(self) -> None:
        """Flush to disk before any output file is renamed."""
        if self._sink is not None:
            self._sink.finish()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sink is not None:
            self._sink.__exit__(kind, error, trace)
        elif kind is None:
            self._clear()

    def _clear(self) -> None:
        if self._named:
            write_file(self._path, encode([], self._path))
            return
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(error.strerror or str(error), where=str(self._path)) from error
