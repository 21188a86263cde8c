"""Inputs that change between two passes are reported, and no output is written."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.changes import Change, Log
from dataset_tools.dedup.dedup import DedupOptions, dedup
from dataset_tools.dedup.keys import ShardKeys
from dataset_tools.errors import InputError, RowError
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.readers.shards import plan_shards
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import Inputs, ReadOptions, record_batches, records_of
from dataset_tools.split.split import SplitOptions, split
from schemas.record import Record
from tests.dataset_tools.io.stages import record

ROWS = 20


def _lines(*numbers: int) -> str:
    return "".join(json.dumps({**record(number), "id": f"{at}"}) + "\n" for at, number in enumerate(numbers, start=1))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Rows of which the last repeats the first."""
    path = tmp_path / "raw.jsonl"
    path.write_text(_lines(*range(1, ROWS), 1))
    return path


def _replace(path: Path, text: str) -> None:
    """Replace a file atomically."""
    other = path.with_name("other")
    other.write_text(text)
    other.replace(path)


def _between(change: Callable[[], object]) -> Callable[[Any, Any], None]:
    """Return a callback for shards that changes something after the first pass."""

    def on_shard(_: Any, part: Any) -> None:
        if isinstance(part, ShardKeys):
            change()

    return on_shard


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a row before": (
        lambda path: _replace(path, _lines(99) + path.read_text()),
        "the input changed while it was read",
    ),
    "another row": (
        lambda path: _replace(path, path.read_text().replace("؟", "!", 1)),
        "the input changed while it was read",
    ),
    "only the time": (lambda path: os.utime(path, ns=(0, 0)), "the input changed while it was read"),
    "the last row gone": (
        lambda path: _replace(path, "".join(path.read_text().splitlines(keepends=True)[:-1])),
        "the input changed while it was read",
    ),
}
"""Changes of the file, and the expected message."""


@pytest.mark.parametrize("name", CHANGES)
def test_dedup_into_a_file(name: str, source: Path, tmp_path: Path) -> None:
    """No file appears."""
    change, said = CHANGES[name]
    outputs = Outputs(tmp_path / "one.jsonl", tmp_path / "one.rejects.jsonl")
    with pytest.raises(InputError, match=said):
        dedup([str(source)], outputs, DedupOptions(near=None), on_shard=_between(lambda: change(source)))
    assert [path.name for path in tmp_path.iterdir()] == ["raw.jsonl"]


@pytest.mark.parametrize("name", CHANGES)
def test_split(name: str, source: Path, tmp_path: Path) -> None:
    """No folder appears; a new row is reported with its line."""
    change, said = CHANGES[name]
    said = rf":{ROWS + 1}: the row was not there before" if name == "a row before" else said
    with pytest.raises(InputError, match=said):
        split(
            [str(source)],
            tmp_path / "data",
            SplitOptions(format="jsonl", near=None),
            on_shard=_between(lambda: change(source)),
        )
    assert [path.name for path in tmp_path.iterdir()] == ["raw.jsonl"]


def test_other_input_files(source: Path, tmp_path: Path) -> None:
    """A tools file and evaluation data must not change either."""
    tools, held_out = tmp_path / "tools.json", tmp_path / "held_out.jsonl"
    tools.write_text(json.dumps(record(1)["tools"]))
    held_out.write_text(_lines(77))
    touched = _between(lambda: os.utime(tools, ns=(0, 0)))
    outputs = Outputs(tmp_path / "one.jsonl", tmp_path / "one.rejects.jsonl")
    with pytest.raises(InputError, match=r"tools\.json: the input changed"):
        dedup([str(source)], outputs, DedupOptions(near=None, reading=ReadOptions(tools_file=tools)), on_shard=touched)
    for path in (tools, held_out):
        options = SplitOptions(near=None, reading=ReadOptions(tools_file=tools), against=(str(held_out),))
        touched = _between(lambda path=path: os.utime(path, ns=(5, 5)))
        with pytest.raises(InputError, match=rf"{path.name}: the input changed"):
            split([str(source)], tmp_path / "data", options, on_shard=touched)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["held_out.jsonl", "raw.jsonl", "tools.json"]


def _step(record: Record, log: Log) -> Record:
    """Change a record, or fail as a defect would."""
    if record["id"] == "r2":
        raise ZeroDivisionError("by nothing")
    log.append(Change("test", "id", record["id"], record["id"]))
    return record


def _read(path: Path, **options: Any) -> list[tuple[int, str, int]]:
    """Return line, id or code, and number of changes of each row."""
    (shard,) = plan_shards(Inputs.of([str(path)]).files)
    rows = [row for batch in record_batches(shard, Converter(), **options) for row in batch]
    return [(raw.line, read.code if isinstance(read, RowError) else read["id"], len(log)) for raw, read, log in rows]


def test_every_row_has_a_record_or_a_reason(tmp_path: Path) -> None:
    """Rows come in order, readable or not; exceptions of a step become the reason of their row."""
    invalid = {**record(3), "messages": [{"role": "user"}]}
    path = tmp_path / "raw.jsonl"
    rows = [json.dumps(row) for row in (record(1), record(2), invalid)]
    path.write_text("\n".join([*rows[:2], "", "[", rows[2]]))
    readable = [(1, "r1", 0), (2, "r2", 0), (4, "unreadable-row", 0)]
    assert _read(path) == [*readable, (5, "invalid-record", 0)]
    assert _read(path, reject_invalid=False) == [*readable, (5, "r3", 0)]
    assert _read(path, lines={2, 5}, reject_invalid=False) == [(2, "r2", 0), (5, "r3", 0)]
    assert _read(path, repair=_step) == [
        (1, "r1", 1),
        (2, "defect", 0),
        (4, "unreadable-row", 0),
        (5, "invalid-record", 1),
    ]
    (shard,) = plan_shards(Inputs.of([str(path)]).files)
    assert [raw.line for raw, _, _ in records_of(shard, Converter())] == [1, 2, 4, 5]


def test_inputs_are_found_once(source: Path, tmp_path: Path) -> None:
    """Inputs that were found before are taken as they are; files that are read with them are added."""
    tools = tmp_path / "tools.json"
    tools.write_text("[]")
    inputs = Inputs.of([str(source)])
    more = Inputs.of(inputs, tools, None)
    assert more.files is inputs.files
    assert (inputs.companions, more.companions, more.stamps.paths) == ((), (tools,), [source, tools])
    assert inputs.size == more.size == source.stat().st_size
    source.unlink()
    with pytest.raises(InputError, match=r"raw\.jsonl: the input changed"):
        more.stamps.require_unchanged()
