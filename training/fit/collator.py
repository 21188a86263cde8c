"""Batches checked against the dataset: every row must have the ids and labels of a built sample."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dataset_tools.samples.masking import IGNORED
from dataset_tools.samples.reader import sample_digest

if TYPE_CHECKING:
    import torch

__all__ = ["CheckedCollator"]


class CheckedCollator:
    """A collator that pads rows to a batch and then checks each row of the batch.

    Args:
        collate: TRL's own collator.
        known: the digests of all samples.
    """

    def __init__(
        self, collate: Callable[[Sequence[dict[str, Any]]], "dict[str, torch.Tensor]"], known: frozenset[bytes]
    ) -> None:
        self._collate = collate
        self._known = known

    def __call__(self, rows: Sequence[dict[str, Any]]) -> "dict[str, torch.Tensor]":
        """Return the batch: ids, labels and attention mask, each of shape [rows, tokens].

        Raises:
            AssertionError: a row of the batch is not a built sample; a defect, never a user's mistake.
        """
        batch = self._collate(rows)
        ids, labels, attended = (batch[name].numpy() for name in ("input_ids", "labels", "attention_mask"))
        if len(ids) != len(rows):
            raise AssertionError(f"{len(rows)} rows became a batch of {len(ids)}")
        for row in range(len(rows)):
            real = attended[row] == 1
            if sample_digest(ids[row][real], labels[row][real]) not in self._known:
                raise AssertionError("a batch has a row whose ids or labels differ from the built samples")
            if (labels[row][~real] != IGNORED).any():
                raise AssertionError("a batch trains on padding")
        return batch
