"""The card of a folder of data: its files with rows and checksums, and what is known of how it was made."""

import re
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError
from dataset_tools.io.checksums import sha256
from publishing.cards.metadata import front_matter, languages
from publishing.cards.render import Card, template
from publishing.cards.sources import DataFacts
from publishing.cards.tables import cleaning_rows, feature_rows, left_out_rows, reasons_of, split_rows
from publishing.release.local_files import entries

__all__ = ["make_dataset_card"]

_SIZES = (("n<1K", 1_000), ("1K<n<10K", 10_000), ("10K<n<100K", 100_000), ("100K<n<1M", 1_000_000))
_SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "dev": "validation", "test": "test"}
_BESIDE = {"rejects", "trace"}  # what a command wrote beside its rows; it belongs to no split
_DATA = (".jsonl", ".parquet")


def make_dataset_card(folder: Path, data: DataFacts, hub: str = "", license_id: str = "") -> Card:
    """The card of a folder of data.

    Args:
        folder: the folder.
        data: what is known of it.
        hub: ``ORG/NAME`` of the model that it goes with.
        license_id: the licence that the user gives it; nobody else can know.

    Raises:
        InputError: there are no data files in it, or one cannot be read.
    """
    data = data.of_folder(folder)
    paths = [path for path in entries(folder) if path.is_file() and path.suffix in _DATA]
    if not paths:
        raise InputError("no .jsonl and no .parquet file in it", where=str(folder), hint="name a dataset's folder")
    files = [(path.relative_to(folder).as_posix(), _rows(path), path.stat().st_size, sha256(path)) for path in paths]
    rows = sum(count for name, count, _, _ in files if not _BESIDE & _words(name))
    missing = tuple(
        what
        for what, value in {
            "the licence of the data (`--dataset-license ID`)": license_id,
            "the name on the Hub (`--hub ORG/NAME`)": hub,
            "how the data was cleaned (`--data report.json`)": data.cleaning,
            "the dialects of the data (`--data stats.json`)": data.dialects,
        }.items()
        if not value
    )
    rules, rejects = cleaning_rows(DataFacts(cleaning=data.cleaning))
    rejects += left_out_rows(data)
    text = template("dataset.md.jinja").render(
        name=f"{hub.split('/')[1]}-data" if hub else folder.resolve().name,
        repository=f"{hub}-data" if hub else "",
        files=[(name, f"{count:,}", f"{size:,}", digest) for name, count, size, digest in files],
        rows=rows,
        splits=split_rows(data),
        by=", ".join((data.split or {}).get("options", {}).get("by", ())),
        features=feature_rows(data),
        cleaning=data.cleaning,
        rules=rules,
        rejects=rejects,
        reasons=reasons_of(rejects),
        dialects=data.dialects,
        datasets=data.datasets,
        license_id=license_id,
        missing=missing,
    )
    metadata = _metadata([name for name, *_ in files], rows, data, license_id)
    return Card("dataset", front_matter(metadata) + text, missing)


def _metadata(names: list[str], rows: int, data: DataFacts, license_id: str) -> dict[str, Any]:
    splits: dict[str, list[str]] = {}
    for name in names:
        words = _words(name)
        if not _BESIDE & words:
            split = next((split for word, split in _SPLITS.items() if word in words), "")
            splits.setdefault(split, []).append(name)
    found: dict[str, Any] = {
        "language": languages(list(data.dialects)),
        "license": license_id,
        "task_categories": ["text-generation"],
        "tags": ["function-calling", "tool-use", "arabic"],
        "size_categories": [next((name for name, limit in _SIZES if rows < limit), "n>1M")],
        "source_datasets": data.datasets,
    }
    if splits and "" not in splits:
        parts = [{"split": split, "path": paths} for split, paths in splits.items()]
        found["configs"] = [{"config_name": "default", "data_files": parts}]
    return {key: value for key, value in found.items() if value}


def _words(name: str) -> set[str]:
    """The words of a file's name: "latest" is no "test"."""
    return set(re.split(r"[-_.]", Path(name).stem.lower()))


def _rows(path: Path) -> int:
    """How many rows a file has."""
    if path.suffix == ".jsonl":
        with path.open("rb") as stream:
            return sum(1 for line in stream if line.strip())
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, ValueError) as error:  # pyarrow's own errors are of these kinds
        raise InputError(f"no Parquet file: {error}", where=str(path)) from error
