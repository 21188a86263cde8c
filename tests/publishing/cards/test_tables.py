"""Regressions of cards: licence by base, equal answers, memory, rows and splits."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from publishing.cards.dataset import make_dataset_card
from publishing.cards.render import make_cards
from publishing.cards.sources import read_data, read_sources
from publishing.cards.tables import gguf_rows
from publishing.export.agreement import same_answers
from publishing.hub.preflight import findings
from publishing.release.manifest import Release, read_release
from publishing.release.repositories import repositories
from tests.publishing.cards.card_inputs import GGUF, write_release


def _release(path: Path, **facts: Any) -> Release:
    write_release(path)
    known = json.loads((path / "release.json").read_bytes())
    (path / "release.json").write_text(json.dumps({**known, **facts}), encoding="utf-8")
    return read_release(path)


def test_a_base_of_any_name_is_gemma(tmp_path: Path) -> None:
    """Fine-tunes of FunctionGemma keep licence and notice under any name."""
    release = _release(tmp_path / "release", base={"name": "acme/calls-270m", "revision": "0"})
    for card in make_cards(read_sources(release)):
        assert yaml.safe_load(card.text.split("---\n")[1])["license"] == "gemma"
        assert card.notice
    whats = [problem.what for problem in findings(release, repositories(release, "org/tiny"))]
    assert whats.count("the NOTICE is missing, which the Gemma terms require") == 3


def test_stop_tokens_added_by_llama_cpp_are_on_the_gguf_card_only(tmp_path: Path) -> None:
    """With text and id; a release without them has no such paragraph."""
    facts = {"tiny-Q8_0.gguf": {**GGUF["tiny-Q8_0.gguf"], "extra_stops": {"212": "</s>"}}}
    releases = (_release(tmp_path / "one", gguf=facts), _release(tmp_path / "two"))
    with_stop, without = ({card.part: card.text for card in make_cards(read_sources(each))} for each in releases)
    assert "llama.cpp also ends an answer on `</s>` (id 212)" in with_stop["gguf"]
    assert not [part for part in ("adapter", "merged") if "also ends an answer" in with_stop[part]]
    assert "also ends an answer" not in without["gguf"]


@pytest.mark.parametrize(
    "facts, text",
    [
        ({"agreement": 0.995, "answers": 200}, "199 of 200"),
        ({"agreement": 1, "answers": 8}, "8 of 8"),
        ({"agreement": 2 / 3, "answers": 3}, "2 of 3"),
        ({"agreement": 1.0}, ""),
        ({}, ""),
    ],
)
def test_same_answers_are_counted(facts: dict[str, Any], text: str) -> None:
    """The count is not rounded."""
    assert same_answers(facts) == text


def test_unmeasured_memory_is_an_empty_cell(tmp_path: Path) -> None:
    """Without a value from the system, the cell is empty, and the card lists it as not measured."""
    known = GGUF["tiny-Q8_0.gguf"]
    release = _release(tmp_path / "release", gguf={"tiny-Q8_0.gguf": {**known, "peak_memory_mib": None}})
    sources = read_sources(release)
    assert gguf_rows(sources)[0][3] == ""
    (card,) = [card for card in make_cards(sources) if card.part == "gguf"]
    assert card.missing[-1] == "speed and memory of `tiny-Q8_0.gguf` (measured by the export)"


@pytest.mark.parametrize(
    "names, splits, rows",
    [
        (["latest.jsonl", "train.jsonl"], None, 2),
        (["train.jsonl", "test.jsonl"], {"train": ["train.jsonl"], "test": ["test.jsonl"]}, 2),
        (["arabic-train_v2.jsonl", "Dev.jsonl"], {"validation": ["Dev.jsonl"], "train": ["arabic-train_v2.jsonl"]}, 2),
        (["train.jsonl", "train-rejects.jsonl", "train.trace.jsonl"], {"train": ["train.jsonl"]}, 1),
        (["train.rejects.jsonl"], None, 0),
        (["constrained.jsonl"], None, 1),
    ],
)
def test_splits_are_recognised_by_whole_words(tmp_path: Path, names: list[str], splits: Any, rows: int) -> None:
    """A word inside another word does not count; rejects and traces are not rows of the data."""
    for name in names:
        (tmp_path / name).write_text('{"id": "1"}\n', encoding="utf-8")
    text = make_dataset_card(tmp_path, read_data([])).text
    configs = yaml.safe_load(text.split("---\n")[1]).get("configs")
    found = {part["split"]: part["path"] for part in configs[0]["data_files"]} if configs else None
    assert found == splits
    assert f"conversations: {rows} rows." in text
