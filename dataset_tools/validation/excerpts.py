"""Excerpts of findings: the value at the path, and the part that the message names.

A result has places, not rows; the rows of its examples are read again.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

from dataset_tools.errors import RowError
from dataset_tools.executor.run import run
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import Inputs, record_batches
from dataset_tools.validation.validate import ValidateOptions, ValidationResult

__all__ = ["Excerpt", "Excerpts", "excerpts", "named_part", "value_at"]

_AROUND = 60  # characters shown on each side of the named part
_LONGEST = 240  # characters shown of a value without a named part
_STEP = re.compile(r"\[(\d+)\]|\.?([^.\[]+)")
_CODE_POINTS = re.compile(r"U\+([0-9A-F]{4,6})(?= |$)")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)+)'|^(<[a-z_]+>)")
_ESCAPED = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)", re.DOTALL)
_NAMED = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A value in pieces, each flagged if the message names it."""

    pieces: tuple[tuple[str, bool], ...]


ValuePlace: TypeAlias = tuple[str, int, str]
Excerpts: TypeAlias = Mapping[ValuePlace, Any]
"""Values by file, line and path."""


class ExcerptStage:
    """Reads the wanted values of one shard: a pure function of the shard."""

    def __init__(self, converter: Converter, wanted: Mapping[str, Mapping[int, Sequence[str]]]) -> None:
        self._converter = converter
        self._wanted = wanted

    def __call__(self, shard: Shard) -> dict[ValuePlace, Any]:
        lines = self._wanted.get(shard.file.place, {})
        found: dict[ValuePlace, Any] = {}
        read = chain.from_iterable(record_batches(shard, self._converter, reject_invalid=False, lines=lines))
        for raw, outcome, _ in read:
            for path in lines[raw.line] if not isinstance(outcome, RowError) else ():
                value = value_at(outcome, path)
                if value is not None:
                    found[shard.file.place, raw.line, path] = value
        return found


def excerpts(inputs: Inputs, result: ValidationResult, options: ValidateOptions | None = None) -> Excerpts:
    """Return the values at the places of the examples of a result.

    Args:
        inputs: the validated files.
        result: the result of their validation.
        options: the options of their validation.

    Raises:
        InputError: a file cannot be read.
    """
    options = options or ValidateOptions()
    converter = options.reading.converter()
    wanted: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for entry in result.checks.values():
        for example in entry["examples"]:
            if example["path"] and example["line"]:
                wanted[example["file"]][example["line"]].append(example["path"])
    stage = ExcerptStage(converter, {file: dict(lines) for file, lines in wanted.items()})
    found: dict[ValuePlace, Any] = {}
    shards = [shard for shard in plan_shards(inputs.files) if shard.file.place in wanted]
    with closing(run(stage, shards, options.work)) as parts:
        for part in parts:
            found |= part
    return found


def value_at(record: Any, path: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value at a path such as ``messages[1].content``; None if there is none."""
    value = record
    for index, name in _STEP.findall(path):
        if index:
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
        if value is None:
            return None
    return value


def named_part(value: Any, message: str) -> Excerpt:  # noqa: ANN401 - any JSON value
    """Return a value as text with the part marked that a message names; long text is shortened around it."""
    if not isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
        return Excerpt(((_shortened(text), not isinstance(value, dict | list)),))
    spans = list(_spans(value, message))
    if not spans:
        return Excerpt(((_shortened(value), len(value) <= _LONGEST),))
    return Excerpt(tuple(_cut(value, spans)))


def _spans(value: str, message: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of a text that a message names by code points or quotes."""
    codes = _CODE_POINTS.findall(message)
    if codes:
        named = "".join(chr(int(code, 16)) for code in codes)
        yield from (found.span() for found in re.finditer(f"(?:{re.escape(named)})+", value))
        return
    for quoted, control in _QUOTED.findall(message):
        named = control or _ESCAPED.sub(_plain, quoted)
        at = value.find(named)
        if at >= 0:
            yield at, at + len(named)
            return


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _plain(escaped: re.Match[str]) -> str:
    what = escaped[1]
    return chr(int(what[1:], 16)) if len(what) > 1 else _NAMED.get(what, what)


def _cut(value: str, spans: list[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    start = max(0, spans[0][0] - _AROUND)
    until = spans[0][1] + _AROUND
    spans = [span for span in spans if span[0] < until]
    until = max(until, spans[-1][1])
    if start:
        yield "…", False
    for first, last in spans:
        if start < first:
            yield value[start:first], False
        yield value[first:last], True
        start = last
    if start < len(value):
        yield value[start:until], False
    if until < len(value):
        yield "…", False
