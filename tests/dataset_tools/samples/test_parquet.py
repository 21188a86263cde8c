"""Parquet files of samples: the round trip, and no import of pandas."""

import subprocess
import sys
from io import BytesIO

import numpy as np
import pyarrow.parquet as pq

from dataset_tools.samples.masking import Samples
from dataset_tools.samples.sample_shard import encode_samples, sample_batch, sample_schema
from schemas.record import Record

_SCRIPT = """
import sys
import numpy as np
from dataset_tools.samples.masking import Samples
from dataset_tools.samples.sample_shard import encode_samples, sample_batch
one = np.array([2], dtype=np.int32)
record = {"id": "1", "messages": [], "tools": [], "dialect": "", "domain": "", "meta": {}}
encode_samples([sample_batch([record], Samples(one, one, np.array([0, 1], dtype=np.int32)))])
print("pandas" in sys.modules)
"""


def _record(identity: str, dialect: str) -> Record:
    source = {"dataset": "d", "file": "f", "line": 1}
    return {
        "id": identity, "messages": [], "tools": [], "dialect": dialect, "domain": "", "source": source, "meta": {},
    }  # type: ignore[typeddict-item]  # fmt: skip


def _samples(*rows: list[int]) -> Samples:
    ids = np.array([token for row in rows for token in row], dtype=np.int32)
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int32)
    return Samples(ids, np.where(ids > 100, ids, np.int32(-100)), offsets)


def test_batches_are_read_back_as_one_table() -> None:
    """Every column, rows of any length, Arabic and empty texts are read back in order."""
    batches = [
        sample_batch([_record("أ", "مصري"), _record("b", "")], _samples([2, 300], [2])),
        sample_batch([_record("3", "gulf")], _samples([2, 7, 262143])),
    ]
    file = pq.ParquetFile(BytesIO(encode_samples(batches)))
    assert file.schema_arrow.metadata == sample_schema().metadata
    assert file.num_row_groups == 1
    assert file.read().to_pylist() == [
        {"id": "أ", "input_ids": [2, 300], "labels": [-100, 300], "dialect": "مصري", "domain": ""},
        {"id": "b", "input_ids": [2], "labels": [-100], "dialect": "", "domain": ""},
        {"id": "3", "input_ids": [2, 7, 262143], "labels": [-100, -100, 262143], "dialect": "gulf", "domain": ""},
    ]


def test_pandas_is_not_imported() -> None:
    """Its import takes half a second in every process."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
