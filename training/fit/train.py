"""``afg train``: from built samples to an adapter, as one library call.

The plan has been made and nothing speaks against it. What follows is the recipe, once: load, adapt, train, save.
"""

import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataset_tools.errors import AfgError, InterruptionError, TrainingError, UsageError
from training.fit.adapter import save_adapter
from training.fit.checkpoints import SEAL, Checkpoint, clear_unsealed, last_good
from training.fit.curves import draw_curves
from training.fit.failures import explain
from training.fit.gradient_monitor import LOWER_RATE, GradientMonitor
from training.fit.metrics_log import MetricsLog
from training.fit.plan import Plan
from training.fit.run_manifest import differences, first_manifest, losses, read_manifest, write_manifest
from training.fit.trackers import Reporter, require_service
from training.fit.trainer import TrainerOptions, build_trainer
from training.fit.unsloth_model import add_adapter, import_unsloth, load_model

__all__ = ["ADAPTER", "RunResult", "Watcher", "start_problems", "train"]

ADAPTER = "adapter"
"""The folder of a run that holds the adapter with its tokenizer and template."""

_CHECKPOINTS, _CACHE, _METRICS = "checkpoints", "cache", "metrics.jsonl"


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who is told while a run goes on: of each step, with its line of metrics, and of each warning."""

    on_step: Callable[[Mapping[str, Any]], None] = lambda _: None
    tell: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: its folder and what ``run.json`` holds."""

    output: Path
    manifest: Mapping[str, Any]

    @property
    def adapter(self) -> Path:
        """The folder with the adapter."""
        return self.output / ADAPTER


@dataclass(slots=True)
class _Run:
    """A run on its way: the folder, what ``run.json`` says, and where it goes on from, if it does."""

    plan: Plan
    manifest: dict[str, Any]
    start: Checkpoint | None
    log: MetricsLog
    monitor: GradientMonitor = field(init=False)

    def __post_init__(self) -> None:
        self.monitor = GradientMonitor(self.plan.recipe.optimizer.max_grad_norm)
        for line in self.log.lines:
            if "gradient_norm" in line:
                self.monitor.observe(line["step"], line["gradient_norm"])

    @property
    def kept(self) -> str:
        """What can be gone on with, as a hint."""
        if not any((self.plan.output / _CHECKPOINTS).glob(f"*/{SEAL}")):
            return "no checkpoint was written yet, --resume begins again"
        return "the last good checkpoint is kept, --resume goes on from it"


def train(plan: Plan, watcher: Watcher | None = None, *, resume: bool = False, report_to: str = "none") -> RunResult:
    """Train the adapter that ``plan`` describes.

    Args:
        plan: the plan, made for this machine.
        watcher: who is told of steps and warnings.
        resume: go on from the last good checkpoint in the plan's folder.
        report_to: a service that gets the numbers too: ``tensorboard``, ``trackio``, ``wandb`` or ``none``.

    Raises:
        InputError: the base cannot be loaded, or no checkpoint is whole.
        InterruptionError: a person stopped it; the last good checkpoint is kept.
        OutputError: the run cannot be written.
        TrainingError: memory, hardware or numbers do not let it go on; the last good checkpoint is kept.
        UsageError: the plan says why the run would not start, or the folder holds something else.
    """
    require_service(report_to)
    if plan.reasons:
        raise UsageError(f"training would not start: {'; '.join(plan.reasons)}", hint="--dry-run shows the plan")
    watcher = watcher or Watcher()
    run = _resumed(plan, watcher) if resume else _begun(plan)
    if run is None:
        return RunResult(plan.output, read_manifest(plan.output))
    try:
        with redirect_stdout(sys.stderr):  # libraries greet and report there; ours is for data
            _train(run, watcher, report_to)
    except KeyboardInterrupt:
        _stop(run, "interrupted", "")
        raise InterruptionError("interrupted", where=str(plan.output), hint=run.kept) from None
    except Exception as error:
        known = explain(error, str(plan.output), run.kept)
        _stop(run, "failed", str(known or error))
        if known is None:
            raise
        raise known from error
    finally:
        run.log.close()
    return RunResult(plan.output, run.manifest)


