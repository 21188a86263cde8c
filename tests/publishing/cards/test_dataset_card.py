"""Card of a folder that `afg-data split` wrote: splits, features, dropped rows with reasons."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from dataset_tools.bundled import dirty_path
from dataset_tools.cleaning.clean import clean
from dataset_tools.dedup.dedup import DedupOptions, dedup
from dataset_tools.errors import InputError
from dataset_tools.pipeline.outputs import Outputs
from dataset_tools.split.split import SplitOptions, split
from publishing.cards.dataset import make_dataset_card
from publishing.cards.hub_terms import public_dataset
from publishing.cards.lint import lint
from publishing.cards.render import write_card
from publishing.cards.sources import DataFacts, read_data
from publishing.release.local_files import LocalFile
from publishing.release.repositories import Repository
from publishing.scan.scan import scan


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dirty sample, cleaned, deduplicated, and split against three of its rows."""
    path = tmp_path_factory.mktemp("split")
    clean([str(dirty_path())], Outputs(path / "clean.jsonl", path / "no.jsonl", path / "clean.json"))
    dedup([str(path / "clean.jsonl")], Outputs(path / "kept.jsonl", path / "rejects.jsonl", path / "dedup.json"))
    held_out = (path / "kept.jsonl").read_bytes().splitlines(keepends=True)[:3]
    (path / "held.jsonl").write_bytes(b"".join(held_out))
    options = SplitOptions(
        by=("dialect",),
        against=(str(path / "held.jsonl"),),
        reports=(path / "clean.json", path / "dedup.json"),
    )
    split([str(path / "kept.jsonl")], path / "data", options)
    return path / "data"


def _rows(text: str, title: str) -> list[list[str]]:
    """Return the table below a title."""
    lines = text.split(f"## {title}\n")[1].split("\n## ", maxsplit=1)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][2:]


def test_the_card_needs_only_the_folder(folder: Path) -> None:
    """It has splits with rows, features, dialects, and the reasons of dropped rows by step."""
    card = make_dataset_card(folder, DataFacts(), "org/tiny", "cc-by-4.0")
    facts = DataFacts().of_folder(folder).split
    assert facts is not None
    assert [row[:2] for row in _rows(card.text, "Splits")] == [
        [side, str(found["rows"])] for side, found in facts["splits"].items()
    ]
    assert dict(_rows(card.text, "Features"))["messages"] == "list of Json"
    assert dict(_rows(card.text, "Features"))["source"] == "dataset: string, file: string, line: int64"
    assert sum(int(rows) for _, rows in _rows(card.text, "Dialects")) == facts["rows_out"]
    dropped = _rows(card.text, "How it was made")
    assert ["cleaning", "unreadable-row", "16"] in dropped
    assert ["deduplication", "duplicate", "8"] in dropped
    assert ["splitting", "leaked-question", "3"] in dropped
    assert "- `duplicate`: same question and calls as a kept row\n" in card.text
    explained = {line.split("`")[1] for line in card.text.splitlines() if line.startswith("- `")}
    assert explained == {row[1] for row in dropped if row[0] in {"cleaning", "deduplication", "splitting"}}
    assert "same split.\nThe splits are stratified by dialect.\n\n## Features\n" in card.text
    assert card.missing == ()
    front: dict[str, Any] = yaml.safe_load(card.text.split("---")[1])
    assert front["configs"][0]["data_files"] == [
        {"split": side, "path": [f"{side}.parquet"]} for side in ("test", "train", "validation")
    ]


def test_the_folder_can_be_published_as_it_is(folder: Path) -> None:
    """With its card it passes the check of cards and the scan for secrets."""
    write_card(make_dataset_card(folder, DataFacts(), "org/tiny", "cc-by-4.0"), folder)
    assert list(lint(folder / "README.md", "dataset")) == []
    files = tuple(LocalFile(path.name, path) for path in sorted(folder.iterdir()))
    assert list(scan(Repository("org/tiny-data", "dataset", "dataset", folder, files))) == []


def test_split_json_is_a_source_of_model_cards(folder: Path) -> None:
    """`--data split.json` is read; another file of that name is refused."""
    assert read_data([folder / "split.json"]).dialects == DataFacts().of_folder(folder).dialects != {}
    other = folder.parent / "other"
    other.mkdir()
    (other / "split.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="not what `afg-data split` writes"):
        DataFacts().of_folder(other)


def test_rows_dropped_by_split_are_listed_without_a_report_of_cleaning(tmp_path: Path) -> None:
    """The report of cleaning is listed as missing."""
    dedup([str(dirty_path())], Outputs(tmp_path / "kept.jsonl", tmp_path / "no.jsonl"), DedupOptions())
    split([str(dirty_path())], tmp_path / "data", SplitOptions())
    card = make_dataset_card(tmp_path / "data", DataFacts())
    assert ["splitting", "unreadable-row", "16"] in _rows(card.text, "How it was made")
    assert "how the data was cleaned (`--data report.json`)" in card.missing


@pytest.mark.parametrize(
    "name, dataset",
    [
        ("hf://datasets/org/calls", "org/calls"),
        ("hf://datasets/org/calls@v1", "org/calls"),
        ("hf://datasets/org/calls@refs/pr/3/data/train.jsonl", "org/calls"),
        ("hf://datasets/org/calls/data/train.jsonl", "org/calls"),
        ("data/train.jsonl", ""),
        ("org/calls", ""),
    ],
)
def test_the_dataset_of_a_file(name: str, dataset: str) -> None:
    """A Hub path gives its repository, with any revision and folder; a local path gives none."""
    assert public_dataset(name) == dataset
    assert DataFacts(split={"inputs": [{"name": name}]}).datasets == ([dataset] if dataset else [])
