"""Samples and counts of one shard, or the counts of all shards so far; samples as Parquet for ``datasets`` and TRL."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, cast
from zlib import crc32

from dataset_tools.io.json_text import dump_text
from dataset_tools.samples.masking import Samples, Tokens
from schemas.record import Record

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = [
    "LENGTH_STEP", "LENGTH_STEPS", "LIMITS", "Candidate", "SampleShard", "encode_samples", "sample_batch",
    "sample_schema",
]  # fmt: skip

LIMITS = (512, 1024, 2048, 4096)
"""Limits for which the report counts the rows within."""

LENGTH_STEP, LENGTH_STEPS = 128, 64
"""Tokens per bar of the length histogram, and the number of the bar for all longer rows."""


_RANKS = 1 << 32
_SPREAD = 0x9E3779B1  # an odd number without a pattern


class Candidate(NamedTuple):
    """A sample that may be compared with the chat template; those of the smallest ranks are."""

    rank: int
    record: Record
    tokens: Tokens


@dataclass(slots=True)
class SampleShard:
    """Samples and counts of one shard, or the counts of all shards so far.

    Attributes:
        rows: rows read.
        written: rows that became samples.
        rejected: rejected rows by the code of the reason.
        tokens: tokens of all samples.
        trained: trained tokens of all samples.
        lengths: rows by length, in steps of :data:`LENGTH_STEP`, with too long rows, before tools were dropped.
        rows_within: rows within each of :data:`LIMITS`.
        dropped_tools: tools dropped from samples.
        dropped_rows: samples with dropped tools.
        verified: rows compared with the chat template.
        first_reject: place and reason of the first rejected row.
        candidates: rows to compare, by rank.
        payload: the samples as one Parquet file.
        rejects: the rejected rows as lines.
    """

    rows: int = 0
    written: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    trained: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    rows_within: Counter[int] = field(default_factory=Counter)
    dropped_tools: int = 0
    dropped_rows: int = 0
    verified: int = 0
    first_reject: str = ""
    candidates: list[Candidate] = field(default_factory=list)
    payload: bytes = b""
    rejects: bytes = b""

    def measure(self, lengths: Sequence[int]) -> None:
        """Count rows by their lengths."""
        self.lengths.update([min(length // LENGTH_STEP, LENGTH_STEPS) for length in lengths])
        for limit in LIMITS:
            self.rows_within[limit] += sum([length <= limit for length in lengths])

    def keep_candidates(self, records: list[Record], tokens: list[Tokens], verify: int) -> None:
        """Keep the ``verify`` candidates of the smallest ranks among the present ones and these later rows."""
        if not verify:
            return
        held = self.candidates
        worst = held[-1].rank if len(held) >= verify else _RANKS
        ranks = map(_rank, records)
        drawn = [Candidate(rank, records[at], tokens[at]) for at, rank in enumerate(ranks) if rank < worst]
        if drawn:
            self.candidates = sorted(held + drawn, key=attrgetter("rank"))[:verify]

    def add(self, other: "SampleShard", verify: int) -> None:
        """Add the counts of the shard that follows, and keep the ``verify`` candidates of the smallest ranks."""
        for name in ("rows", "written", "tokens", "trained", "dropped_tools", "dropped_rows", "verified"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rejected.update(other.rejected)
        self.lengths.update(other.lengths)
        self.rows_within.update(other.rows_within)
        self.first_reject = self.first_reject or other.first_reject
        both = merge(self.candidates, other.candidates, key=attrgetter("rank"))
        self.candidates = list(islice(both, max(verify, 0)))


def _rank(record: Record) -> int:
    """Return the reproducible random rank of a row for the comparison with the template."""
    source = record["source"]
    key = f"{record['id']}\0{source['file']}\0{source['line']}"
    # Checksums of neighbours have a pattern, which the product breaks.
    return crc32(key.encode("utf-8", "surrogatepass")) * _SPREAD % _RANKS


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
