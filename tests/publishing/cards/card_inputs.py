"""A small fixed release with all sources of a card: a run, evaluations, and reports of the data.

``python -m tests.publishing.cards.card_inputs`` writes the expected cards again.
Review the difference before you commit it.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from publishing.cards.dataset import make_dataset_card
from publishing.cards.render import Card, make_cards
from publishing.cards.sources import CardSources, read_data, read_sources
from publishing.export.consumer_files import write_consumer_files
from publishing.release.manifest import read_release
from tests.publishing.conftest import CONTENTS, write_manifest
from tests.training.eval_data import call, record
from training.evaluate.eval_file import write_evaluation
from training.evaluate.evaluate import evaluate

GOLDEN = Path(__file__).parent / "golden"
RUN: dict[str, Any] = {
    "command": "train",
    "status": "complete",
    "recipe": {
        "name": "t4",
        "fingerprint": "f" * 64,
        "values": {"seed": 3407, "lora": {"r": 32, "targets": ["q_proj", "v_proj"]}, "optimizer": {"epsilon": 1e-8}},
    },
    "base": {"name": "unsloth/functiongemma-270m-it", "revision": "c" * 40},
    "data": {"rows": 432, "tokens": 247927, "trained_tokens": 17472},
    "steps": 21,
    "hardware": {"gpu": "Tesla T4", "platform": "Linux x86_64", "number": "float32-compute"},
    "versions": {"python": "3.11.7", "unsloth": "2026.10.9"},
    "training_seconds": 812.4,
    "tokens": 743781,
    "tokens_per_second": 915.5,
    "peak_memory_gib": 3.21,
    "loss": {"final": 0.12, "best": 0.1, "best_step": 20},
    "validation_loss": {"final": 0.2, "best": 0.2, "best_step": 21},
    "gradient_norm": {"limit": 1.0, "steps": 21, "steps_above": 3, "highest": 2.5, "steps_not_finite": 0},
}
GGUF = {
    "tiny-Q8_0.gguf": {
        "cpu": "made up",
        "peak_memory_mib": 412.5,
        "agreement": 0.875,
        "answers": 8,
        "speed": [
            {"threads": 1, "context": 1024, "prefill_tokens_per_second": 310.2, "decode_tokens_per_second": 41.4},
            {"threads": 2, "context": 1024, "prefill_tokens_per_second": 590.0, "decode_tokens_per_second": 70.0},
        ],
    }
}
BUILD = {
    "command": "build",
    "rows_in": 456,
    "rows_out": 432,
    "rejected": {"not-renderable": 24},
    "tokens": 247927,
    "trained_tokens": 17472,
    "inputs": [{"name": "hf://datasets/org/calls@v1"}, {"name": "clean.jsonl"}],
}
CLEANING = {
    "command": "clean",
    "version": "0.1.0",
    "inputs": ["hf://datasets/org/calls", "/home/someone/raw.jsonl"],
    "rows_in": 480,
    "rows_out": 456,
    "rejected": {"unreadable-row": 24},
    "rules": {"mojibake": {"rows": 40, "changes": 41}, "tatweel": {"rows": 8, "changes": 8}},
}
STATS = {"records": 456, "dialects": {"msa": 200, "gulf": 200, "maghrebi": 56}}


def write_release(path: Path) -> None:
    """Write a release without cards, with measurements of the export in ``release.json``."""
    for name, content in CONTENTS.items():
        if name.split("/")[1] not in {"README.md", "NOTICE"}:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    for part in ("adapter", "merged", "gguf"):
        write_consumer_files(path / part, part)
    write_manifest(path)
    facts = json.loads((path / "release.json").read_bytes())
    facts |= {"gguf": GGUF, "versions": {"llama.cpp": "b1"}}
    (path / "release.json").write_text(json.dumps(facts), encoding="utf-8")


def write_inputs(path: Path) -> None:
    """Write all sources of a card, in files of their usual names."""
    (path / "run").mkdir(parents=True)
    (path / "data").mkdir()
    write_release(path / "release")
    for name, value in (("run/run", RUN), ("build", BUILD), ("clean", CLEANING), ("stats", STATS)):
        (path / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    steps = [
        {"step": step, "loss": 2 / step, "learning_rate": 1e-3 / step, "gradient_norm": 1 + 1 / step}
        for step in range(1, 22)
    ]
    steps.append({"step": 21, "validation_loss": 0.2})
    _write_lines(path / "run" / "metrics.jsonl", steps)
    rows = [
        record(f"r{at}", call("get_weather", city="جدة", days=at), dialect=("msa", "gulf", "maghrebi")[at % 3])
        for at in range(12)
    ]
    _write_lines(path / "held-out.jsonl", rows)
    _write_lines(path / "data" / "train.jsonl", rows)
    for name, wrong in (("base", 2), ("tuned", 6)):
        _write_evaluation(path, name, wrong)


def sources(path: Path) -> CardSources:
    """Read what :func:`write_inputs` wrote."""
    return read_sources(
        read_release(path / "release"),
        run=path / "run",
        evaluation=path / "tuned.json",
        base_evaluation=path / "base.json",
        data=[path / "build.json", path / "clean.json", path / "stats.json"],
        hub="org/tiny",
    )


def cards(path: Path) -> list[Card]:
    """Return all cards of the release and the data."""
    data = read_data([path / "clean.json", path / "stats.json"])
    return [*make_cards(sources(path)), make_dataset_card(path / "data", data, "org/tiny", "cc-by-4.0")]


def _write_evaluation(path: Path, name: str, wrong: int) -> None:
    """Write an evaluation in which every ``wrong``-th answer is wrong."""
    answers = [
        {"id": f"r{at}", "tool_calls": [call("get_weather", city="جدة", days=at if at % wrong else 99)]}
        for at in range(12)
    ]
    _write_lines(path / f"{name}.jsonl", answers)
    result = evaluate([str(path / "held-out.jsonl")], path / f"{name}.jsonl")
    write_evaluation(path / f"{name}.json", result)


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    """Write the expected cards."""
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(Path(folder) / "inputs")
        for card in cards(Path(folder) / "inputs"):
            (GOLDEN / f"{card.part}.md").write_text(card.text, encoding="utf-8")


if __name__ == "__main__":
    main()
