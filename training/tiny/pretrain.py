"""Makes the tiny base model: ``python -m training.tiny.pretrain OUT [--steps N] [--device cuda]``.

The whole of it is generated: :mod:`training.tiny.pretraining` composes the text, and the model is trained on what
:mod:`dataset_tools.masking` marks, as in fine-tuning. A graphics card does it in minutes; a few steps on a processor
show that it runs. OUT receives ``base/``, and ``pretrain.jsonl``: the settings, then the progress.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.tiny.pretraining.architecture import ARCHITECTURE, new_model, save
from training.tiny.pretraining.batches import Batch, Plan, batches
from training.tiny.pretraining.examination import exam, examine

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
        lengths: rows are padded to one of these; longer ones are left out.
        tokens: tokens of a batch, padding included.
        peak: the highest learning rate, reached by a linear warmup and left by a cosine to zero.
        warmup: how many steps that takes.
        weight_decay: of matrices; embeddings and norms have none.
        clip: the largest norm of a gradient.
        exam_rows: generated rows that are never trained on and measure the progress.
        every: steps between two lines of the log.
    """

    seed: int = 2025
    steps: int = 16_000
    lengths: tuple[int, ...] = (640, 1024)
    tokens: int = 65_536
    peak: float = 3e-3
    warmup: int = 400
    weight_decay: float = 0.05
    clip: float = 1.0
    exam_rows: int = 512
    every: int = 500


def pretrain(out: Path, settings: Settings, *, device: str, workers: int, save_every: int = 2000) -> None:
    """Train a new model and write it, with its settings and its log.

    Args:
        out: the folder that receives both.
        settings: what to do.
        device: ``cuda``, or ``cpu`` for a trial.
        workers: processes that make the text.
        save_every: steps between two copies of the unfinished model.
    """
    plan = Plan(settings.seed, settings.lengths, settings.tokens, shard_rows=2048 if device == "cuda" else 256)
    questions = exam(plan, settings.exam_rows)
    model = new_model(settings.seed).to(device)
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with (out / "pretrain.jsonl").open("w", encoding="utf-8") as log:
        _tell(log, {"settings": asdict(settings), "architecture": ARCHITECTURE, "parameters": model.num_parameters()})
        rows = tokens = 0
        for step, batch, loss in _steps(model, settings, islice(batches(plan, workers), settings.steps), device):
            rows, tokens = rows + len(batch.input_ids), tokens + int((batch.input_ids > 0).sum())
            if step % settings.every == 0 or step == settings.steps:
                score = examine(model, questions, device)
                seen = {"step": step, "rows": rows, "tokens": tokens, "seconds": round(time.monotonic() - started)}
                _tell(log, {**seen, "loss": round(float(loss), 4), "name": score.name, "exact": score.exact})
            if step % save_every == 0:
                save(model, out / "base")
    save(model, out / "base")


def learning_rate(settings: Settings, step: int) -> float:
    """The learning rate of a step; the first is 1."""
    if step <= settings.warmup:
        return settings.peak * step / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.peak * 0.5 * (1 + math.cos(math.pi * done))


def _steps(
    model: "Gemma3ForCausalLM", settings: Settings, text: Iterator[Batch], device: str
) -> Iterator[tuple[int, Batch, "torch.Tensor"]]:
    """Train, a step for each batch; gives its number and its loss."""
    import torch  # noqa: PLC0415 - takes seconds

    torch.set_float32_matmul_precision("high")
    body = torch.compile(model.model, dynamic=False) if device == "cuda" else model.model
    optimizer = _optimizer(model, settings)
    masks = {length: _masks(length, device) for length in settings.lengths}
    for step, batch in enumerate(text, start=1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(settings, step)
        ids = torch.from_numpy(batch.input_ids.astype("int64")).to(device, non_blocking=True)
        # Logits are made for the trained places alone, which are few; each is foretold at the place before it.
        rows, places = (torch.from_numpy(found).to(device) for found in batch.trained[:, 1:].nonzero())
        with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
            hidden = body(input_ids=ids, attention_mask=masks[ids.shape[1]], use_cache=False).last_hidden_state
            logits = model.lm_head(hidden[rows, places])
        loss = torch.nn.functional.cross_entropy(logits.float(), ids[rows, places + 1])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield step, batch, loss.detach()


def _optimizer(model: "Gemma3ForCausalLM", settings: Settings) -> "torch.optim.Optimizer":
    import torch  # noqa: PLC0415 - takes seconds

    embeddings = model.get_input_embeddings().weight
    matrices = [weight for weight in model.parameters() if weight.ndim > 1 and weight is not embeddings]
    others = [weight for weight in model.parameters() if weight.ndim == 1 or weight is embeddings]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.peak, betas=(0.9, 0.98), fused=embeddings.is_cuda)


def _masks(length: int, device: str) -> dict[str, Any]:
    """What each kind of layer sees. Rows are padded behind their end, so nothing looks at padding but padding."""
    import torch  # noqa: PLC0415 - takes seconds

    place = torch.arange(length, device=device)
    distance = place[:, None] - place[None, :]
    near = (distance >= 0) & (distance < ARCHITECTURE["sliding_window"])
    # None is a causal mask that costs no memory.
    return {"full_attention": None, "sliding_attention": near[None, None]}


def _tell(log: Any, line: dict[str, Any]) -> None:  # noqa: ANN401 - an open file
    text = json.dumps(line)
    log.write(text + "\n")
    log.flush()
    print(text, flush=True)  # noqa: T201 - this is a script, and its log is what it shows


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description="Pre-train the tiny base model on generated text.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--every", type=int, default=Settings.every)
    parser.add_argument("--tokens", type=int, default=Settings.tokens)
    parser.add_argument("--exam-rows", type=int, default=Settings.exam_rows)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--workers", type=int, default=14)
    chosen = parser.parse_args()
    settings = Settings(steps=chosen.steps, every=chosen.every, tokens=chosen.tokens, exam_rows=chosen.exam_rows)
    pretrain(chosen.out, settings, device=chosen.device, workers=chosen.workers)


if __name__ == "__main__":
    main()
