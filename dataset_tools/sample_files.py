"""Samples on disk: the Parquet files of a built dataset, as ``datasets`` and TRL read them."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from dataset_tools.jsonl import dump_text
from dataset_tools.masking import Samples
from schemas.record import Record

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["encode_samples", "sample_schema"]


@lru_cache(maxsize=1)
def sample_schema() -> "pa.Schema":
    """The columns of a built dataset, with the note in which ``datasets`` keeps its features."""
    import pyarrow as pa  # noqa: PLC0415 - slow to import

    text, ids = (
        {"dtype": "string", "_type": "Value"},
        {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "List"},
    )
    features = {"id": text, "input_ids": ids, "labels": ids, "dialect": text, "domain": text}
    types = {"input_ids": pa.list_(pa.int32()), "labels": pa.list_(pa.int32())}
    fields = [(name, types.get(name, pa.string())) for name in features]
    return pa.schema(fields, metadata={"huggingface": dump_text({"info": {"features": features}})})


def encode_samples(records: Sequence[Record], samples: Samples) -> bytes:
    """Samples, and what is known of their records, as a Parquet file of :func:`sample_schema`."""
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415

    texts = ("id", "dialect", "domain")
    columns = {name: pa.array([record[name] for record in records], pa.string()) for name in texts}  # type: ignore[literal-required]
    offsets = pa.array(samples.offsets)
    columns["input_ids"] = pa.ListArray.from_arrays(offsets, pa.array(samples.input_ids))
    columns["labels"] = pa.ListArray.from_arrays(offsets, pa.array(samples.labels))
    schema = sample_schema()
    table = pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
    buffer = pa.BufferOutputStream()
    pq.write_table(
        table,
        buffer,
        compression="zstd",
        compression_level=1,  # declarations repeat, which the fastest level finds as well
        write_statistics=["id"],  # those of token ids help nobody
        use_dictionary=["dialect", "domain"],
    )
    return cast("bytes", buffer.getvalue().to_pybytes())
