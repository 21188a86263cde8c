"""What a model answered: a file of outputs, as text or as calls, read and matched to the questions by id.

A line is ``{"id", "text"}`` with the raw output, which the parser reads with the question's own tools, or
``{"id", "tool_calls"}`` with calls that were read elsewhere. Whatever makes answers hands over an iterable of such
objects; a file is one source of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from dataset_tools.errors import InputError, RowError
from dataset_tools.prompt.parser import ParseError, parse
from dataset_tools.readers.row_reader import read_rows
from dataset_tools.readers.shards import plan
from dataset_tools.readers.sources import find_files
from dataset_tools.records.literals import read_arguments
from schemas.record import JsonObject, Tool

__all__ = ["Prediction", "Predictions", "read_predictions"]

_SHOWN = 10  # ids that an error lists
_HINT = 'a line is {"id": ..., "text": ...} or {"id": ..., "tool_calls": [...]}'


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer.

    Attributes:
        calls: its calls, each with ``name`` and ``arguments``.
        text: the raw output; empty where only calls were given.
        problem: why the output could not be read; empty where it could.
    """

    calls: list[JsonObject] = field(default_factory=list)
    text: str = ""
    problem: str = ""


class Predictions:
    """Answers by id, each read when it is asked for, because its tools are known only then."""

    def __init__(self, rows: Mapping[str, JsonObject], name: str) -> None:
        self._rows = rows
        self.name = name

    def of(self, identity: str, tools: list[Tool]) -> Prediction:
        """The answer of that id, its arguments typed by the tools."""
        row = self._rows[identity]
        if "tool_calls" in row:
            return Prediction(row["tool_calls"], row.get("text") or "")
        try:
            parsed = parse(row["text"], cast("list[dict[str, Any]]", tools))
        except ParseError as error:
            return Prediction(text=row["text"], problem=str(error))
        return Prediction(parsed.tool_calls, row["text"])

    def require_ids(self, wanted: Sequence[str], known: Iterable[str] = ()) -> None:
        """Make sure that the answers are those to the questions.

        Args:
            wanted: the ids that need an answer.
            known: further ids that may have one.

        Raises:
            InputError: some have none, or an answer belongs to no question; both lists are told.
        """
        missing = [identity for identity in wanted if identity not in self._rows]
        known = {*wanted, *known}
        unknown = [identity for identity in self._rows if identity not in known]
        told = []
        if missing:
            told.append(f"{len(missing):,} of {len(wanted):,} rows have no prediction: {_listed(missing)}")
        if unknown:
            told.append(f"{len(unknown):,} predictions have an id that no row has: {_listed(unknown)}")
        if told:
            raise InputError("; ".join(told), where=self.name, hint="the ids must be those of the data's records")


def read_predictions(path: Path) -> Predictions:
    """The answers in a JSONL file, plain or compressed.

    Raises:
        InputError: the file cannot be read, a line of it is no prediction, or an id stands twice; with file and line.
    """
    rows: dict[str, JsonObject] = {}
    for line, row in _rows(path):
        where = f"{path}:{line}"
        try:
            identity, answer = _answer(row)
        except RowError as error:
            raise InputError(error.what, where=where, hint=_HINT) from error
        if identity in rows:
            raise InputError(f"a second prediction for the id {identity!r}", where=where)
        rows[identity] = answer
    if not rows:
        raise InputError("there is no prediction in it", where=str(path), hint=_HINT)
    return Predictions(rows, str(path))


def _rows(path: Path) -> Iterator[tuple[int, JsonObject]]:
    for shard in plan(find_files([str(path)])):
        for raw in read_rows(shard):
            if raw.value is None:
                what = raw.error.what if raw.error else "no JSON object"
                raise InputError(what, where=f"{path}:{raw.line}", hint=_HINT) from raw.error
            yield raw.line, raw.value


def _answer(row: JsonObject) -> tuple[str, JsonObject]:
    """The id of a line and what it answers.

    Raises:
        RowError: it is no prediction.
    """
    identity = row.get("id")
    if isinstance(identity, bool) or not isinstance(identity, (str, int)):
        raise RowError("no-id", "the prediction has no id")
    text, calls = row.get("text"), row.get("tool_calls")
    if isinstance(calls, list):
        return str(identity), {"tool_calls": [_call(call, at) for at, call in enumerate(calls)], "text": text}
    if isinstance(text, str):
        return str(identity), {"text": text}
    raise RowError("no-answer", f"the prediction {identity!r} has neither a text nor a list of tool_calls")


def _call(raw: Any, at: int) -> JsonObject:  # noqa: ANN401 - foreign data
    """A call with or without OpenAI's wrapper, its arguments an object or JSON text."""
    function = raw.get("function", raw) if isinstance(raw, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if function is None or not isinstance(name, str):
        raise RowError("no-name", f"tool_calls[{at}] names no function")
    return {"name": name, "arguments": read_arguments(function.get("arguments"), [], f"tool_calls[{at}].arguments")}


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
    return ", ".join(ids[:_SHOWN]) + more
