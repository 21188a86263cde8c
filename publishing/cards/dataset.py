"""Card of a data folder: files with rows and checksums, splits, cleaning and rejects."""

import re
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError
from dataset_tools.io.checksums import sha256
from publishing.cards.metadata import front_matter, languages
from publishing.cards.render import Card, template
from publishing.cards.sources import DataFacts
from publishing.cards.tables import feature_rows, reasons_of, reject_rows, rule_rows, split_rows
from publishing.release.local_files import files_and_links

__all__ = ["make_dataset_card"]

_SIZES = (("n<1K", 1_000), ("1K<n<10K", 10_000), ("10K<n<100K", 100_000), ("100K<n<1M", 1_000_000))
_SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "dev": "validation", "test": "test"}
_LOGS = {"rejects", "trace"}  # files that commands write next to their rows
_DATA = (".jsonl", ".parquet")


def make_dataset_card(folder: Path, data: DataFacts, hub: str = "", license_id: str = "") -> Card:
    """Return the card of a data folder.

    Args:
        folder: the folder.
        data: known facts about it.
        hub: ``ORG/NAME`` of its model on the Hub.
        license_id: the licence that the user states; it is never guessed.

    Raises:
        InputError: the folder has no data file, or one cannot be read.
    """
    data = data.of_folder(folder)
    paths = [path for path in files_and_links(folder) if path.is_file() and path.suffix in _DATA]
    if not paths:
        raise InputError("no .jsonl or .parquet file in it", where=str(folder), hint="name the folder of a dataset")
    files = [(path.relative_to(folder).as_posix(), _rows(path), path.stat().st_size, sha256(path)) for path in paths]
    rows = sum(count for name, count, _, _ in files if not _LOGS & _words(name))
    known = {
        "the licence of the data (`--dataset-license ID`)": license_id,
        "the name on the Hub (`--hub ORG/NAME`)": hub,
        "how the data was cleaned (`--data report.json`)": data.cleaning,
        "the dialects of the data (`--data stats.json`)": data.dialects,
    }
    missing = tuple(what for what, value in known.items() if not value)
    rejects = reject_rows(DataFacts(cleaning=data.cleaning, split=data.split))
    text = template("dataset.md.jinja").render(
        name=f"{hub.split('/')[1]}-data" if hub else folder.resolve().name,
        repository=f"{hub}-data" if hub else "",
        files=[(name, f"{count:,}", f"{size:,}", digest) for name, count, size, digest in files],
        rows=rows,
        splits=split_rows(data),
        by=", ".join((data.split or {}).get("options", {}).get("by", ())),
        features=feature_rows(data),
        cleaning=data.cleaning,
        rules=rule_rows(data),
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
        if not _LOGS & words:
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
    """Return the words of a file name, so that "latest" does not count as "test"."""
    return set(re.split(r"[-_.]", Path(name).stem.lower()))


def _rows(path: Path) -> int:
    """Count the rows of a file."""
    if path.suffix == ".jsonl":
        with path.open("rb") as stream:
            return sum(1 for line in stream if line.strip())
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, ValueError) as error:  # pyarrow's errors are subclasses
        raise InputError(f"not a Parquet file: {error}", where=str(path)) from error