def start_problems(plan: Plan, *, resume: bool) -> list[str]:
    """Every reason why the run would not start, those of the plan and those of the folder that is there already."""
    problems = list(plan.reasons)
    try:
        if resume:
            _check_resumable(plan)
        else:
            _check_empty(plan.output)
    except AfgError as error:
        problems.append(str(error))
    return problems


def _check_empty(output: Path) -> None:
    if output.is_dir() and any(output.iterdir()):
        hint = "--resume goes on with a run; else choose another folder with -o"
        raise UsageError("the folder is not empty", where=str(output), hint=hint)


def _check_resumable(plan: Plan) -> dict[str, Any]:
    manifest = read_manifest(plan.output)
    if changed := differences(manifest, first_manifest(plan)):
        what = f"the run was begun with another {' and another '.join(changed)}"
        raise UsageError(what, where=str(plan.output), hint="resume with what it was begun with")
    return manifest


def _begun(plan: Plan) -> _Run:
    output = plan.output
    _check_empty(output)
    manifest = first_manifest(plan)
    write_manifest(output, manifest)
    return _Run(plan, manifest, None, MetricsLog(output / _METRICS))


def _resumed(plan: Plan, watcher: Watcher) -> _Run | None:
    """The run in the plan's folder at its last good checkpoint; none if it is complete."""
    manifest = _check_resumable(plan)
    if manifest["status"] == "complete":
        return None
    start = last_good(plan.output / _CHECKPOINTS, watcher.tell)
    step = start.step if start else 0
    clear_unsealed(plan.output / _CHECKPOINTS, step)
    manifest = {**manifest, "status": "running", "error": "", "resumed_at": [*manifest["resumed_at"], step]}
    write_manifest(plan.output, manifest)
    return _Run(plan, manifest, start, MetricsLog(plan.output / _METRICS, keep=step))


def _train(run: _Run, watcher: Watcher, report_to: str) -> None:
    import_unsloth()  # before anything that it patches
    from transformers.utils import logging

    from training.fit.callbacks import StepRecorder, peak_memory_gib

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    plan = run.plan
    reporter = Reporter(report_to, plan.output, plan.recipe.values(), watcher.tell)
    run.log.also = reporter.log
    base, tokenizer = load_model(plan.base, plan.recipe, plan.number)
    model = add_adapter(base, plan.recipe)
    recorder = StepRecorder(run.log, run.monitor, plan.steps, on_step=watcher.on_step, tell=watcher.tell)
    trainer = build_trainer(
        plan.recipe,
        model,
        tokenizer,
        plan.samples,
        plan.output / _CHECKPOINTS,
        options=TrainerOptions(plan.number, plan.output / _CACHE, plan.validation),
        callbacks=[recorder],
    )
    recorder.count_tokens_of(trainer)
    try:
        trainer.train(resume_from_checkpoint=str(run.start.folder) if run.start else None)
    finally:
        reporter.close()
    if not run.monitor.healthy:
        raise TrainingError("the last gradient was no number, so there is no adapter to save", hint=LOWER_RATE)
    save_adapter(trainer.model, plan.base, plan.output / ADAPTER)
    _finish(run, peak_memory_gib())


def _finish(run: _Run, memory: float) -> None:
    steps = [line for line in run.log.lines if "gradient_norm" in line]
    seconds = sum(line["seconds"] for line in steps)
    tokens = sum(line["tokens"] for line in steps)
    run.manifest |= {
        "status": "complete",
        "training_seconds": round(seconds, 3),
        "tokens": tokens,
        "tokens_per_second": round(tokens / max(seconds, 1e-9), 1),
        "peak_memory_gib": round(memory, 3),
        **losses(run.log.lines),
        "gradient_norm": run.monitor.summary(),
    }
    draw_curves(run.log.lines, run.manifest, run.plan.output)
    write_manifest(run.plan.output, run.manifest)
    for name in (_CHECKPOINTS, _CACHE):
        shutil.rmtree(run.plan.output / name, ignore_errors=True)


def _stop(run: _Run, status: str, error: str) -> None:
    """Say in the manifest how a run ended; a disk that is full has been told already."""
    run.manifest |= {"status": status, "error": error, **losses(run.log.lines), "gradient_norm": run.monitor.summary()}
    try:
        write_manifest(run.plan.output, run.manifest)
    except AfgError:
        return
