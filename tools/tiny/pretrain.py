"""Makes the tiny base model: ``python -m tools.tiny.pretrain OUT [--seconds N | --steps N] [--device cuda]``.

The whole of it is generated: :mod:`tools.tiny.pretraining` composes the text. The model learns to produce what
:mod:`dataset_tools.samples.masking` marks, as in fine-tuning, and in a small part the rest of the text too, which
shows it names and values again and again. A GPU does it in minutes; a few steps on a CPU show that it runs.
OUT receives ``base/``, and ``pretrain.jsonl``: the settings, then the progress.
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
from tools.tiny.pretraining.batches import Batch, Plan, batches
from tools.tiny.pretraining.examination import exam, examine
from tools.tiny.pretraining.optimizer import Optimizer

if TYPE_CHECKING:
    import torch
    from transformers import Gemma3ForCausalLM

__all__ = ["Settings", "learning_rate", "pretrain"]


@dataclass(frozen=True)
class Settings:
    """Everything that decides what comes out, but for the rounding of the hardware.

    Attributes:
        seed: of the text and of the first weights.
        steps: how many batches are trained on.
        seconds: instead of ``steps``, how long; the learning rate then follows the clock.
        length: tokens of a row.
        rows: rows of a batch.
        peak: the highest learning rate.
        warmup: how many steps lead up to it.
        decay: the last part of the training, in which it falls to zero.
        weight_decay: of matrices; embeddings and norms have none.
        clip: the largest norm of a gradient.
        reading: the weight of a token that is only read, beside 1 for one that is produced.
        exam_rows: generated rows that are never trained on and measure the progress.
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
        out: the folder that receives both.
        settings: what to do.
        device: ``cuda``, or ``cpu`` for a trial.
        workers: processes that make the text.
        save_every: seconds between two copies of the unfinished model.
    """
    plan = Plan(settings.seed, settings.length, settings.rows, shard_rows=8 * settings.rows)
    made = batches(plan, workers)
    # The workers begin here, while the rest is prepared.
    text = chain([next(made)], made)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "pretrain.jsonl").open("w", encoding="utf-8") as log:
        model: Any = new_model(settings.seed)
        model.to(device)
        _tell(log, {"settings": asdict(settings), "architecture": ARCHITECTURE, "parameters": model.num_parameters()})
        questions = exam(plan, settings.exam_rows)
        tokens = 0
        saved = time.monotonic()
        for seen, batch, loss in _steps(model, settings, text, device):
            tokens += int((batch.input_ids > 0).sum())
            if seen["step"] % settings.every == 0 or seen["done"] >= 1:
                score = examine(model, questions, device)
                _tell(log, {**seen, "tokens": tokens, "loss": round(float(loss), 4), **score._asdict()})
            if time.monotonic() - saved > save_every:
                save(model, out / "base")
                saved = time.monotonic()
        save(model, out / "base")


def learning_rate(settings: Settings, step: int, done: float) -> float:
    """The learning rate of a step; the first is 1, and ``done`` is the part of the training that lies behind it."""
    return settings.peak * min(1.0, step / settings.warmup, (1 - done) / settings.decay)


def _steps(
    model: "Gemma3ForCausalLM", settings: Settings, text: Iterator[Batch], device: str
) -> Iterator[tuple[dict[str, Any], Batch, "torch.Tensor"]]:
    """Train, a step for each batch; gives where it stands, and its loss."""
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
    """What is made smaller: the weighted mean of each token's cross-entropy."""
    import torch

    # No row is longer than the window and padding stands behind its end, so every layer's mask is causal and no more;
    # None says that, and costs no memory.
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


def _tell(log: Any, line: dict[str, Any]) -> None:  # noqa: ANN401 - an open file
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
