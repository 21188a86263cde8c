"""Data view of an output file: checksums of its content without sentences, times and versions."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["compare", "entry_of", "rows_of"]

# Fields that may differ: sentences, versions, and the size and checksum of a file of rejects, which holds sentences.
# "*" is any key or item. A value is blanked, not removed, so that a missing field is a difference.
BLANKED = {
    "*rejects*": ("reason", "hint"),
    "*parsed.jsonl": ("warnings.*",),
    "*validate.json": ("checks.*.examples.*.message", "checks.*.examples.*.hint"),
    "*report.json": ("version", "python"),
    "*split*.json": ("version", "python", "reports.*.version", "reports.*.python"),
    "*build*.json": ("versions",),
    "*manifest.json": ("versions", "rejects.bytes", "rejects.sha256"),
}
# Of a sample that `show` prints, the first line, the last line and the head of the table keep their numbers only.
TABLE_HEAD = re.compile(r" +[a-z]+ +[a-z]+ +[a-z]+$")
MARK = 8  # hexadecimal digits


def entry_of(file: Path, name: str, roots: dict[str, str]) -> dict[str, Any]:
    """Return what is recorded of an output file: the SHA-256 of its data view and a mark for each row.

    A Parquet file has its schema too. A JSON document has a mark for each value, and the places of the values.

    Args:
        file: the file to read.
        name: its name below the output folder, which decides on the blanked fields.
        roots: absolute paths that differ between two runs, each with a name to replace it in documents.
    """
    content = file.read_bytes()
    paths = [path.split(".") for pattern, listed in BLANKED.items() if fnmatch(name, pattern) for path in listed]
    if name.endswith(".parquet"):
        table = pq.ParquetFile(pa.BufferReader(content))
        rows = (repr(row) for batch in table.iter_batches(1000) for row in batch.to_pylist())
        return _entry(content, rows, schema=_digest(table.schema_arrow.to_string(truncate_metadata=False)))
    if name.endswith(".json"):
        text = content.decode()
        for root, label in roots.items():
            text = text.replace(root, label)
        values = list(_leaves(_blanked(_loads(text), paths))) if text else []
        return _entry(json.dumps(values), (value for _, value in values), places=[path for path, _ in values])
    if name.endswith(".txt"):
        shown = list(_shown(content.decode()))
        return _entry("\n".join(shown), shown)
    with pa.input_stream(file, compression="detect") as stream:
        lines = stream.read().splitlines(keepends=True)
    if not paths:
        return _entry(content, lines)
    texts = [json.dumps(_blanked(_loads(line), paths)) for line in lines]
    return _entry("\n".join(texts), texts)


def rows_of(entry: dict[str, Any]) -> int:
    """Return the number of rows of an entry; a JSON document counts as one."""
    return 1 if "places" in entry else len(entry["marks"]) // MARK


def compare(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return a line for each difference between two recordings, which hold exit codes and entries of files."""
    lines = []
    for kind in ("codes", "files"):
        old, new = before[kind], after[kind]
        lines += [f"only before: {name}" for name in old if name not in new]
        lines += [f"only after: {name}" for name in new if name not in old]
        unequal = [name for name in old if name in new and old[name] != new[name]]
        if kind == "codes":
            lines += [f"{name}: exit code {old[name]} before, {new[name]} after" for name in unequal]
        else:
            lines += [f"{name}: {_difference(old[name], new[name])}" for name in unequal]
    return lines


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return where two unequal entries differ first."""
    old, new = _places(before), _places(after)
    counts = f"{rows_of(before)} rows before, {rows_of(after)} after"
    first = next(
        (at for at, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new))
    )
    if before.get("schema") != after.get("schema"):
        return f"another schema ({counts})"
    if first == max(len(old), len(new)):
        return f"other bytes, equal rows ({counts})"
    place = (old if first < len(old) else new)[first][0]
    return f"first at {place}" if "places" in before else f"first at row {place} ({counts})"


def _places(entry: dict[str, Any]) -> list[tuple[str | int, str]]:
    """Return the place and the mark of each row or value of an entry."""
    marks = [entry["marks"][at : at + MARK] for at in range(0, len(entry["marks"]), MARK)]
    return list(zip(entry.get("places", range(1, len(marks) + 1)), marks, strict=True))


def _entry(view: str | bytes, rows: Iterable[str | bytes], **more: Any) -> dict[str, Any]:
    return {"sha256": _digest(view), "marks": "".join(_digest(row)[:MARK] for row in rows), **more}


def _digest(content: str | bytes) -> str:
    return hashlib.sha256(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content).hexdigest()


def _loads(text: str | bytes) -> Any:
    """Read JSON with each number as its text, so that 1, 1.0 and 1e0 differ."""
    return json.loads(text, parse_int="number {}".format, parse_float="number {}".format)


def _blanked(value: Any, paths: list[list[str]]) -> Any:
    """Return a JSON value with null at the end of each path."""
    if [] in paths:
        return None
    if isinstance(value, dict) and paths:
        return {
            key: _blanked(item, [path[1:] for path in paths if path[0] in {key, "*"}]) for key, item in value.items()
        }
    if isinstance(value, list) and paths:
        return [_blanked(item, [path[1:] for path in paths if path[0] == "*"]) for item in value]
    return value


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each value in a JSON document, in its order."""
    items = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    for key, item in items:
        yield from _leaves(item, f"{path}.{key}".lstrip("."))
    if not items:
        yield path, json.dumps(value)


def _shown(text: str) -> Iterator[str]:
    """Yield the compared lines of printed samples, which a blank line separates."""
    for sample in text.strip("\n").split("\n\n"):
        lines = sample.split("\n")
        for place, line in enumerate(lines):
            wording = place in {0, len(lines) - 1} or TABLE_HEAD.match(line)
            yield " ".join(re.findall(r"\d+", line)) if wording else line
