"""Reader of a built dataset: single samples by row or id, token counts, and the check of its hashes."""

import hashlib
import itertools
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dataset_tools.errors import InputError
from dataset_tools.io.checksums import sha256
from dataset_tools.io.json_text import read_object
from dataset_tools.readers.parquet_reader import open_parquet
from dataset_tools.samples.masking import IGNORED

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["Sample", "SampleCounts", "SampleFolder", "sample_digest"]

_COLUMNS = ("id", "input_ids", "labels", "dialect", "domain")
_BATCH = 256  # rows in memory at a time
_HINT = "name a folder that `afg-data build` has written"
_AGAIN = "build the samples again"


class Sample(NamedTuple):
    """One row of a built dataset.

    Attributes:
        row: its number in the whole dataset, from 0 as in ``datasets``.
        id: the record's id.
        input_ids: the token ids.
        labels: for each token its id where the model is trained, -100 elsewhere.
        dialect: the record's dialect.
        domain: the record's domain.
    """

    row: int
    id: str
    input_ids: list[int]
    labels: list[int]
    dialect: str
    domain: str


class SampleCounts(NamedTuple):
    """Totals over all samples: tokens, trained tokens, rows without a trained token, tokens of the longest row."""

    tokens: int
    trained: int
    masked_rows: int
    longest: int


class SampleFolder:
    """A folder written by ``afg-data build``.

    Args:
        path: the folder.
        check_hashes: compare every file with its SHA-256 in ``build.json``, which reads all of them.

    Raises:
        InputError: not such a folder, or a file is missing, damaged or changed.
    """

    def __init__(self, path: Path, *, check_hashes: bool = False) -> None:
        self.path = path
        self.facts = _read_facts(path)
        self.hashes = self._read_hashes()
        self.files = [path / name for name in self.hashes]
        for file, expected in zip(self.files, self.hashes.values(), strict=True):
            if not file.is_file():
                raise InputError("build.json lists this file, but it is missing", where=str(file), hint=_AGAIN)
            if check_hashes and sha256(file) != expected:
                raise InputError("the file has changed since it was built", where=str(file), hint=_AGAIN)
        self._parquet = [_open(file) for file in self.files]

    @property
    def rows(self) -> int:
        """Return the number of samples."""
        return sum(int(file.metadata.num_rows) for file in self._parquet)

    @property
    def tokenizer(self) -> str:
        """Return the tokenizer of the ids, in the form of ``--tokenizer``."""
        name, revision = self._tokenizer_fact("name"), self._tokenizer_fact("revision")
        return f"{name}@{revision}" if revision else name

    @property
    def tokenizer_sha256(self) -> str:
        """Return the SHA-256 of its ``tokenizer.json``."""
        return self._tokenizer_fact("sha256")

    @cached_property
    def counts(self) -> SampleCounts:
        """Return totals over all samples; the first access reads every row.

        Raises:
            InputError: a file cannot be read, or a row has more or fewer labels than ids.
        """
        import pyarrow.compute as pc

        tokens = trained = masked = longest = 0
        for ids, labels in self._ids_and_labels():
            lengths = pc.list_value_length(ids)
            if lengths != pc.list_value_length(labels):
                raise InputError("a row does not have one label per token", where=str(self.path), hint=_AGAIN)
            is_trained = pc.not_equal(labels.flatten(), IGNORED)
            tokens += len(is_trained)
            trained += pc.sum(is_trained).as_py() or 0
            longest = max(longest, pc.max(lengths).as_py())
            masked += len(labels) - pc.count_distinct(pc.list_parent_indices(labels).filter(is_trained)).as_py()
        return SampleCounts(tokens, trained, masked, longest)

    def digests(self) -> frozenset[bytes]:
        """Return the :func:`sample_digest` of every sample."""
        found: set[bytes] = set()
        for ids, labels in self._ids_and_labels():
            starts = ids.offsets.to_numpy() - ids.offsets[0].as_py()
            id_values, label_values = ids.flatten().to_numpy(), labels.flatten().to_numpy()
            found.update(
                sample_digest(id_values[start:stop], label_values[start:stop])
                for start, stop in itertools.pairwise(starts)
            )
        return frozenset(found)

    def read(self, row: int, count: int = 1) -> list[Sample]:
        """Return up to ``count`` samples from ``row`` on.

        Raises:
            InputError: there is no such row, or it cannot be read.
        """
        if not 0 <= row < self.rows:
            what = f"there is no row {row}: {self.rows:,} samples, counted from 0"
            raise InputError(what, where=str(self.path), hint=f"--row {max(self.rows - 1, 0)} is the last")
        samples: list[Sample] = []
        for first, group, file in self._groups():
            last = first + file.metadata.row_group(group).num_rows
            start, stop = max(row, first), min(row + count, last)
            if start < stop:
                samples += self._slice(file, group, first, start, stop)
        return samples

    def row_of(self, identity: str) -> int:
        """Return the row of the first sample with this id; reads ids only, where the statistics allow the id.

        Raises:
            InputError: no sample has this id.
        """
        for first, group, file in self._groups():
            if _may_hold(file, group, identity):
                row = first
                for batch in self._batches(file, group, ("id",)):
                    ids = batch.column("id").to_pylist()
                    if identity in ids:
                        return row + int(ids.index(identity))
                    row += len(ids)
        what = f"there is no sample with the id {identity!r}"
        raise InputError(what, where=str(self.path), hint="rejects.jsonl lists the rows that were left out")

    def _groups(self) -> Iterator[tuple[int, int, Any]]:
        """Yield each row group: the number of its first row, its number in its file, and the file."""
        first = 0
        for file in self._parquet:
            for group in range(file.metadata.num_row_groups):
                yield first, group, file
                first += file.metadata.row_group(group).num_rows

    def _slice(self, file: Any, group: int, first: int, start: int, stop: int) -> Iterator[Sample]:  # noqa: ANN401 - pyarrow
        """Yield the rows [start, stop) of a row group that begins with row ``first``."""
        row = first
        for batch in self._batches(file, group, _COLUMNS):
            if row + batch.num_rows > start:
                wanted = batch.slice(max(start - row, 0), stop - max(start, row))
                for number, value in enumerate(wanted.to_pylist(), max(start, row)):
                    yield _sample(number, value, self.path)
            row += batch.num_rows
            if row >= stop:
                return

    def _ids_and_labels(self) -> "Iterator[tuple[pa.ListArray, pa.ListArray]]":
        for _, group, file in self._groups():
            for batch in self._batches(file, group, ("input_ids", "labels")):
                yield batch.column("input_ids"), batch.column("labels")

    def _batches(self, file: Any, group: int, columns: tuple[str, ...]) -> "Iterator[pa.RecordBatch]":  # noqa: ANN401 - pyarrow
        import pyarrow as pa

        try:
            yield from file.iter_batches(_BATCH, row_groups=[group], columns=list(columns), use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"damaged Parquet data: {error}", where=str(self.path), hint=_AGAIN) from error

    def _read_hashes(self) -> dict[str, str]:
        try:
            return {str(entry["name"]): str(entry["sha256"]) for entry in self.facts["files"]}
        except (KeyError, TypeError) as error:
            raise self._incomplete("it lists no files with their hashes") from error

    def _tokenizer_fact(self, key: str) -> str:
        try:
            return str(self.facts["tokenizer"][key])
        except (KeyError, TypeError) as error:
            raise self._incomplete("it names no tokenizer") from error

    def _incomplete(self, what: str) -> InputError:
        return InputError(what, where=str(self.path / "build.json"), hint=_AGAIN)


