"""Records as Parquet.

Values whose keys differ between records (messages, tools, meta) are stored as JSON text, with the type of the ``Json``
feature of ``datasets``, so no value gains the keys of another. ``datasets`` itself is not imported.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from dataset_tools.io.json_text import dump_text
from schemas.record import Record

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FEATURES", "GROUP_BYTES", "GROUP_ROWS", "SCHEMA", "TableWriter", "arrow_stream", "record_batch"]

GROUP_ROWS = 4096
"""Rows per row group."""

GROUP_BYTES = 64 << 20
"""Size at which a row group ends early, so that long rows do not fill the memory."""

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
"""The columns, in the notation of ``datasets``."""

_BATCH_ROWS = 1024

_TEXT_COLUMNS = ("id", "dialect", "domain")


@lru_cache(maxsize=1)
def SCHEMA() -> "pa.Schema":  # noqa: N802 - a constant that needs pyarrow
    """Return the Arrow schema of records, with the metadata in which ``datasets`` stores its features."""
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
    """Return records as one Arrow batch of :func:`SCHEMA`."""
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
    """Return the same for declarations: records share the objects, and each distinct one is encoded once."""
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
    """Return records as an Arrow stream of :func:`SCHEMA`, to send them between processes."""
    import pyarrow as pa

    buffer = pa.BufferOutputStream()
    with pa.ipc.new_stream(buffer, SCHEMA()) as stream:
        for start in range(0, len(records), _BATCH_ROWS):
            stream.write_batch(record_batch(records[start : start + _BATCH_ROWS]))
    return cast("bytes", buffer.getvalue().to_pybytes())


class TableWriter:
    """Writer of Arrow streams as row groups, independent of how the payloads are cut."""

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
            # A copy, because a slice would keep the whole table in memory.
            self._held = [pa.concat_tables([table.slice(whole)]).combine_chunks()] if whole < rows else []

    def finish(self) -> None:
        """Write the remaining rows and the footer."""
        import pyarrow as pa

        if self._held:
            self._groups(pa.concat_tables(self._held))
        self._writer.close()

    def abandon(self) -> None:
        """Give up the file: write no footer, also not when Python drops the writer."""
        self._writer.is_open = False

    def _groups(self, table: "pa.Table") -> None:
        for start in range(0, table.num_rows, GROUP_ROWS):
            # Pages end where chunks end, so the chunks of the payloads are combined.
            self._writer.write_table(table.slice(start, GROUP_ROWS).combine_chunks(), row_group_size=GROUP_ROWS)
