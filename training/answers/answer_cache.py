"""Cache of a model's answers on disk, so that an interrupted decoding resumes.

Each line is a prediction, ``{"id", "text"}``, with a key for the weights, the limit and the prompt. Truncated lines and
lines with another key are ignored and decoded again.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from dataset_tools.io.output_paths import check_writable, fail
from dataset_tools.io.writer import write_file
from schemas.record import JsonObject

__all__ = ["AnswerCache"]


class AnswerCache:
    """The answers of one decoding, each on disk as soon as it is added.

    Args:
        path: the file.
        keys: id to the key that its answer must have.

    Attributes:
        rows: id to answer.
        facts: backend, device and dtype of the cached answers; empty without any.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, path: Path, keys: Mapping[str, str]) -> None:
        check_writable(path)
        self._path = path
        self._keys = keys
        rows = ((row["id"], row) for row in _read(path))
        self.rows = {identity: row for identity, row in rows if identity in keys and row.get("key") == keys[identity]}
        self.facts: dict[str, Any] = dict(next(reversed(self.rows.values()), {}).get("made_by", {}))
        self.finish(list(self.rows))

    def add(self, identity: str, answer: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """Append an answer to the file."""
        row = {"id": identity, **answer, "key": self._keys[identity], "made_by": facts}
        self.rows[identity] = row
        try:
            with self._path.open("ab") as stream:
                stream.write(_line(row))
        except OSError as error:
            fail(error, self._path, 0)

    def finish(self, order: Sequence[str]) -> None:
        """Write all answers again, in the order of their questions."""
        write_file(self._path, b"".join(_line(self.rows[identity]) for identity in order))


def _read(path: Path) -> Iterator[JsonObject]:
    """Yield the complete predictions of a file; none if it has another content."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(row, dict) and isinstance(row.get("id"), str) and isinstance(row.get("text"), str):
            yield row


def _line(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
