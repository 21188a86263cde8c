"""``afg train``: from built samples to an adapter, as one library call: load, adapt, train, save."""

import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataset_tools.errors import AfgError, InterruptionError, TrainingError, UsageError
from dataset_tools.io.writer import write_file
from training.fit.checkpoints import SEAL, Checkpoint, last_good, remove_stale
from training.fit.curves import HTML, curves_page
from training.fit.failures import explain
from training.fit.gradient_monitor import LOWER_RATE, GradientMonitor
from training.fit.metrics_log import MetricsLog
from training.fit.plan import TrainingPlan
from training.fit.run_manifest import differences, first_manifest, losses, read_manifest, write_manifest
from training.fit.trackers import Reporter, require_tracker
from training.fit.trainer import CACHE, CHECKPOINTS, build_trainer
from training.fit.unsloth_model import add_adapter, import_unsloth, load_model, save_adapter

__all__ = ["ADAPTER", "RunResult", "Watcher", "start_problems", "train"]

ADAPTER = "adapter"
"""The folder of a run that holds the adapter with its tokenizer and template."""

_METRICS = "metrics.jsonl"


@dataclass(frozen=True, slots=True)
class Watcher:
    """Functions called during a run: with each line of metrics, and with each warning."""

    on_step: Callable[[Mapping[str, Any]], None] = lambda _: None
    warn: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: its folder and the content of ``run.json``."""

    output: Path
    manifest: Mapping[str, Any]

    @property
    def adapter(self) -> Path:
        """The folder with the adapter."""
        return self.output / ADAPTER


@dataclass(slots=True)
class _Run:
    """A run in progress: its plan, its manifest, its log, and the checkpoint to resume from, if any."""

    plan: TrainingPlan
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
        """A hint that says how the run can be resumed."""
        if not any((self.plan.output / CHECKPOINTS).glob(f"*/{SEAL}")):
            return "no checkpoint was saved yet, --resume starts again"
        return "the last good checkpoint is kept, --resume continues from it"


def train(
    plan: TrainingPlan, watcher: Watcher | None = None, *, resume: bool = False, report_to: str = "none"
) -> RunResult:
    """Train the adapter of a plan.

    Args:
        plan: the plan, made on this machine.
        watcher: functions to call with steps and warnings.
        resume: continue from the last good checkpoint in the plan's folder.
        report_to: a tracker that also gets the metrics: ``tensorboard``, ``trackio``, ``wandb`` or ``none``.

    Raises:
        InputError: the base cannot be loaded, or every checkpoint is damaged.
        InterruptionError: the user stopped the run; the last good checkpoint is kept.
        OutputError: the run cannot be written.
        TrainingError: out of memory, GPU failure, or NaN gradients; the last good checkpoint is kept.
        UsageError: the plan has reasons not to start, or the folder holds something else.
    """
    require_tracker(report_to)
    if plan.reasons:
        raise UsageError(f"training cannot start: {'; '.join(plan.reasons)}", hint="--dry-run shows the plan")
    watcher = watcher or Watcher()
    run = _resumed(plan, watcher) if resume else _started(plan)
    if run is None:
        return RunResult(plan.output, read_manifest(plan.output))
    try:
        with redirect_stdout(sys.stderr):  # libraries print messages there; standard output is for data
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


def start_problems(plan: TrainingPlan, *, resume: bool) -> list[str]:
    """Return every reason why the run cannot start: those of the plan and those of an existing folder."""
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
        hint = "--resume continues a run; otherwise choose another folder with -o"
        raise UsageError("the folder is not empty", where=str(output), hint=hint)


def _check_resumable(plan: TrainingPlan) -> dict[str, Any]:
    manifest = read_manifest(plan.output)
    if changed := differences(manifest, first_manifest(plan)):
        what = f"the run was started with another {' and another '.join(changed)}"
        raise UsageError(what, where=str(plan.output), hint="resume with the inputs of the first start")
    return manifest


def _started(plan: TrainingPlan) -> _Run:
    _check_empty(plan.output)
    manifest = first_manifest(plan)
    write_manifest(plan.output, manifest)
    return _Run(plan, manifest, None, MetricsLog(plan.output / _METRICS))


def _resumed(plan: TrainingPlan, watcher: Watcher) -> _Run | None:
    """Return the run at its last good checkpoint, or None if it is complete."""
    manifest = _check_resumable(plan)
    if manifest["status"] == "complete":
        return None
    start = last_good(plan.output / CHECKPOINTS, watcher.warn)
    step = start.step if start else 0
    remove_stale(plan.output / CHECKPOINTS, step)
    manifest = {**manifest, "status": "running", "error": "", "resumed_at": [*manifest["resumed_at"], step]}
    write_manifest(plan.output, manifest)
    return _Run(plan, manifest, start, MetricsLog(plan.output / _METRICS, keep=step))


def _train(run: _Run, watcher: Watcher, report_to: str) -> None:
    import_unsloth()  # before the packages that it patches
    from transformers.utils import logging

    from training.fit.callbacks import StepRecorder, peak_memory_gib

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    plan = run.plan
    reporter = Reporter(report_to, plan.output, plan.recipe.values(), watcher.warn)
    run.log.also = reporter.log
    base, tokenizer = load_model(plan.base, plan.recipe, plan.dtype)
    model = add_adapter(base, plan.recipe)
    recorder = StepRecorder(run.log, run.monitor, plan.steps, on_step=watcher.on_step, warn=watcher.warn)
    trainer = build_trainer(
        plan.recipe, model, tokenizer, plan.samples, plan.output, dtype=plan.dtype, validation=plan.validation
    )
    trainer.add_callback(recorder)
    recorder.count_tokens_of(trainer)
    try:
        trainer.train(resume_from_checkpoint=str(run.start.folder) if run.start else None)
    finally:
        reporter.close()
    if not run.monitor.healthy:
        raise TrainingError("the last gradient norm was NaN or infinite, so no adapter was saved", hint=LOWER_RATE)
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
    write_file(run.plan.output / HTML, curves_page(run.log.lines, run.manifest).encode())
    write_manifest(run.plan.output, run.manifest)
    for name in (CHECKPOINTS, CACHE):
        shutil.rmtree(run.plan.output / name, ignore_errors=True)


def _stop(run: _Run, status: str, error: str) -> None:
    """Write the end of a run to its manifest, if the disk has space for it."""
    run.manifest |= {"status": status, "error": error, **losses(run.log.lines), "gradient_norm": run.monitor.summary()}
    try:
        write_manifest(run.plan.output, run.manifest)
    except AfgError:
        return
