"""Batches, held against the dataset: whatever pads or shuffles, ids and labels stay those that were built."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dataset_tools.samples.masking import IGNORED
from dataset_tools.samples.reader import sample_digest

if TYPE_CHECKING:
    import torch

__all__ = ["CheckedCollator"]


class CheckedCollator:
    """Pads rows to a batch, then recognises every row of the batch as one of the dataset, label by label.

    Args:
        collate: makes a batch of rows; TRL's own collator.
        known: the digests of all rows that may come.
    """

    def __init__(
        self, collate: Callable[[Sequence[dict[str, Any]]], "dict[str, torch.Tensor]"], known: frozenset[bytes]
    ) -> None:
        self._collate = collate
        self._known = known

    def __call__(self, rows: Sequence[dict[str, Any]]) -> "dict[str, torch.Tensor]":
        """The batch of ``rows``.

        Raises:
            AssertionError: a row of the batch is not one that was built; a defect, never a user's mistake.
        """
        batch = self._collate(rows)
        ids, labels, attended = (batch[name].numpy() for name in ("input_ids", "labels", "attention_mask"))
        if len(ids) != len(rows):
            raise AssertionError(f"{len(rows)} rows became a batch of {len(ids)}")
        for row in range(len(rows)):
            real = attended[row] == 1
            if sample_digest(ids[row][real], labels[row][real]) not in self._known:
                raise AssertionError("a batch holds a row whose ids or labels are not those that were built")
            if (labels[row][~real] != IGNORED).any():
                raise AssertionError("a batch trains on padding")
        return batch
