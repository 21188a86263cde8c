"""A failure during a run is one line and an exit code, and the last checkpoint is kept."""

import errno
import resource
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.errors import InputError, OutputError, TrainingError, UsageError
from tests.training.bases import short_recipe
from training.fit.failures import explain
from training.fit.metrics_log import read_metrics
from training.fit.plan import TrainingPlan, plan_training
from training.fit.run_manifest import read_manifest, recorded_base
from training.fit.train import Watcher, train
from training.recipe.recipe import load_recipe

KEPT = "the last good checkpoint is kept, --resume continues from it"


def with_unsloth(test: Any) -> Any:
    """Mark a test that trains: slow, in one process with the other tests that load Unsloth."""
    return pytest.mark.slow(pytest.mark.xdist_group("unsloth")(test))


@pytest.fixture
def planned(samples: Path, random_base: Path, tmp_path: Path) -> Callable[..., TrainingPlan]:
    """Returns a function that plans the ten steps of the uninterrupted run, into another folder."""

    def make(base: Path = random_base, validation: str | None = None, **changes: str) -> TrainingPlan:
        recipe = load_recipe(str(short_recipe(tmp_path / "short.toml", **changes)))
        return plan_training(recipe, str(samples), tmp_path / "run", base=str(base), validation=validation)

    return make


def _steps(run: Path) -> list[tuple[int, float, float]]:
    return [
        (line["step"], line["loss"], line["gradient_norm"])
        for line in read_metrics(run / "metrics.jsonl")
        if "loss" in line
    ]


def _raise_at(step: int, error: Callable[[], object]) -> Watcher:
    """Return a watcher that raises an error at a step."""

    def on_step(line: Mapping[str, Any]) -> None:
        if line["step"] == step:
            error()

    return Watcher(on_step)


def _no_memory() -> None:
    """Raise PyTorch's error for more memory than any machine has."""
    import torch

    torch.empty(2**60, dtype=torch.uint8)


@with_unsloth
def test_a_failed_run_resumes_from_its_checkpoint(planned: Callable[..., TrainingPlan], finished: Path) -> None:
    """Memory runs out at step 6: one line, the checkpoint of step 4 is kept, and the resumed run ends the same."""
    plan = planned()
    with pytest.raises(TrainingError) as caught:
        train(plan, _raise_at(6, _no_memory))
    assert caught.value.exit_code == 4
    what = "out of memory (lower batch.rows and raise batch.accumulation in a recipe of your own, or free memory"
    assert str(caught.value) == f"{plan.output}: {what}; {KEPT})"
    manifest = read_manifest(plan.output)
    assert (manifest["status"], manifest["error"]) == ("failed", str(caught.value))
    assert [path.name for path in (plan.output / "checkpoints").iterdir()] == ["checkpoint-4"]
    found = train(plan, resume=True)
    assert (found.manifest["status"], found.manifest["error"], found.manifest["resumed_at"]) == ("complete", "", [4])
    for line, expected in zip(_steps(plan.output), _steps(finished), strict=True):
        assert line == pytest.approx(expected, rel=1e-4)


@with_unsloth
def test_a_disk_that_is_full(planned: Callable[..., TrainingPlan]) -> None:
    """A checkpoint that cannot be written is one line with code 3; an incomplete checkpoint does not count."""
    plan = planned(save_steps="2")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))  # an adapter has 400 KB
    try:
        with pytest.raises(OutputError) as caught:
            train(plan)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    hint = "free space; no checkpoint was saved yet, --resume starts again"
    assert str(caught.value) == f"{plan.output}: no space left for a checkpoint ({hint})"
    assert caught.value.exit_code == 3


@with_unsloth
def test_a_damaged_checkpoint_is_skipped(planned: Callable[..., TrainingPlan], finished: Path) -> None:
    """Of two checkpoints the newer one is damaged: it is reported, and the run resumes from the older one."""
    plan = planned(save_steps="2")
    with pytest.raises(TrainingError):
        train(plan, _raise_at(7, _no_memory))
    newest = plan.output / "checkpoints" / "checkpoint-6"
    with (newest / "adapter_model.safetensors").open("r+b") as stream:
        stream.seek(1000)
        stream.write(b"\xff\xff\xff\xff")
    warnings: list[str] = []
    found = train(plan, Watcher(warn=warnings.append), resume=True)
    assert warnings[0] == f"{newest}: damaged (adapter_model.safetensors has changed); trying the one before it"
    assert found.manifest["resumed_at"] == [4]
    for line, expected in zip(_steps(plan.output), _steps(finished), strict=True):
        assert line == pytest.approx(expected, rel=1e-4)
    before = (plan.output / "run.json").read_bytes()
    assert train(plan, resume=True).manifest == found.manifest  # a complete run is left unchanged
    assert (plan.output / "run.json").read_bytes() == before


@with_unsloth
def test_a_run_without_a_checkpoint_starts_again(planned: Callable[..., TrainingPlan], finished: Path) -> None:
    """A run that fails before its first checkpoint starts again; an unknown exception is raised unchanged."""
    plan = planned()

    def defect() -> None:
        raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError):
        train(plan, _raise_at(2, defect))
    assert read_manifest(plan.output)["status"] == "failed"
    warnings: list[str] = []
    found = train(plan, Watcher(warn=warnings.append), resume=True)
    assert warnings == ["no checkpoint yet: the run starts again"]
    assert found.manifest["resumed_at"] == [0]
    assert [step for step, _, _ in _steps(plan.output)] == [step for step, _, _ in _steps(finished)]


