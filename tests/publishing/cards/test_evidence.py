"""Cards refuse numbers of another run, model or base."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dataset_tools.errors import InputError
from publishing.cards.sources import CardSources, read_sources
from publishing.cli import main
from publishing.release.manifest import read_release
from tests.publishing.cards.card_inputs import RUN, write_inputs
from training.fit.run_manifest import hash_files

BASE = "b" * 64
MADE: dict[str, Any] = {**RUN, "base": {**RUN["base"], "weights_sha256": BASE}, "data": {**RUN["data"], "sha256": "d"}}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A release that records its run, with that run and evaluations of its adapter and its base."""
    path = tmp_path / "inputs"
    write_inputs(path)
    _change(path / "release" / "release.json", run=MADE)
    _change(path / "run" / "run.json", **MADE)
    _decoded(path / "base.json", kind="merged", weights_sha256=BASE)
    adapter = hash_files([path / "release" / "adapter" / "adapter_model.safetensors"])
    _decoded(path / "tuned.json", kind="adapter", weights_sha256="a" * 64, adapter_sha256=adapter)
    return path


def _change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **values}), encoding="utf-8")


def _decoded(path: Path, **facts: str) -> None:
    _change(path, decoding=facts)


def _read(path: Path, **changes: Path | None) -> CardSources:
    named = {"run": path / "run", "evaluation": path / "tuned.json", "base_evaluation": path / "base.json", **changes}
    return read_sources(read_release(path / "release"), **named)


def test_inputs_of_the_release_are_accepted(own: Path) -> None:
    """The run and evaluations of its adapter or merged weights; any evaluation that records no weights."""
    assert _read(own).comparison is not None
    merged = hash_files([own / "release" / "merged" / "model.safetensors"])
    _decoded(own / "tuned.json", kind="merged", weights_sha256=merged)
    assert _read(own).evaluation is not None
    for name in ("base", "tuned"):
        _decoded(own / f"{name}.json")
    assert _read(own).comparison is not None


def test_swapped_evaluations_are_refused(own: Path) -> None:
    """The evaluation of the base is refused for this model, and the other way round."""
    with pytest.raises(InputError, match=r"base.json: it evaluates the base, not this model \(--eval with"):
        _read(own, evaluation=own / "base.json", base_evaluation=own / "tuned.json")
    with pytest.raises(InputError, match=r"tuned.json: it evaluates an adapter, not the base \(--compare with"):
        _read(own, base_evaluation=own / "tuned.json")


@pytest.mark.parametrize(
    "facts, message",
    [
        ({"kind": "adapter", "adapter_sha256": "0" * 64}, "it evaluates another model"),
        ({"kind": "merged", "weights_sha256": "0" * 64}, "it evaluates another model"),
        ({"kind": "gguf", "weights_sha256": "0" * 64}, "it evaluates a GGUF file"),
    ],
    ids=["adapter", "merged", "gguf"],
)
def test_an_evaluation_of_another_model_is_refused(own: Path, facts: dict[str, str], message: str) -> None:
    """The hash of the weights decides."""
    _decoded(own / "tuned.json", **facts)
    with pytest.raises(InputError, match=f"tuned.json: {message}"):
        _read(own)


def test_an_evaluation_of_another_base_is_refused(own: Path) -> None:
    """Also if only the run records its base."""
    facts = json.loads((own / "release" / "release.json").read_bytes())
    del facts["run"]
    (own / "release" / "release.json").write_text(json.dumps(facts), encoding="utf-8")
    _decoded(own / "base.json", kind="merged", weights_sha256="0" * 64)
    with pytest.raises(InputError, match=r"base.json: it evaluates another base: its weights differ"):
        _read(own)


@pytest.mark.parametrize(
    "change, word",
    [
        ({"recipe": {**RUN["recipe"], "fingerprint": "0"}}, "recipe"),
        ({"base": {**MADE["base"], "weights_sha256": "0"}}, "base"),
        ({"data": {**MADE["data"], "sha256": "0"}}, "data"),
        ({"training_seconds": 1.0}, "training time"),
    ],
    ids=["recipe", "base", "data", "time"],
)
def test_another_run_is_refused(own: Path, change: dict[str, Any], word: str) -> None:
    """One difference is enough, and the message names it."""
    _change(own / "run" / "run.json", **change)
    with pytest.raises(InputError, match=f"run.json: not the exported run: the {word} differs"):
        _read(own)


@pytest.mark.parametrize(
    "name, change",
    [
        ("build.json", lambda _facts: None),
        ("run/run.json", lambda facts: facts.pop("recipe")),
        ("run/run.json", lambda facts: facts.update(recipe="t4")),
    ],
    ids=["another", "no-recipe", "odd-recipe"],
)
def test_a_file_that_is_not_a_run_is_refused(own: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Any other JSON object, or a run without its recipe."""
    facts = json.loads((own / name).read_bytes())
    change(facts)
    (own / name).write_text(json.dumps(facts), encoding="utf-8")
    result = CliRunner().invoke(main.app, ["card", str(own / "release"), "--run", str(own / name)])
    assert isinstance(result.exception, InputError)
    assert str(result.exception).startswith(f"{own / name}: not what `afg train` writes (--run with the folder")
