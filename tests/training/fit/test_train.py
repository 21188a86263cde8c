"""A real run with Unsloth: its trajectory, learning rates and files, and a resume after a kill."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.samples.reader import SampleFolder
from tests.training.bases import load_figures, short_recipe
from training.recipe.recipe import load_recipe

GOLDEN = Path(__file__).parent / "trajectory.json"
TOLERANCE = 1e-4
"""Relative. One or two threads, AVX2 or AVX-512 differ by 7e-8; the rest is for other processors and versions."""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("unsloth")]

Start = Callable[..., subprocess.Popen[str]]


def _steps(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if "loss" in line]


def _trajectory(run: Path) -> list[tuple[int, float, float, float]]:
    return [(line["step"], line["loss"], line["learning_rate"], line["gradient_norm"]) for line in _steps(run)]


def _manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "run.json").read_text(encoding="utf-8"))
    return found


def _wait_for_step(process: subprocess.Popen[str], run: Path, step: int) -> None:
    """Wait until a run has written the line of this step."""
    deadline = time.monotonic() + 240
    while not (run / "metrics.jsonl").is_file() or len((run / "metrics.jsonl").read_bytes().splitlines()) < step:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_trajectory_is_the_recorded_one(finished: Path) -> None:
    """Loss and gradient norm of each step are those of the golden file, within the stated tolerance."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    found = [{"step": step, "loss": loss, "gradient_norm": norm} for step, loss, _, norm in _trajectory(finished)]
    assert len(found) == 10
    for line, expected in zip(found, golden, strict=True):
        assert line == pytest.approx(expected, rel=TOLERANCE)


def test_the_learning_rate_is_the_formula_at_every_step(finished: Path) -> None:
    """The optimizer's rate at each step is the formula's, to the last digits."""
    expected = load_figures().formula(_manifest(finished)["recipe"]["values"], 10)
    assert [line["learning_rate"] for line in _steps(finished)] == pytest.approx(expected, rel=1e-12)
    assert expected[0] == 0.0


def test_a_finished_run_has_all_its_files(finished: Path, samples: Path) -> None:
    """Adapter, tokenizer, template, manifest, metrics and curves exist; checkpoints and cache are removed."""
    files = {path.relative_to(finished).as_posix() for path in finished.rglob("*") if path.is_file()}
    assert files == {
        "run.json", "metrics.jsonl", "curves.html", "adapter/adapter_model.safetensors",
        "adapter/adapter_config.json", "adapter/tokenizer.json", "adapter/tokenizer.model",
        "adapter/tokenizer_config.json", "adapter/chat_template.jinja",
    }  # fmt: skip
    run, built = _manifest(finished), SampleFolder(samples)
    assert (run["status"], run["steps"], run["recipe"]["name"]) == ("complete", 10, "custom")
    assert run["recipe"]["fingerprint"] == load_recipe(str(finished.parent / "short.toml")).fingerprint()
    assert run["data"]["files"] == built.hashes
    assert run["tokens"] == 2 * built.counts.tokens == sum(line["tokens"] for line in _steps(finished))
    assert run["loss"]["final"] == _steps(finished)[-1]["loss"]
    assert run["gradient_norm"]["steps"] == 10
    assert run["gradient_norm"]["steps_above"] == sum(line["gradient_norm"] > 1 for line in _steps(finished))
    assert {"unsloth", "unsloth_zoo", "trl", "peft", "torch", "transformers"} <= set(run["versions"])
    assert run["peak_memory_gib"] > 0


def test_a_killed_run_ends_in_the_same_place(finished: Path, afg_train: Start, tmp_path: Path) -> None:
    """SIGKILL after the first checkpoint, then `--resume`: all steps and the adapter equal the uninterrupted run's."""
    recipe, run = short_recipe(tmp_path / "short.toml"), tmp_path / "run"
    process = afg_train("-o", run, "--recipe", recipe, "-q")
    _wait_for_step(process, run, 6)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert _manifest(run)["status"] == "running"
    (run / "checkpoints" / "checkpoint-7").mkdir()  # as if killed during a save
    resumed = afg_train("-o", run, "--recipe", recipe, "-q", "--resume")
    _, stderr = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, stderr
    assert _trajectory(run) == _trajectory(finished)
    adapter = "adapter/adapter_model.safetensors"
    assert (run / adapter).read_bytes() == (finished / adapter).read_bytes()
    assert _manifest(run)["resumed_at"] in ([4], [8])


def test_ctrl_c_stops_a_run(afg_train: Start, tmp_path: Path) -> None:
    """Ctrl-C gives one line that says how to resume, exit code 130, and a sealed checkpoint."""
    run = tmp_path / "run"
    recipe = short_recipe(tmp_path / "short.toml", epochs="50", save_steps="2")
    process = afg_train("-o", run, "--recipe", recipe, "-q")
    _wait_for_step(process, run, 4)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    expected = f"afg: {run}: interrupted (the last good checkpoint is kept, --resume continues from it)"
    assert stderr.splitlines()[-1] == expected
    assert _manifest(run)["status"] == "interrupted"
    assert list((run / "checkpoints").glob("checkpoint-*/complete.json"))
