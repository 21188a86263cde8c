"""Parquet: exact round trips with our reader and ``datasets``; foreign tables become JSON or an error."""

import datetime as dt
import decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_tools.errors import InputError
from dataset_tools.io.parquet_writer import GROUP_ROWS, SCHEMA
from dataset_tools.io.writer import Sink, encode
from schemas.record import Record
from tests.dataset_tools.io.stages import record, rows_of

AWKWARD: dict[str, Any] = {
    "int": 1,
    "float": 1.0,
    "small": 1e-7,
    "large": 2**63 - 1,
    "null": None,
    "object": {},
    "list": [],
    "nested": {"a": [{"b": None}, {"c": []}]},
    "number as text": "1",
    "JSON as text": '{"x": 1}',
    "null as text": "null",
    "empty": "",
    "unicode": "مرحبا \u2028 😀 ﷺ",
}


def _table(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def _values(path: Path) -> list[Any]:
    return [row.value if row.error is None else str(row.error) for row in rows_of(path)]


def _sink(path: Path, records: list[Record]) -> Path:
    with Sink(path) as sink:
        sink.write_payload(encode(records, path))
    return path


def test_records_survive_in_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``datasets`` loads exactly the written records, without new keys or changed types."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    records = [record(1, **AWKWARD), record(2), record(3, only="here")]
    path = _sink(tmp_path / "x.parquet", records)
    assert _values(path) == records
    loaded = datasets.load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path))
    assert list(loaded) == records
    assert [repr(entry["meta"]) for entry in loaded] == [repr(entry["meta"]) for entry in records]
    loaded.to_parquet(tmp_path / "again.parquet")
    assert _values(tmp_path / "again.parquet") == records


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3), max_size=3))
def test_any_meta_survives(tmp_path_factory: pytest.TempPathFactory, metas: list[dict[str, Any]]) -> None:
    """Any JSON keeps its types in Parquet."""
    records = [record(line, meta=meta) for line, meta in enumerate(metas, 1)]
    path = _sink(tmp_path_factory.mktemp("meta") / "x.parquet", records)
    assert repr(_values(path)) == repr(records)


def test_row_groups_do_not_depend_on_payloads(tmp_path: Path) -> None:
    """Row groups have a fixed number of rows, and the bytes of the file do not depend on the batches."""
    records = [record(line) for line in range(GROUP_ROWS * 2 + 10)]
    one = _sink(tmp_path / "one.parquet", records)
    with Sink(tmp_path / "many.parquet") as sink:
        for start in range(0, len(records), 999):
            sink.write_payload(encode(records[start : start + 999], "x.parquet"))
    metadata = pq.read_metadata(one)
    assert [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)] == [
        GROUP_ROWS,
        GROUP_ROWS,
        10,
    ]
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    assert (tmp_path / "many.parquet").read_bytes() == one.read_bytes()
    assert pq.read_schema(one).equals(SCHEMA())


def test_foreign_tables_become_json(tmp_path: Path) -> None:
    """Text stays text even if it looks like JSON, other types become text, nulls stay."""
    path = _table(
        tmp_path / "x.parquet",
        text=pa.array(['{"a": 1}', None]),
        day=pa.array([dt.date(2024, 1, 2), None]),
        price=pa.array([decimal.Decimal("1.50"), None]),
        blob=pa.array([b"abc", None]),
        nested=pa.array([{"x": [1.5, None]}, None]),
        map=pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
        label=pa.array(["a", None]).dictionary_encode(),
    )
    first, second = _values(path)
    assert first == {
        "text": '{"a": 1}',
        "day": "2024-01-02",
        "price": "1.50",
        "blob": "abc",
        "nested": {"x": [1.5, None]},
        "map": {"k": 1},
        "label": "a",
    }
    assert set(second.values()) == {None}


@pytest.mark.parametrize(
    "column, expected",
    [
        (pa.array([1.0, float("nan"), 2.0]), "column 'c' holds nan, which is not JSON"),
        (pa.array([b"a", b"\xff", b"b"]), "column 'c' holds bytes that are not UTF-8"),
        (pa.array([b"a", b"\xff", b"b"]).view(pa.string()), "a value of the table cannot be read"),
        (
            pa.ExtensionArray.from_storage(pa.json_(), pa.array(["1", '{"a":1,"a":2}', "2"])),
            "column 'c': duplicate key 'a'",
        ),
        (pa.array([[("k", 1)], [("k", 1), ("k", 2)], []], pa.map_(pa.string(), pa.int64())), "a value of the table"),
    ],
)
def test_a_bad_cell_is_one_bad_row(column: Any, expected: str, tmp_path: Path) -> None:
    """A value that JSON lacks makes its row unreadable; other rows are read."""
    first, second, third = rows_of(_table(tmp_path / "x.parquet", c=column))
    assert first.value is not None
    assert third.value is not None
    assert (second.line, second.value) == (2, None)
    assert expected in str(second.error)


def test_json_under_a_plain_text_type(tmp_path: Path) -> None:
    """A text column of the feature Json is decoded; invalid metadata is ignored."""
    table = pa.table({"c": ['{"a":1}']})
    note = '{"info": {"features": {"c": {"_type": "Json"}}}}'
    pq.write_table(table.replace_schema_metadata({"huggingface": note}), tmp_path / "x.parquet")
    assert _values(tmp_path / "x.parquet") == [{"c": {"a": 1}}]
    pq.write_table(table.replace_schema_metadata({"huggingface": "?"}), tmp_path / "y.parquet")
    assert _values(tmp_path / "y.parquet") == [{"c": '{"a":1}'}]


def test_damage_in_the_middle(tmp_path: Path) -> None:
    """The rows before the damage are read, then one row with an error stands for the rest of the row groups."""
    path = tmp_path / "x.parquet"
    pq.write_table(
        pa.table({"a": [f"{n:050}" for n in range(20_000)]}), path, row_group_size=1000, use_dictionary=False
    )
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    *rows, lost = rows_of(path)
    assert len(rows) > 1000
    assert all(row.error is None for row in rows)
    assert lost.line == rows[-1].line + 1
    assert str(lost.error).startswith("damaged Parquet data: ")
    content[-8:-4] = b"\xff\xff\xff\x0f"  # the length of the footer
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a complete Parquet file"):
        rows_of(path)
