"""Maker of the tiny base model: ``python -m tools.tiny.pretrain OUT [--seconds N | --steps N] [--device cuda]``.

:mod:`tools.tiny.pretraining` generates all of the text. The loss covers the tokens that
:mod:`dataset_tools.samples.masking` marks, as in fine-tuning, and with a small weight all others, which repeat names
and values. A GPU needs minutes; a few steps on a CPU test the script. OUT receives ``base/`` and ``pretrain.jsonl``:
settings, then progress.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.tiny.pretraining.architecture import ARCHITECTURE, new_model, save
from tools.tiny.pretraining.batches import Batch, BatchPlan, batches
from tools.tiny.pretraining.examination import exam, examine
from tools.tiny.pretraining.optimizer import Optimizer

if TYPE_CHECKING:
    import torch
    from transformers import Gemma3ForCausalLM

__all__ = ["Settings", "learning_rate", "pretrain"]


@dataclass(frozen=True)
class Settings:
    """Settings of pre-training; they decide the result up to rounding.

    Attributes:
        seed: seed of the text and of the first weights.
        steps: number of batches.
        seconds: duration instead of ``steps``; the learning rate then follows the clock.
        length: tokens of a row.
        rows: rows of a batch.
        peak: highest learning rate.
        warmup: steps up to the peak.
        decay: share of the training at its end in which the learning rate falls to zero.
        weight_decay: weight decay of matrices; embeddings and norms have none.
        clip: largest norm of the gradient.
        reading: weight of a token that is not trained in fine-tuning; the others have 1.
        exam_rows: generated rows for measuring, never trained on.
        every: steps between two lines of the log.
    """

    seed: int = 2025
    steps: int = 10_000
    seconds: float = 0.0
    length: int = 1024
    rows: int = 64
    peak: float = 3e-3
    warmup: int = 200
    decay: float = 0.6
    weight_decay: float = 0.05
    clip: float = 1.0
    reading: float = 0.1
    exam_rows: int = 256
    every: int = 500


def pretrain(out: Path, settings: Settings, *, device: str, workers: int, save_every: float = 100.0) -> None:
    """Train a new model and write it, with its settings and its log.

    Args:
        out: the output folder.
        settings: the settings.
        device: ``cuda``, or ``cpu`` for a test.
        workers: processes that generate text.
        save_every: seconds between two saves of the unfinished model.
    """
    plan = BatchPlan(settings.seed, settings.length, settings.rows, shard_rows=8 * settings.rows)
    made = batches(plan, workers)
    # Starts the workers while the rest is prepared.
    text = chain([next(made)], made)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "pretrain.jsonl").open("w", encoding="utf-8") as log:
        model: Any = new_model(settings.seed)
        model.to(device)
        _write(log, {"settings": asdict(settings), "architecture": ARCHITECTURE, "parameters": model.num_parameters()})
        questions = exam(plan, settings.exam_rows)
        tokens = 0
        saved = time.monotonic()
        for seen, batch, loss in _steps(model, settings, text, device):
            tokens += int((batch.input_ids > 0).sum())
            if seen["step"] % settings.every == 0 or seen["done"] >= 1:
                score = examine(model, questions, device)
                _write(log, {**seen, "tokens": tokens, "loss": round(float(loss), 4), **score._asdict()})
            if time.monotonic() - saved > save_every:
                save(model, out / "base")
                saved = time.monotonic()
        save(model, out / "base")


def learning_rate(settings: Settings, step: int, done: float) -> float:
    """Return the learning rate of a step, counted from 1; ``done`` is the finished share of the training."""
    return settings.peak * min(1.0, step / settings.warmup, (1 - done) / settings.decay)


def _steps(
    model: "Gemma3ForCausalLM", settings: Settings, text: Iterator[Batch], device: str
) -> Iterator[tuple[dict[str, Any], Batch, "torch.Tensor"]]:
    """Train on one batch after another; yield progress, batch and loss."""
    import torch

    torch.set_float32_matmul_precision("high")
    loss_of = _loss(model, settings, device)
    optimizer = Optimizer(model, weight_decay=settings.weight_decay)
    started = time.monotonic()
    done, step = 0.0, 0
    while done < 1:
        step += 1
        batch = next(text)
        ids, trained = (torch.from_numpy(part.astype("int64")).to(device, non_blocking=True) for part in batch)
        loss: Any = loss_of(ids, trained)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        optimizer.step(learning_rate(settings, step, done))
        seconds = time.monotonic() - started
        done = seconds / settings.seconds if settings.seconds else step / settings.steps
        yield {"step": step, "done": round(done, 4), "seconds": round(seconds)}, batch, loss.detach()


def _loss(
    model: "Gemma3ForCausalLM", settings: Settings, device: str
) -> Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]:
    """Return the loss: the weighted mean of the tokens' cross-entropy."""
    import torch

    # No row is longer than the window, and padding is at its end, so a causal mask (None) is enough.
    seen = {"full_attention": None, "sliding_attention": None}

    def loss_of(ids: "torch.Tensor", trained: "torch.Tensor") -> "torch.Tensor":
        with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
            hidden = model.model(input_ids=ids, attention_mask=seen, use_cache=False).last_hidden_state
            logits = model.lm_head(hidden[:, :-1])
        wanted = ids[:, 1:]
        weights = torch.where(trained[:, 1:] > 0, 1.0, settings.reading) * (wanted > 0)
        found = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), wanted.flatten(), reduction="none")
        return (found * weights.flatten()).sum() / weights.sum()

    return torch.compile(loss_of, dynamic=False) if device == "cuda" else loss_of


def _write(log: Any, line: dict[str, Any]) -> None:  # noqa: ANN401 - an open file
    text = json.dumps(line)
    log.write(text + "\n")
    log.flush()
    print(text, flush=True)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description="Pre-train the tiny base model on generated text.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--seconds", type=float, default=Settings.seconds)
    parser.add_argument("--rows", type=int, default=Settings.rows)
    parser.add_argument("--peak", type=float, default=Settings.peak)
    parser.add_argument("--every", type=int, default=Settings.every)
    parser.add_argument("--exam-rows", type=int, default=Settings.exam_rows)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--workers", type=int, default=14)
    chosen = parser.parse_args()
    names = ("steps", "seconds", "rows", "peak", "every", "exam_rows")
    settings = Settings(**{name: getattr(chosen, name) for name in names})
    pretrain(chosen.out, settings, device=chosen.device, workers=chosen.workers)


if __name__ == "__main__":
    main()
