"""Shards cover the file, and rows keep their line numbers."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.readers.shards import plan_shards
from dataset_tools.readers.sources import find_files
from dataset_tools.records.reading import Inputs
from tests.dataset_tools.io.stages import rows_of

LINES = st.lists(
    st.sampled_from(["", "  "]) | st.integers(0, 40).map(lambda size: f'{{"a":"{"x" * size}"}}'), max_size=30
)


@given(LINES, st.lists(st.sampled_from(["\n", "\r\n"]), min_size=1), st.integers(1, 200), st.booleans())
def test_line_numbers_are_exact(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    ends: list[str],
    size: int,
    last: bool,  # noqa: FBT001
) -> None:
    """For any lines, line ends and shard sizes, each row has the line number of an editor."""
    text = "".join(line + ends[index % len(ends)] for index, line in enumerate(lines))
    path = tmp_path_factory.mktemp("lines") / "x.jsonl"
    path.write_text((text if last else text.rstrip("\r\n")) or "\n", newline="")
    expected = [(number, line.encode()) for number, line in enumerate(lines, 1) if line.strip()]
    assert [(row.line, row.raw) for row in rows_of(path, size)] == expected


@given(st.integers(1, 1 << 19))
def test_shards_cover_the_file(tmp_path_factory: pytest.TempPathFactory, size: int) -> None:
    """Shards are contiguous, end at newlines and have the given size, except for the last line."""
    path = tmp_path_factory.mktemp("cover") / "x.jsonl"
    path.write_bytes(b"".join(b'{"a":"%s"}\n' % (b"x" * (step * 997 % 5000)) for step in range(200)))
    data = path.read_bytes()
    shards = list(plan_shards(find_files([str(path)]), size))
    assert [shard.start for shard in shards] == [0, *(shard.stop for shard in shards[:-1])]
    assert shards[-1].stop == len(data)
    assert all(data[shard.stop - 1 : shard.stop] == b"\n" for shard in shards)
    assert all(shard.stop - shard.start >= size for shard in shards[:-1])
    assert [shard.first_line for shard in shards] == [data.count(b"\n", 0, shard.start) + 1 for shard in shards]
    assert sum(shard.size for shard in shards) == Inputs.of([str(path)]).size


def test_row_groups_are_shards(tmp_path: Path) -> None:
    """Parquet is cut between row groups; row numbers count over the whole file."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": list(range(1000))}), path, row_group_size=300)
    shards = list(plan_shards(find_files([str(path)]), 1))
    assert [(shard.start, shard.stop, shard.first_line) for shard in shards] == [
        (0, 1, 1),
        (1, 2, 301),
        (2, 3, 601),
        (3, 4, 901),
    ]
    assert [(row.line, row.value) for row in rows_of(path, 1)] == [(n + 1, {"a": n}) for n in range(1000)]
    assert len(list(plan_shards(find_files([str(path)])))) == 1


def test_the_last_line_without_a_newline(tmp_path: Path) -> None:
    """A file without any newline is one shard and one row."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a":1}')
    assert [(row.line, row.value) for row in rows_of(path, 1)] == [(1, {"a": 1})]
