"""Score of a model on generated records that it was not trained on.

One pass with the right tokens as input is enough: if the model predicts each of them, greedy decoding gives the same
calls.
"""

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dataset_tools.samples.tokenizer import load_tokenizer
from tools.tiny.pretraining.batches import Batch, BatchPlan, encoded, records
from tools.tiny.vocabulary import VOCABULARY_SIZE
from training.tiny import tokenizer_path

if TYPE_CHECKING:
    import torch

__all__ = ["Score", "exam", "examine"]

_SHARD = -1
_MESSAGES = 3  # developer, user, calls


class Score(NamedTuple):
    """Shares of the rows.

    Attributes:
        name: rows whose first call has the right name.
        exact: rows whose calls are exactly right.
    """

    name: float
    exact: float


def exam(plan: BatchPlan, rows: int) -> Batch:
    """Return up to ``rows`` records with one request and its calls, out of ten times as many."""
    found = [row for row in records(plan.seed, _SHARD, 10 * rows) if len(row["messages"]) == _MESSAGES]
    made = encoded([row for row in found if "tool_calls" in row["messages"][-1]], plan.length)
    # Rows whose call is cut off are left out.
    whole = np.flatnonzero(made.trained.any(axis=1))[:rows]
    return Batch(made.input_ids[whole], made.trained[whole])


def examine(model: "torch.nn.Module", questions: Batch, device: str, size: int = 64) -> Score:
    """Score a model.

    Args:
        model: gives logits for ids, as transformers' models do.
        questions: from :func:`exam`.
        device: where the model is.
        size: rows of a batch.
    """
    import torch

    names = exact = 0
    count = len(questions.input_ids)
    for start in range(0, count, size):
        ids, trained = (part[start : start + size] for part in questions)
        # Padding is at the end, so a causal mask is enough.
        seen = {"full_attention": None, "sliding_attention": None}
        with torch.no_grad(), torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
            shown = torch.from_numpy(ids.astype(np.int64)).to(device)
            logits = model(input_ids=shown, attention_mask=seen, use_cache=False).logits
        right = logits[:, :-1].argmax(-1).cpu().numpy() == ids[:, 1:]
        wanted = trained[:, 1:]
        # The name ends where the first arguments begin.
        named = wanted & (np.cumsum(wanted & np.isin(ids[:, 1:], _openings()), axis=1) == 0)
        names += int((right | ~named).all(axis=1).sum())
        exact += int((right | ~wanted).all(axis=1).sum())
    return Score(round(names / count, 4), round(exact / count, 4))


@cache
def _openings() -> np.ndarray:
    tokenizer = load_tokenizer(tokenizer_path())
    return np.array([place for place in range(VOCABULARY_SIZE) if "{" in (tokenizer.id_to_token(place) or "")])
