"""Rejected rows as lines: where each stood, why, and the row itself so that a person can mend it."""

from dataset_tools.errors import RowError
from dataset_tools.jsonl import dump_line
from dataset_tools.reading import RawRow
from dataset_tools.sources import DataFile

__all__ = ["reject_line"]

_MOST_BYTES = 10_000  # of a row that is no JSON


def reject_line(raw: RawRow, error: RowError, file: DataFile) -> bytes:
    """A rejected row as one line of JSON."""
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
