"""A built dataset read back: one sample, or a few in a row, without loading the others."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dataset_tools.errors import InputError
from dataset_tools.io.jsonl import read_object
from dataset_tools.readers.parquet_reader import open_parquet

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Sample", "SampleFolder"]

_COLUMNS = ("id", "input_ids", "labels", "dialect", "domain")
_BATCH = 256  # rows held at a time
_AGAIN = "build the samples again"


class Sample(NamedTuple):
    """One row of a built dataset.

    Attributes:
        row: its place in the whole dataset, counted from 0 as ``datasets`` counts.
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


class SampleFolder:
    """A folder that ``afg-data build`` has written.

    Args:
        path: the folder.

    Raises:
        InputError: it is none, or not whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._facts = _facts(path)
        self._files = [_open(path / name) for name in self._names()]

    @property
    def rows(self) -> int:
        """How many samples there are."""
        return sum(int(file.metadata.num_rows) for file in self._files)

    @property
    def tokenizer(self) -> str:
        """The tokenizer that made the ids, as ``--tokenizer`` takes it."""
        name, revision = self._noted("name"), self._noted("revision")
        return f"{name}@{revision}" if revision else name

    @property
    def tokenizer_sha256(self) -> str:
        """The hash of that tokenizer's ``tokenizer.json``."""
        return self._noted("sha256")

    def read(self, row: int, count: int = 1) -> list[Sample]:
        """The samples from ``row`` on, ``count`` of them or as many as there are.

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
        """The place of the first sample with this id; only ids are read, and only where the statistics allow it.

        Raises:
            InputError: there is none.
        """
        for first, group, file in self._groups():
            if _may_hold(file, group, identity):
                at = first
                for batch in self._batches(file, group, ("id",)):
                    ids = batch.column("id").to_pylist()
                    if identity in ids:
                        return at + int(ids.index(identity))
                    at += len(ids)
        what = f"there is no sample with the id {identity!r}"
        raise InputError(what, where=str(self.path), hint="rejects.jsonl names the rows that became none")

    def _groups(self) -> Iterator[tuple[int, int, Any]]:
        """Each row group: the number of its first row, its number in its file, and the file."""
        first = 0
        for file in self._files:
            for group in range(file.metadata.num_row_groups):
                yield first, group, file
                first += file.metadata.row_group(group).num_rows

    def _slice(self, file: Any, group: int, first: int, start: int, stop: int) -> Iterator[Sample]:  # noqa: ANN401 - pyarrow
        """The rows [start, stop) of a row group that begins with row ``first``."""
        at = first
        for batch in self._batches(file, group, _COLUMNS):
            if at + batch.num_rows > start:
                wanted = batch.slice(max(start - at, 0), stop - max(start, at))
                for number, value in enumerate(wanted.to_pylist(), max(start, at)):
                    yield _sample(number, value, self.path)
            at += batch.num_rows
            if at >= stop:
                return

    def _batches(self, file: Any, group: int, columns: tuple[str, ...]) -> "Iterator[pa.RecordBatch]":  # noqa: ANN401 - pyarrow
        import pyarrow as pa  # noqa: PLC0415 - slow to import

        try:
            yield from file.iter_batches(_BATCH, row_groups=[group], columns=list(columns), use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"damaged Parquet data: {error}", where=str(self.path), hint=_AGAIN) from error

    def _names(self) -> list[str]:
        try:
            return [str(entry["name"]) for entry in self._facts["files"]]
        except (KeyError, TypeError) as error:
            raise self._damaged("it names no files") from error

    def _noted(self, key: str) -> str:
        try:
            return str(self._facts["tokenizer"][key])
        except (KeyError, TypeError) as error:
            raise self._damaged("it names no tokenizer") from error

    def _damaged(self, what: str) -> InputError:
        return InputError(what, where=str(self.path / "build.json"), hint=_AGAIN)


def _facts(folder: Path) -> dict[str, Any]:
    path = folder / "build.json"
    if not folder.is_dir():
        what = "it is a file" if folder.exists() else "no such folder"
        raise InputError(what, where=str(folder), hint="name a folder that `afg-data build` has written")
    if not path.is_file():
        hint = "name a folder that `afg-data build` has written"
        raise InputError("no build.json in this folder", where=str(folder), hint=hint)
    return read_object(path, _AGAIN)


def _open(path: Path) -> "pa.parquet.ParquetFile":
    if not path.is_file():
        raise InputError("build.json names this file, and it is not there", where=str(path), hint=_AGAIN)
    file = open_parquet(path)
    missing = [name for name in _COLUMNS if name not in file.schema_arrow.names]
    if missing:
        raise InputError(f"no column {missing[0]}: not a file of samples", where=str(path), hint=_AGAIN)
    return file


def _may_hold(file: Any, group: int, identity: str) -> bool:  # noqa: ANN401 - pyarrow
    """Whether the statistics of a row group leave it possible that the id is there."""
    metadata = file.metadata.row_group(group)
    columns = [metadata.column(at) for at in range(metadata.num_columns)]
    noted = next((column.statistics for column in columns if column.path_in_schema == "id"), None)
    if noted is None or not noted.has_min_max:
        return True
    # Parquet orders text by its bytes, and Python by code points, which is the same order in UTF-8.
    return bool(noted.min <= identity <= noted.max)


def _sample(row: int, value: dict[str, Any], folder: Path) -> Sample:
    ids, labels = value["input_ids"], value["labels"]
    if not ids or not labels or len(ids) != len(labels):
        what = f"row {row} does not have a label for each token"
        raise InputError(what, where=str(folder), hint=_AGAIN)
    return Sample(row, str(value["id"]), ids, labels, value["dialect"] or "", value["domain"] or "")