def sample_digest(input_ids: "np.ndarray[Any, Any]", labels: "np.ndarray[Any, Any]") -> bytes:
    """Return a 16-byte digest of one sample; ids and labels are hashed as 32-bit integers, as in the files."""
    digest = hashlib.blake2b(input_ids.astype("<i4").tobytes(), digest_size=16)
    digest.update(labels.astype("<i4").tobytes())
    return digest.digest()


def _read_facts(folder: Path) -> dict[str, Any]:
    path = folder / "build.json"
    if not folder.is_dir():
        what = "it is a file" if folder.exists() else "no such folder"
        raise InputError(what, where=str(folder), hint=_HINT)
    if not path.is_file():
        raise InputError("no build.json in this folder", where=str(folder), hint=_HINT)
    return read_object(path, _AGAIN)


def _open(path: Path) -> "pa.parquet.ParquetFile":
    file = open_parquet(path)
    missing = [name for name in _COLUMNS if name not in file.schema_arrow.names]
    if missing:
        raise InputError(f"no column {missing[0]}: not a file of samples", where=str(path), hint=_AGAIN)
    return file


def _may_hold(file: Any, group: int, identity: str) -> bool:  # noqa: ANN401 - pyarrow
    """Return False if the statistics of a row group exclude the id."""
    metadata = file.metadata.row_group(group)
    columns = [metadata.column(number) for number in range(metadata.num_columns)]
    noted = next((column.statistics for column in columns if column.path_in_schema == "id"), None)
    if noted is None or not noted.has_min_max:
        return True
    # Parquet orders text by its bytes, and Python by code points, which is the same order in UTF-8.
    return bool(noted.min <= identity <= noted.max)


def _sample(row: int, value: dict[str, Any], folder: Path) -> Sample:
    ids, labels = value["input_ids"], value["labels"]
    if not ids or not labels or len(ids) != len(labels):
        raise InputError(f"row {row} does not have one label per token", where=str(folder), hint=_AGAIN)
    return Sample(row, str(value["id"]), ids, labels, value["dialect"] or "", value["domain"] or "")
