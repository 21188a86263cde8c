"""How many steps a run has, and the learning rate of each: pure functions, which the trainer is held to.

A step is one update of the adapter. The rate of a step depends on how many were made before it, so the first is made
with a rate of 0: it moves nothing, and gives Adam its first look at the gradients.
"""

import math

__all__ = ["learning_rate", "steps_per_epoch", "total_steps"]


def steps_per_epoch(rows: int, batch: int, accumulation: int) -> int:
    """Steps in which every row is seen once; the last batch and the last step may hold fewer rows."""
    return math.ceil(math.ceil(rows / batch) / accumulation)


def total_steps(rows: int, batch: int, accumulation: int, epochs: int) -> int:
    """Steps of a whole run."""
    return epochs * steps_per_epoch(rows, batch, accumulation)


def learning_rate(done: int, *, total: int, warmup: int, peak: float, final: float) -> float:
    """The learning rate of the step that follows ``done`` steps of a run of ``total``.

    It grows in a straight line from 0 to ``peak`` over ``warmup`` steps, then falls along half a cosine to ``final``.
    """
    if done < warmup:
        return peak * done / warmup
    progress = min((done - warmup) / max(total - warmup, 1), 1.0)
    return final + (peak - final) * (1 + math.cos(math.pi * progress)) / 2
