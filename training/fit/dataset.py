"""A built dataset as training takes it: the Parquet files of ``afg-data build``, read as they are."""

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import InputError
from dataset_tools.io.checksums import sha256
from dataset_tools.io.jsonl import read_object
from dataset_tools.samples.masking import IGNORED

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["BuiltSamples", "open_samples", "row_digest"]

_HINT = "make it with `afg-data build`"
_COLUMNS = ("input_ids", "labels")


@dataclass(frozen=True, slots=True)
class BuiltSamples:
    """The samples of a built dataset.

    Attributes:
        folder: where it lies.
        facts: its ``build.json``.
        files: its Parquet files, in order.
        rows: how many samples it has.
        tokens: how many tokens all of them have.
        trained: how many of those are trained on.
        masked_rows: samples without a single trained token.
        longest: tokens of the longest sample.
    """

    folder: Path
    facts: dict[str, Any]
    files: tuple[Path, ...]
    rows: int
    tokens: int
    trained: int
    masked_rows: int
    longest: int

    @property
    def tokenizer_sha256(self) -> str:
        """The hash of the ``tokenizer.json`` that made the ids."""
        return str(self.facts.get("tokenizer", {}).get("sha256", ""))

    def table(self) -> "pa.Table":
        """Ids and labels of all samples."""
        import pyarrow as pa  # noqa: PLC0415 - slow to import
        import pyarrow.parquet as pq  # noqa: PLC0415

        return pa.concat_tables([pq.read_table(file, columns=list(_COLUMNS)) for file in self.files])

    def digests(self) -> frozenset[bytes]:
        """A digest of each sample's ids and labels, to recognise them in batches."""
        table = self.table().combine_chunks()
        columns = [table.column(name).combine_chunks() for name in _COLUMNS]
        starts = columns[0].offsets.to_numpy()
        ids, labels = (column.flatten().to_numpy() for column in columns)
        starts = starts - starts[0]
        return frozenset(row_digest(ids[start:stop], labels[start:stop]) for start, stop in itertools.pairwise(starts))


def row_digest(input_ids: "np.ndarray[Any, Any]", labels: "np.ndarray[Any, Any]") -> bytes:
    """A digest of one sample; ids and labels are hashed as 32-bit integers, as the files hold them."""
    digest = hashlib.blake2b(input_ids.astype("<i4").tobytes(), digest_size=16)
    digest.update(labels.astype("<i4").tobytes())
    return digest.digest()


def open_samples(source: str) -> BuiltSamples:
    """The built dataset in the folder ``source``, its files held against the hashes of ``build.json``.

    Raises:
        InputError: it is none, or a file is missing or was changed.
    """
    folder = Path(source)
    facts = _read_facts(folder)
    files = []
    for entry in facts["files"]:
        path = folder / entry["name"]
        if not path.is_file():
            raise InputError("the file is missing", where=str(path), hint="build the dataset again")
        if sha256(path) != entry["sha256"]:
            raise InputError("the file is not the one that was built", where=str(path), hint="build it again")
        files.append(path)
    if not files:
        raise InputError("there is no sample in this dataset", where=source, hint=_HINT)
    return _count(folder, facts, tuple(files))


def _read_facts(folder: Path) -> dict[str, Any]:
    path = folder / "build.json"
    if not path.is_file():
        raise InputError("no build.json: not a folder of samples", where=str(folder), hint=_HINT)
    facts = read_object(path, "build the dataset again")
    named = facts.get("files")
    if not isinstance(named, list) or not all(
        isinstance(entry, dict) and {"name", "sha256"} <= set(entry) for entry in named
    ):
        raise InputError("it names no files with their hashes", where=str(path), hint="build the dataset again")
    return facts


def _count(folder: Path, facts: dict[str, Any], files: tuple[Path, ...]) -> BuiltSamples:
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.compute as pc  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows = tokens = trained = masked = longest = 0
    for file in files:
        try:
            table = pq.read_table(file, columns=list(_COLUMNS)).combine_chunks()
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"not samples: {error!s:.200}", where=str(file), hint=_HINT) from error
        if not table.num_rows:
            continue
        labels = table.column("labels").combine_chunks()
        lengths = pc.list_value_length(table.column("input_ids"))
        if lengths.combine_chunks() != pc.list_value_length(labels):
            raise InputError("a sample's labels are not as many as its ids", where=str(file), hint=_HINT)
        is_trained = pc.not_equal(labels.flatten(), IGNORED)
        rows += table.num_rows
        tokens += len(is_trained)
        trained += pc.sum(is_trained).as_py() or 0
        longest = max(longest, pc.max(lengths).as_py())
        with_any = pc.count_distinct(pc.list_parent_indices(labels).filter(is_trained)).as_py()
        masked += table.num_rows - with_any
    return BuiltSamples(folder, facts, files, rows, tokens, trained, masked, longest)
