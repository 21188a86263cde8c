"""A model's answers by record id, as raw text or as tool calls.

A line of a predictions file is ``{"id", "text"}`` with the raw output, which is parsed with the tools of its record, or
``{"id", "tool_calls"}``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from dataset_tools.errors import InputError, RowError
from dataset_tools.prompt.parser import ParseError, parse
from dataset_tools.readers.row_reader import read_rows
from dataset_tools.readers.shards import plan_shards
from dataset_tools.readers.sources import find_files
from dataset_tools.records.literals import read_arguments
from schemas.record import JsonObject, Tool

__all__ = ["Prediction", "Predictions", "listed", "parse_answer", "read_predictions"]

_SHOWN = 10  # ids that an error lists
_HINT = 'a line is {"id": ..., "text": ...} or {"id": ..., "tool_calls": [...]}'


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer.

    Attributes:
        calls: its calls, each with ``name`` and ``arguments``.
        text: the raw output; empty if only calls were given.
        content: the text outside the calls.
        warnings: values that the parser guessed or converted.
        problem: the reason why the output could not be parsed; empty if it could.
    """

    calls: list[JsonObject] = field(default_factory=list)
    text: str = ""
    content: str = ""
    warnings: list[str] = field(default_factory=list)
    problem: str = ""


class Predictions:
    """Answers by id, parsed on demand with the tools of their records."""

    def __init__(self, rows: Mapping[str, JsonObject], name: str) -> None:
        self._rows = rows
        self.name = name

    def of(self, identity: str, tools: list[Tool]) -> Prediction:
        """Return the answer with that id, its arguments typed by the tools."""
        row = self._rows[identity]
        if "tool_calls" in row:
            return Prediction(row["tool_calls"], row.get("text") or "")
        return parse_answer(row["text"], tools)

    def require_ids(self, wanted: Sequence[str], known: Iterable[str] = ()) -> None:
        """Check that the answers belong to the questions.

        Args:
            wanted: ids that must have an answer.
            known: further ids that may have one.

        Raises:
            InputError: ids without an answer, or answers with an unknown id; the message lists both.
        """
        missing = [identity for identity in wanted if identity not in self._rows]
        known = {*wanted, *known}
        unknown = [identity for identity in self._rows if identity not in known]
        problems = []
        if missing:
            problems.append(f"{len(missing):,} of {len(wanted):,} rows have no prediction: {listed(missing)}")
        if unknown:
            problems.append(f"{len(unknown):,} predictions have an unknown id: {listed(unknown)}")
        if problems:
            raise InputError("; ".join(problems), where=self.name, hint="use the ids of the records")


def parse_answer(text: str, tools: list[Tool]) -> Prediction:
    """Parse the raw output of a model with the tools of its prompt."""
    try:
        parsed = parse(text, cast("list[dict[str, Any]]", tools))
    except ParseError as error:
        return Prediction(text=text, problem=str(error))
    return Prediction(parsed.tool_calls, text, parsed.content or "", list(map(str, parsed.warnings)))


def read_predictions(path: Path) -> Predictions:
    """Read the answers in a JSONL file, plain or compressed.

    Raises:
        InputError: the file cannot be read, a line is not a prediction, or an id is repeated.
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
        raise InputError("the file has no predictions", where=str(path), hint=_HINT)
    return Predictions(rows, str(path))


def _rows(path: Path) -> Iterator[tuple[int, JsonObject]]:
    for shard in plan_shards(find_files([str(path)])):
        for raw in read_rows(shard):
            if raw.value is None:
                what = raw.error.what if raw.error else "not a JSON object"
                raise InputError(what, where=f"{path}:{raw.line}", hint=_HINT) from raw.error
            yield raw.line, raw.value


def _answer(row: JsonObject) -> tuple[str, JsonObject]:
    """Return the id and the answer of a line."""
    identity = row.get("id")
    if isinstance(identity, bool) or not isinstance(identity, (str, int)):
        raise RowError("no-id", "the prediction has no id")
    text, calls = row.get("text"), row.get("tool_calls")
    if isinstance(calls, list):
        return str(identity), {"tool_calls": [_call(call, at) for at, call in enumerate(calls)], "text": text}
    if isinstance(text, str):
        return str(identity), {"text": text}
    raise RowError("no-answer", f"the prediction {identity!r} has neither text nor a list of tool_calls")


def _call(raw: Any, at: int) -> JsonObject:  # noqa: ANN401 - foreign data
    """Read a call with or without OpenAI's wrapper, its arguments an object or JSON text."""
    function = raw.get("function", raw) if isinstance(raw, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if function is None or not isinstance(name, str):
        raise RowError("no-name", f"tool_calls[{at}] has no function name")
    return {"name": name, "arguments": read_arguments(function.get("arguments"), [], f"tool_calls[{at}].arguments")}


def listed(ids: Sequence[str]) -> str:
    """Return ids for an error message, at most ten."""
    more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
    return ", ".join(ids[:_SHOWN]) + more
