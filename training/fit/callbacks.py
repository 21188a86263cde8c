"""The trainer's callback: metrics, gradient monitor, progress and sealed checkpoints.

Import this only after :func:`training.fit.unsloth_model.import_unsloth`.
"""

import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from dataset_tools.errors import TrainingError
from training.fit.checkpoints import seal
from training.fit.gradient_monitor import LOWER_RATE, GradientMonitor
from training.fit.metrics_log import MetricsLog

__all__ = ["StepRecorder", "peak_memory_gib"]

_GIB = 2**30


class StepRecorder(TrainerCallback):
    """Callback that writes each step to ``metrics.jsonl``, watches the gradient norm and seals checkpoints.

    Args:
        log: the open ``metrics.jsonl``.
        monitor: the gradient monitor, which has seen the lines in the log.
        steps: the number of steps in the plan.
        on_step: called with each line.
        warn: called with each warning.
    """

    def __init__(
        self,
        log: MetricsLog,
        monitor: GradientMonitor,
        steps: int,
        *,
        on_step: Callable[[Mapping[str, Any]], None],
        warn: Callable[[str], None],
    ) -> None:
        self._log = log
        self._monitor = monitor
        self._steps = steps
        self._on_step = on_step
        self._warn = warn
        self._started = time.monotonic()
        self._tokens = 0

    def count_tokens_of(self, trainer: Any) -> None:  # noqa: ANN401 - TRL's trainer as Unsloth has patched it
        """Count the tokens of each training batch, without padding."""
        compute = trainer.training_step

        def training_step(model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:  # noqa: ANN401
            self._tokens += int(inputs["attention_mask"].sum())
            return compute(model, inputs, *rest, **named)

        trainer.training_step = training_step

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Compare the trainer's number of steps with the plan's.

        Raises:
            AssertionError: they differ; a defect, never a user's mistake.
        """
        del args, control
        if state.max_steps != self._steps:
            raise AssertionError(f"the trainer makes {state.max_steps} steps, the plan has {self._steps}")

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Measure the validation loss after the last step, too."""
        if state.global_step == self._steps and args.eval_strategy != "no":
            control.should_evaluate = True

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Start the clock of a step."""
        del args, state, control
        self._started = time.monotonic()
        self._tokens = 0

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """Record a step, or a validation loss.

        Raises:
            TrainingError: too many consecutive gradient norms were NaN or infinite.
        """
        del args
        found = logs or {}
        if "eval_loss" in found:
            self._log.write({"step": state.global_step, "validation_loss": found["eval_loss"]})
        if "grad_norm" not in found:
            return
        seconds = time.monotonic() - self._started
        line = {
            "step": state.global_step,
            "epoch": round(state.epoch or 0.0, 6),
            "loss": found["loss"],
            "learning_rate": found["learning_rate"],
            "gradient_norm": found["grad_norm"],
            "tokens": self._tokens,
            "seconds": round(seconds, 6),
            "tokens_per_second": round(self._tokens / max(seconds, 1e-9), 1),
            "memory_gib": round(peak_memory_gib(), 3),
        }
        self._log.write(line)
        self._on_step(line)
        if warning := self._monitor.observe(state.global_step, found["grad_norm"]):
            self._warn(warning)
        if not self._monitor.healthy:
            control.should_save = False  # keep the last good checkpoint
        if self._monitor.lost:
            what = f"the gradient norm was NaN or infinite for the last {len(self._monitor.not_finite)} steps"
            raise TrainingError(what, hint=LOWER_RATE)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Seal the new checkpoint."""
        del control
        seal(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")


def peak_memory_gib() -> float:
    """Return the peak memory in GiB: of the GPU if there is one, else of the process."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_reserved()) / _GIB
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _GIB
