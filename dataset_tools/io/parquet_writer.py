"""Records as Parquet.

What varies from record to record (messages, tools, meta) is stored as JSON text under the type that the ``Json``
feature of ``datasets`` uses, so nothing gains the keys of its neighbours; ``datasets`` itself is not imported.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from dataset_tools.io.jsonl import dump_text
from schemas.record import Record

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FEATURES", "GROUP_BYTES", "GROUP_ROWS", "SCHEMA", "TableWriter", "arrow_stream", "record_batch"]

GROUP_ROWS = 4096
"""Rows in a row group."""

GROUP_BYTES = 64 << 20
"""A row group is also ended by a payload that brings it past this size, so that long rows do not fill the memory."""

_TEXT = {"dtype": "string", "_type": "Value"}
_JSON = {"_type": "Json"}
_LIST = {"feature": _JSON, "_type": "List"}
FEATURES = {
    "id": _TEXT,
    "messages": _LIST,
    "tools": _LIST,
    "dialect": _TEXT,
    "domain": _TEXT,
    "source": {"dataset": _TEXT, "file": _TEXT, "line": {"dtype": "int64", "_type": "Value"}},
    "meta": _JSON,
}
"""The columns as ``datasets`` writes them down."""

_BATCH_ROWS = 1024

_TEXT_COLUMNS = ("id", "dialect", "domain")


@lru_cache(maxsize=1)
def SCHEMA() -> "pa.Schema":  # noqa: N802 - a constant, but for pyarrow's slow import
    """The columns of a file of records, with the note in which ``datasets`` keeps its features."""
    import pyarrow as pa

    text, json = pa.string(), pa.json_()
    fields = [
        ("id", text),
        ("messages", pa.list_(json)),
        ("tools", pa.list_(json)),
        ("dialect", text),
        ("domain", text),
        ("source", pa.struct([("dataset", text), ("file", text), ("line", pa.int64())])),
        ("meta", json),
    ]
    return pa.schema(fields, metadata={"huggingface": dump_text({"info": {"features": FEATURES}})})


def record_batch(records: Sequence[Record]) -> "pa.RecordBatch":
    """Records as one Arrow batch of :func:`SCHEMA`."""
    import pyarrow as pa

    schema = SCHEMA()
    columns = {
        name: pa.array([record[name] for record in records], pa.string())  # type: ignore[literal-required]
        for name in _TEXT_COLUMNS
    }
    columns["messages"] = _lists([record["messages"] for record in records], _json_array)
    columns["tools"] = _lists([record["tools"] for record in records], _declarations)
    columns["source"] = pa.array([record["source"] for record in records], schema.field("source").type)
    columns["meta"] = _json_array([record["meta"] for record in records])
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def _json_array(values: Sequence[Any]) -> "pa.Array":
    import pyarrow as pa

    return pa.ExtensionArray.from_storage(pa.json_(), pa.array([dump_text(value) for value in values], pa.string()))


def _declarations(tools: Sequence[Any]) -> "pa.Array":
    """The same for declarations: one that stands in many records is one object most often, and is written once."""
    import pyarrow as pa

    known: dict[int, int] = {}
    places = [known.setdefault(id(tool), len(known)) for tool in tools]
    distinct = _json_array(list({id(tool): tool for tool in tools}.values()))
    return pa.ExtensionArray.from_storage(pa.json_(), distinct.storage.take(pa.array(places, pa.int32())))


def _lists(lists: Sequence[Sequence[Any]], encode: "Callable[[Sequence[Any]], pa.Array]") -> "pa.Array":
    import pyarrow as pa

    offsets = [0]
    for values in lists:
        offsets.append(offsets[-1] + len(values))
    items = encode(list(chain.from_iterable(lists)))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items, type=pa.list_(pa.json_()))


def arrow_stream(records: Sequence[Record]) -> bytes:
    """Records as an Arrow stream of :func:`SCHEMA`: how they travel from the process that made them."""
    import pyarrow as pa

    buffer = pa.BufferOutputStream()
    with pa.ipc.new_stream(buffer, SCHEMA()) as stream:
        for start in range(0, len(records), _BATCH_ROWS):
            stream.write_batch(record_batch(records[start : start + _BATCH_ROWS]))
    return cast("bytes", buffer.getvalue().to_pybytes())


class TableWriter:
    """Arrow batches as row groups whose borders do not depend on those of the payloads."""

    def __init__(self, file: BinaryIO) -> None:
        import pyarrow.parquet as pq

        self._writer = pq.ParquetWriter(file, SCHEMA(), compression="zstd")
        self._held: list[pa.Table] = []

    def write(self, payload: bytes) -> None:
        """Add the rows of an Arrow stream."""
        import pyarrow as pa

        with pa.ipc.open_stream(payload) as stream:
            self._held.append(stream.read_all())
        rows = sum(table.num_rows for table in self._held)
        if rows >= GROUP_ROWS or sum(table.nbytes for table in self._held) >= GROUP_BYTES:
            table = pa.concat_tables(self._held)
            whole = rows if table.nbytes >= GROUP_BYTES else rows - rows % GROUP_ROWS
            self._groups(table.slice(0, whole))
            # A copy, because a slice would keep all of the memory alive.
            self._held = [pa.concat_tables([table.slice(whole)]).combine_chunks()] if whole < rows else []

    def finish(self) -> None:
        """Write the rows still held, and the footer."""
        import pyarrow as pa

        if self._held:
            self._groups(pa.concat_tables(self._held))
        self._writer.close()

    def abandon(self) -> None:
        """Write no footer, now or when Python drops the writer: the file is given up."""
        self._writer.is_open = False

    def _groups(self, table: "pa.Table") -> None:
        for start in range(0, table.num_rows, GROUP_ROWS):
            # Pages are cut where chunks end, so the chunks of the payloads must go.
            self._writer.write_table(table.slice(start, GROUP_ROWS).combine_chunks(), row_group_size=GROUP_ROWS)
