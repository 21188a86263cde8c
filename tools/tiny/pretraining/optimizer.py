"""Optimizer of pre-training: Muon for the layers' matrices, AdamW for embeddings and norms.

Muon replaces the momentum of a matrix by the nearest orthogonal matrix, so that all directions are learned equally
fast. At this size it needs about half of AdamW's tokens for the same loss.
"""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

__all__ = ["Optimizer"]

_MOMENTUM = 0.95
# Coefficients of the polynomial that brings singular values near 1, and the number of its applications.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5
# Updates are scaled to the size of AdamW's, so that both use the same learning rate.
_ADAMW_SIZE = 0.2


class Optimizer:
    """Muon and AdamW with one ``step``."""

    def __init__(self, model: "PreTrainedModel", *, weight_decay: float) -> None:
        """Optimize all weights of ``model``; ``weight_decay`` applies to the layers' matrices."""
        import torch

        embeddings: Any = model.get_input_embeddings().weight
        rest = [weight for weight in model.parameters() if weight.ndim == 1 or weight is embeddings]
        self._adamw = torch.optim.AdamW(rest, lr=0.0, betas=(0.9, 0.98), weight_decay=0.0, fused=embeddings.is_cuda)
        self._decay = weight_decay
        # Matrices of the same shape are updated together, for speed.
        shapes: dict[tuple[int, ...], list[Any]] = defaultdict(list)
        for weight in model.parameters():
            if weight.ndim > 1 and weight is not embeddings:
                shapes[tuple(weight.shape)].append(weight)
        self._groups = [(group, torch.zeros_like(torch.stack(list(group)))) for group in shapes.values()]

    def step(self, rate: float) -> None:
        """Update all weights and clear the gradients."""
        import torch

        self._adamw.param_groups[0]["lr"] = rate
        self._adamw.step()
        self._adamw.zero_grad(set_to_none=True)
        with torch.no_grad():
            for weights, momentum in self._groups:
                gradients = torch.stack([weight.grad for weight in weights])
                momentum.lerp_(gradients, 1 - _MOMENTUM)
                size = _ADAMW_SIZE * max(momentum.shape[1:]) ** 0.5
                updates = _orthogonal(gradients.lerp(momentum, _MOMENTUM)).to(momentum.dtype).unbind()
                torch._foreach_mul_(weights, 1 - rate * self._decay)
                torch._foreach_add_(weights, updates, alpha=-rate * size)
                for weight in weights:
                    weight.grad = None


def _orthogonal(matrices: "torch.Tensor") -> "torch.Tensor":
    """Bring the singular values of each matrix near 1, by the Newton-Schulz iteration."""
    tall = matrices.shape[1] > matrices.shape[2]
    found: torch.Tensor = (matrices.mT if tall else matrices).bfloat16()
    found = found / (found.norm(dim=(1, 2), keepdim=True) + 1e-7)
    first, third, fifth = _QUINTIC
    for _ in range(_ROUNDS):
        square = found @ found.mT
        found = first * found + (third * square + fifth * square @ square) @ found
    return found.mT if tall else found
