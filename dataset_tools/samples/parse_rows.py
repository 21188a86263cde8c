"""``afg-data parse``: texts and calls of a stream of model outputs, as one library call."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from dataset_tools.errors import InputError
from dataset_tools.io.file_formats import BOM
from dataset_tools.io.json_text import MAX_ROW_BYTES, RawLine, dump_line
from dataset_tools.prompt.parser import ParseError, parse
from dataset_tools.readers.shards import split_lines
from dataset_tools.samples.render_rows import Writer
from schemas.record import Tool

__all__ = ["ParseCounts", "open_outputs", "parse_rows"]

_CHUNK = 1 << 18


@dataclass(slots=True)
class ParseCounts:
    """Counts of parsed outputs: ``rows == parsed + failed``.

    Attributes:
        rows: outputs read.
        parsed: outputs that could be parsed.
        failed: outputs that could not.
        recovered: parsed outputs with a missing closing token.
        warned: parsed outputs with a warning.
        calls: calls in all parsed outputs.
    """

    rows: int = 0
    parsed: int = 0
    failed: int = 0
    recovered: int = 0
    warned: int = 0
    calls: int = 0


@contextmanager
def open_outputs(source: str) -> Iterator[BinaryIO]:
    """Open a file, or standard input for ``-``.

    Raises:
        InputError: it cannot be read.
    """
    if source == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(source).open("rb") as stream:
            yield stream
    except OSError as error:
        raise InputError(error.strerror or str(error), where=source) from error


def parse_rows(
    source: BinaryIO, out: Writer, *, tools: list[Tool] | None = None, as_json: bool | None = None
) -> ParseCounts:
    """Parse every line of ``source`` as a model output and write the result as a JSON line.

    A parsed output has ``id``, ``content``, ``tool_calls``, ``recovered`` and ``warnings``; a failed one has ``id``,
    ``error`` and ``position``: a character of the output from 0, or null for a fault of the line. Blank lines are
    skipped.

    Args:
        source: one output per line: plain text, or JSON objects with ``text`` and optionally ``id``. The default id is
            the line number.
        out: receives the lines.
        tools: declarations with the types of arguments.
        as_json: whether the lines are JSON; by default the first line decides.
    """
    counts = ParseCounts()
    for line in split_lines(_chunks(source), 1):
        if as_json is None:
            as_json = _is_object(line.raw)
        out.write(dump_line(_parse_line(line, tools, counts, as_json=as_json)))
    return counts


def _parse_line(line: RawLine, tools: list[Tool] | None, counts: ParseCounts, *, as_json: bool) -> dict[str, Any]:
    counts.rows += 1
    identity: Any = str(line.number)
    try:
        identity, text = _output(line, as_json=as_json)
        found = parse(text, tools)  # type: ignore[arg-type]  # a typed dictionary is a dictionary
    except ParseError as error:
        counts.failed += 1
        return {"id": identity, "error": error.what, "position": error.position}
    except ValueError as error:
        counts.failed += 1
        return {"id": identity, "error": str(error), "position": None}
    counts.parsed += 1
    counts.recovered += found.recovered
    counts.warned += bool(found.warnings)
    counts.calls += len(found.tool_calls)
    return {
        "id": identity,
        "content": found.content,
        "tool_calls": found.tool_calls,
        "recovered": found.recovered,
        "warnings": found.warnings,
    }


def _output(line: RawLine, *, as_json: bool) -> tuple[Any, str]:
    """Return the id and the text of a line."""
    if line.size > MAX_ROW_BYTES:
        raise ValueError(f"the line is longer than {MAX_ROW_BYTES >> 20} MB")
    if not as_json:
        try:
            return str(line.number), line.raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"not UTF-8: byte 0x{line.raw[error.start]:02X} at offset {error.start}") from None
    try:
        row = orjson.loads(line.raw)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise ValueError("not an object with `text`")  # noqa: TRY004 - the line is wrong, not an argument
    return row.get("id", str(line.number)), row["text"]


def _is_object(raw: bytes) -> bool:
    """Return whether a line is a JSON object, so that the file is JSON Lines; no model writes one."""
    try:
        row = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return isinstance(row, dict)


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    yield source.read(_CHUNK).removeprefix(BOM)
    while chunk := source.read(_CHUNK):
        yield chunk
