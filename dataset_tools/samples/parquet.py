"""Parquet files of a built dataset, for ``datasets`` and TRL."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from dataset_tools.io.json_text import dump_text
from dataset_tools.samples.masking import Samples
from schemas.record import Record

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["encode_samples", "sample_batch", "sample_schema"]


@lru_cache(maxsize=1)
def sample_schema() -> "pa.Schema":
    """Return the columns of a built dataset, with the features of ``datasets`` in the metadata."""
    import pyarrow as pa

    text, ids = (
        {"dtype": "string", "_type": "Value"},
        {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "List"},
    )
    features = {"id": text, "input_ids": ids, "labels": ids, "dialect": text, "domain": text}
    types = {"input_ids": pa.list_(pa.int32()), "labels": pa.list_(pa.int32())}
    fields = [(name, types.get(name, pa.string())) for name in features]
    return pa.schema(fields, metadata={"huggingface": dump_text({"info": {"features": features}})})


def sample_batch(records: Sequence[Record], samples: Samples) -> "pa.RecordBatch":
    """Return samples, with id, dialect and domain of their records, as an Arrow batch of :func:`sample_schema`."""
    import pyarrow as pa

    columns = [
        _texts([record["id"] for record in records]),
        _ids(samples.input_ids, samples.offsets),
        _ids(samples.labels, samples.offsets),
        _texts([record["dialect"] for record in records]),
        _texts([record["domain"] for record in records]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=sample_schema())


def encode_samples(batches: Sequence["pa.RecordBatch"]) -> bytes:
    """Return batches of samples as a Parquet file with one row group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(
        pa.Table.from_batches(batches, schema=sample_schema()),
        buffer,
        compression="zstd",
        compression_level=1,  # declarations repeat, so the fastest level suffices
        write_statistics=["id"],  # those of token ids have no use
        use_dictionary=["dialect", "domain"],
    )
    return cast("bytes", buffer.getvalue().to_pybytes())


# Columns are built from buffers: `pyarrow.array` imports pandas, which takes half a second in every process.


def _texts(values: Sequence[str]) -> "pa.Array":
    import numpy as np
    import pyarrow as pa

    joined = "".join(values)
    sizes = map(len, values) if joined.isascii() else [len(value.encode()) for value in values]
    offsets = np.cumsum([0, *sizes], dtype=np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(joined.encode()))


def _ids(values: "np.ndarray", offsets: "np.ndarray") -> "pa.Array":
    import pyarrow as pa

    items = pa.Array.from_buffers(pa.int32(), len(values), [None, pa.py_buffer(values)])
    lists = pa.list_(pa.int32())
    return pa.Array.from_buffers(lists, len(offsets) - 1, [None, pa.py_buffer(offsets)], children=[items])
