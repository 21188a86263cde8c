"""Answers on disk while a model is asked: a line for each as it comes, so that nothing is decoded twice.

Each line is a prediction, ``{"id", "text"}``, with a key that says what it was made from: the weights, the limit and
the prompt. A line whose key is another, or that was not written to its end, is left out and asked again.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from dataset_tools.io.atomic_file import check_writable, fail, write_file
from schemas.record import JsonObject

__all__ = ["AnswerCache"]


class AnswerCache:
    """The answers of a decoding; use as a context manager.

    Args:
        path: the file.
        keys: id to the key that its answer must have.

    Attributes:
        rows: id to answer.
        facts: what made the answers that were there already; empty if there were none.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, path: Path, keys: Mapping[str, str]) -> None:
        self._path = path
        self._keys = keys
        self._stream: BinaryIO | None = None
        self.rows: dict[str, JsonObject] = {}
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> Self:
        check_writable(self._path)
        for row in self._read():
            key = self._keys.get(row["id"])
            if key is not None and row.get("key") == key:
                self.rows[row["id"]] = row
                self.facts = row.get("made_by", {})
        write_file(self._path, b"".join(_line(row) for row in self.rows.values()))
        try:
            self._stream = self._path.open("ab")
        except OSError as error:
            fail(error, self._path, 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def add(self, identity: str, answer: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """Write an answer down."""
        row = {"id": identity, **answer, "key": self._keys[identity], "made_by": facts}
        self.rows[identity] = row
        if self._stream is not None:
            try:
                self._stream.write(_line(row))
                self._stream.flush()
            except OSError as error:
                fail(error, self._path, 0)

    def finish(self, order: Sequence[str]) -> None:
        """Write all answers once more, in the order of their questions."""
        if self._stream is not None:
            self._stream.close()
        write_file(self._path, b"".join(_line(self.rows[identity]) for identity in order))

    def _read(self) -> list[JsonObject]:
        """The rows that are there and whole; another file of that name has none."""
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(row, dict) and isinstance(row.get("id"), str) and isinstance(row.get("text"), str):
                found.append(row)
        return found


def _line(row: Mapping[str, Any]) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
