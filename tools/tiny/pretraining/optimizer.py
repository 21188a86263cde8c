"""The optimizer of pre-training: Muon for the layers' matrices, AdamW for embeddings and norms.

Muon moves a matrix in the direction of the orthogonal matrix that is nearest to its momentum, so that all directions
are learned equally fast. For models of this size it takes about half of AdamW's tokens to the same loss.
"""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

__all__ = ["Optimizer"]

_MOMENTUM = 0.95
# Coefficients of a polynomial whose repeated application brings every singular value near 1, and how often.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5
# An update is scaled to the size that AdamW's have, so that one learning rate serves both.
_ADAMW_SIZE = 0.2


class Optimizer:
    """Both, behind one ``step``."""

    def __init__(self, model: "PreTrainedModel", *, weight_decay: float) -> None:
        """An optimizer of all of ``model``'s weights; ``weight_decay`` is for the layers' matrices."""
        import torch

        embeddings: Any = model.get_input_embeddings().weight
        rest = [weight for weight in model.parameters() if weight.ndim == 1 or weight is embeddings]
        self._adamw = torch.optim.AdamW(rest, lr=0.0, betas=(0.9, 0.98), weight_decay=0.0, fused=embeddings.is_cuda)
        self._decay = weight_decay
        # Matrices of one shape are worked on together, which is what makes this fast.
        shapes: dict[tuple[int, ...], list[Any]] = defaultdict(list)
        for weight in model.parameters():
            if weight.ndim > 1 and weight is not embeddings:
                shapes[tuple(weight.shape)].append(weight)
        self._groups = [(group, torch.zeros_like(torch.stack(list(group)))) for group in shapes.values()]

    def step(self, rate: float) -> None:
        """Move every weight along its gradient, and forget the gradients."""
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
    """Each matrix with its singular values brought near 1, by Newton and Schulz's iteration."""
    tall = matrices.shape[1] > matrices.shape[2]
    found: torch.Tensor = (matrices.mT if tall else matrices).bfloat16()
    found = found / (found.norm(dim=(1, 2), keepdim=True) + 1e-7)
    first, third, fifth = _QUINTIC
    for _ in range(_ROUNDS):
        square = found @ found.mT
        found = first * found + (third * square + fifth * square @ square) @ found
    return found.mT if tall else found