@with_unsloth
def test_an_adapter_that_was_not_written_is_written_by_a_resume(
    planned: Callable[..., TrainingPlan], finished: Path
) -> None:
    """If only the adapter cannot be written, a resume writes it from the last checkpoint and repeats no step."""
    plan = planned()
    adapter = plan.output / "adapter"
    with pytest.raises(OutputError, match=f"{adapter}: .*is a file"):
        train(plan, _raise_at(10, adapter.touch))
    adapter.unlink()
    steps: list[object] = []
    found = train(plan, Watcher(steps.append), resume=True)
    assert (found.manifest["resumed_at"], steps) == ([10], [])
    assert sorted(path.name for path in found.adapter.iterdir()) == sorted(
        path.name for path in (finished / "adapter").iterdir()
    )


@with_unsloth
def test_nan_gradients_stop_the_run(planned: Callable[..., TrainingPlan], random_base: Path, tmp_path: Path) -> None:
    """A NaN gradient is reported immediately, nothing is saved, and after three steps the run stops with code 4."""
    import torch
    from safetensors.torch import load_file, save_file

    base = tmp_path / "lost"
    shutil.copytree(random_base, base)
    weights = load_file(base / "model.safetensors")
    weights["model.norm.weight"][0] = torch.nan
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    plan = planned(base=base, save_steps="1")
    warnings: list[str] = []
    with pytest.raises(TrainingError, match="the gradient norm was NaN or infinite for the last 3 steps") as caught:
        train(plan, Watcher(warn=warnings.append))
    assert caught.value.exit_code == 4
    assert [text.split(":")[0] for text in warnings] == ["step 1"]
    assert not list((plan.output / "checkpoints").glob("*"))
    manifest = read_manifest(plan.output)
    assert (manifest["gradient_norm"]["steps_not_finite"], "loss" in manifest) == (3, False)
    assert [line["gradient_norm"] for line in read_metrics(plan.output / "metrics.jsonl")] == [None] * 3


@with_unsloth
def test_damaged_weights(planned: Callable[..., TrainingPlan], random_base: Path, tmp_path: Path) -> None:
    """Damaged weights of the base are one line with its folder."""
    base = tmp_path / "damaged"
    shutil.copytree(random_base, base)
    (base / "model.safetensors").write_bytes((base / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(InputError, match=f"^{base}: the model cannot be loaded: .*download the base again"):
        train(planned(base=base))


@with_unsloth
def test_validation_loss_is_measured_at_intervals(planned: Callable[..., TrainingPlan], samples: Path) -> None:
    """It is in the metrics every four steps and after the last, and in the manifest."""
    plan = planned(validation=str(samples), eval_steps="4")
    found = train(plan)
    lines = [line for line in read_metrics(plan.output / "metrics.jsonl") if "validation_loss" in line]
    assert [line["step"] for line in lines] == [4, 8, 10]
    assert found.manifest["validation_loss"]["final"] == lines[-1]["validation_loss"]


@with_unsloth
def test_a_run_is_resumed_with_the_same_inputs(
    planned: Callable[..., TrainingPlan], random_base: Path, finished: Path
) -> None:
    """Another recipe is refused; a folder that is not empty and a folder without a run are separate errors."""
    plan = planned(peak_learning_rate="2e-3")
    shutil.copytree(finished, plan.output)
    with pytest.raises(UsageError, match=r"the run was started with another recipe \(resume with the inputs of"):
        train(plan, resume=True)
    with pytest.raises(UsageError, match=r"the folder is not empty \(--resume continues a run; otherwise choose"):
        train(plan)
    shutil.rmtree(plan.output)
    with pytest.raises(UsageError, match=r"there is no run\.json: not a run \(`afg train` without --resume"):
        train(plan, resume=True)
    assert recorded_base(finished) == str(random_base)


def test_a_hub_base_is_resumed_at_its_commit(tmp_path: Path) -> None:
    """The branch may have moved since the run started."""
    (tmp_path / "run.json").write_text('{"base": {"name": "org/name", "revision": "abc"}}', encoding="utf-8")
    assert recorded_base(tmp_path) == "org/name@abc"


@pytest.mark.parametrize(
    "error, expected",
    [
        (MemoryError(), "R: out of memory (lower batch.rows and raise batch.accumulation in a recipe of your own"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0"), "R: out of memory (lower batch.rows"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "R: out of memory (lower batch.rows"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "R: no space left for a checkpoint (free space; K)"),
        (RuntimeError("[enforce fail at inline_container.cc:626] . unexpected pos"), "R: no space left for a "),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "R: no space left for a checkpoint"),
        (RuntimeError("CUDA error: device-side assert triggered\nmore"), "R: the GPU failed: CUDA error: device-side"),
        (RuntimeError("CUDA error: no kernel image is available"), "R: the GPU failed: CUDA error: no kernel image"),
        (ZeroDivisionError("a defect of ours"), None),
    ],
)  # fmt: skip
def test_errors_of_libraries_are_explained(error: Exception, expected: str | None) -> None:
    """Errors of memory, disk and GPU from PyTorch and others are recognized by their text; a defect is not."""
    found = explain(error, "R", "K")
    if expected is None:
        assert found is None
    else:
        assert str(found).startswith(expected)
        assert str(found).endswith("K)")
        assert "\n" not in str(found)
