"""Checks of files, headers, tokens, answers and logits: each damage is named."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dataset_tools.errors import OutputError
from publishing.export.agreement import F16_DISTANCE, compare_answers, distance
from publishing.export.llama_cpp import Description
from publishing.export.proofs import (
    adapter_differences,
    answer_differences,
    distance_differences,
    file_differences,
    header_differences,
    token_differences,
)
from publishing.export.run import ExportedRun
from publishing.release.folder import check_space
from training.base.base import BUNDLED, find_base
from training.tiny import tokenizer_path

TEMPLATE = (tokenizer_path() / "chat_template.jinja").read_text(encoding="utf-8")
DEVIATIONS = "standard deviations"
BASE, REVISION = "google/functiongemma-270m-it", "0123456789abcdef"


@pytest.fixture
def run(tmp_path: Path) -> ExportedRun:
    """The files of a run on the bundled base."""
    shutil.copytree(tokenizer_path(), tmp_path / "run" / "adapter")
    return ExportedRun(tmp_path / "run", {}, find_base(BUNDLED, ""), BASE, REVISION)


@pytest.fixture
def part(run: ExportedRun, tmp_path: Path) -> Path:
    """The files of a part, as an export writes them."""
    folder = Path(shutil.copytree(run.adapter, tmp_path / "part"))
    shutil.copyfile(run.tokenizer_model, folder / "tokenizer.model")
    _write(folder / "generation_config.json", {"eos_token_id": [1, 50, 106]})
    return folder


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _append(name: str, text: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(text)

    return damage


def _change(name: str, **values: Any) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        _write(folder / name, {**json.loads((folder / name).read_text(encoding="utf-8")), **values})

    return damage


def test_complete_files_have_no_differences(part: Path, run: ExportedRun) -> None:
    """The files of training and the three stop ids pass."""
    assert list(file_differences(part, run)) == []


@pytest.mark.parametrize(
    "damage, message",
    [
        (
            lambda folder: (folder / "tokenizer.model").unlink(),
            "tokenizer.model is missing; llama.cpp's converter needs it",
        ),
        (_append("tokenizer.model", "x"), "tokenizer.model differs from the base's"),
        (_append("chat_template.jinja", " "), "chat_template.jinja differs from the one of training"),
        (lambda folder: (folder / "chat_template.jinja").unlink(), "chat_template.jinja is missing"),
        (_append("tokenizer.json", " "), "tokenizer.json differs from the one of training"),
        (
            _change("tokenizer_config.json", chat_template="{{ messages }}"),
            "tokenizer_config.json holds another chat template",
        ),
        (
            _change("generation_config.json", eos_token_id=[1, 106]),
            "generation_config.json has the stop ids [1, 106], not [1, 50, 106]",
        ),
        (
            lambda folder: (folder / "generation_config.json").unlink(),
            "generation_config.json has the stop ids None, not [1, 50, 106]",
        ),
        (
            lambda folder: _write(folder / "adapter_config.json", {}),
            "adapter_config.json is next to merged weights, so transformers would load the base instead",
        ),
    ],
    ids=["no-model", "model", "template", "no-template", "tokenizer", "inner", "stops", "no-stops", "adapter"],
)
def test_a_damaged_file_is_named(part: Path, run: ExportedRun, damage: Callable[[Path], None], message: str) -> None:
    """One missing or changed file is enough."""
    damage(part)
    assert list(file_differences(part, run)) == [message]


def test_an_adapter_names_its_public_base_and_no_path(part: Path, run: ExportedRun) -> None:
    """A local path, another base or another revision fails."""
    right = {"base_model_name_or_path": BASE, "revision": REVISION, "r": 32}
    _write(part / "adapter_config.json", right)
    assert list(adapter_differences(part, run)) == []
    _write(part / "adapter_config.json", {**right, "base_model_name_or_path": "/home/me/base", "revision": "main"})
    assert list(adapter_differences(part, run)) == [
        f"adapter_config.json names the base '/home/me/base', not '{BASE}'",
        f"adapter_config.json names the revision 'main', not '{REVISION}'",
        "adapter_config.json holds a local path in 'base_model_name_or_path'",
    ]


HEADER = Description(
    {
        "general.architecture": "gemma3",
        "tokenizer.chat_template": TEMPLATE,
        "tokenizer.ggml.bos_token_id": 2,
        "tokenizer.ggml.add_bos_token": True,
    },
    {},
    4096,
    {1: "<eos>", 50: "<start_function_response>", 106: "<end_of_turn>"},
)


def _with(**facts: Any) -> Description:
    named = {name.replace("__", "."): value for name, value in facts.items()}
    kept = {name: value for name, value in {**HEADER.facts, **named}.items() if value is not None}
    return replace(HEADER, facts=kept)


@pytest.mark.parametrize(
    "header, message",
    [
        (HEADER, None),
        (_with(tokenizer__chat_template=TEMPLATE + " "), "the header has another chat template: "),
        (_with(tokenizer__chat_template=None), "the header has no chat template"),
        (_with(general__architecture="llama"), "the architecture is 'llama', not 'gemma3'"),
        (_with(tokenizer__ggml__bos_token_id=1), "the BOS is 1, not 2"),
        (
            _with(tokenizer__ggml__add_bos_token=False),
            "the header does not request a BOS before the prompt, which Ollama and llama.cpp rely on",
        ),
        (replace(HEADER, vocabulary=4097), "the vocabulary has 4,097 tokens, not 4,096"),
    ],
    ids=["right", "template", "no-template", "architecture", "bos", "add-bos", "vocabulary"],
)
def test_a_wrong_header_is_named(header: Description, message: str | None) -> None:
    """One key is enough; a template is reported by its hash."""
    found = list(header_differences(header, TEMPLATE, 4096))
    assert len(found) == (message is not None)
    assert message is None or found[0].startswith(message)


def test_tokens_are_compared_id_by_id() -> None:
    """The first different id is reported with the next ones, and a second BOS as such."""
    ids = [[2, 105, 7, 8, 9], [2, 105, 7]]
    assert list(token_differences(ids, ids, "llama.cpp")) == []
    assert list(token_differences(ids, [[2, 105, 7, 6, 9], [2, 2, 105, 7]], "llama.cpp")) == [
        "llama.cpp tokenizes prompt 1 differently from token 3 on: [6, 9] instead of [8, 9]",
        "llama.cpp puts a second BOS before prompt 2",
    ]
    assert list(token_differences(ids[1:], [[2, 105]], "llama.cpp")) == [
        "llama.cpp tokenizes prompt 1 differently from token 2 on: [] instead of [7]"
    ]


def test_answers_may_diverge_only_at_near_ties() -> None:
    """Rounding may change the order of two nearly tied tokens, and of no others."""
    rows = torch.zeros(3, 100)
    rows[:, 0], rows[:, 1] = 50.0, -50.0  # a standard deviation of about 7
    rows[:, 5], rows[:, 6], rows[:, 7] = 30.0, 29.9, 20.0
    expected = [[5, 5, 1]]

    def found(answer: list[int]) -> list[str]:
        compared = compare_answers(expected, [answer], lambda _at: rows)
        return list(answer_differences(compared, F16_DISTANCE, "llama.cpp"))

    assert found([5, 5, 1]) == []
    assert found([5, 6, 1]) == []
    assert found([5, 7, 1]) == [
        "llama.cpp answers prompt 1 differently from token 1 on: 7 instead of 5, which was better by 1.18 " + DEVIATIONS
    ]
    assert found([5, 5]) == [
        "llama.cpp answers prompt 1 differently from token 2 on: -1 instead of 1, which was better by inf " + DEVIATIONS
    ]


@pytest.mark.parametrize("moved, holds", [(0.0, True), (0.04, True), (0.06, False), (float("nan"), False)])
def test_logits_may_differ_by_rounding(moved: float, *, holds: bool) -> None:
    """The largest difference counts, in standard deviations; NaN exceeds any limit."""
    expected = torch.tensor([-(0.75**0.5), 0.75**0.5] * 2)  # a standard deviation of 1
    off = distance(expected + torch.tensor([0.0, 0.0, moved, 0.0]), expected)
    found = list(distance_differences(off, F16_DISTANCE, "llama.cpp"))
    assert found == ([] if holds else [f"a logit of llama.cpp differs by {moved:.3f} standard deviations (limit 0.05)"])
    assert list(distance_differences(float("nan"), float("inf"), "llama.cpp"))


def test_disk_space_is_checked_before_any_work(tmp_path: Path) -> None:
    """The error has both numbers, also for a folder that does not exist."""
    folder = tmp_path / "not" / "yet"
    check_space(folder, 1000)
    with pytest.raises(OutputError, match=r"1,152,921,504,607 MB are needed and [\d,]+ MB are free") as error:
        check_space(folder, 1 << 60)
    assert error.value.exit_code == 3
    assert not (tmp_path / "not").exists()
