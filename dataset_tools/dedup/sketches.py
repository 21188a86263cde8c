"""Many texts compared with one another: most pairs of one template are told apart by sketches, the others exactly.

A sketch has a bit for each shingle of a text, and some shingles share a bit. A bit that only one of two texts has
stands for at least one shingle that the other lacks. So two sketches say how alike their texts are at most, and only
where that is enough are the texts themselves compared.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dataset_tools.dedup.minhash import SHINGLE, likeness, shingle_hashes

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Texts", "sketches"]

_WORDS = 8  # of 64 bits: few shingles of a question share a bit
_BATCH = 512
_FEW = 3  # texts that are compared sooner than their sketches are


def sketches(texts: Sequence[str]) -> "np.ndarray":
    """The sketch of each text: a row of numbers of 64 bits."""
    import numpy as np

    found = np.empty((len(texts), _WORDS), dtype=np.uint64)
    for start in range(0, len(texts), _BATCH):
        values, starts = shingle_hashes(texts[start : start + _BATCH])
        words = (values >> np.uint64(32)) % np.uint64(_WORDS)
        bits = np.uint64(1) << (values >> np.uint64(58))
        for word in range(_WORDS):
            inside = np.where(words == word, bits, np.uint64(0))
            found[start : start + _BATCH, word] = np.bitwise_or.reduceat(inside, starts)
    return found


class Texts:
    """Texts to compare, and how alike two of them must be.

    Args:
        texts: the texts.
        drawn: what :func:`sketches` gave for them.
        threshold: the likeness from which on two texts are alike.
    """

    def __init__(self, texts: Sequence[str], drawn: "np.ndarray", threshold: float) -> None:
        import numpy as np

        self._texts = texts
        self._sketches = drawn
        self._threshold = threshold
        self._bits = np.bitwise_count(drawn).sum(axis=1, dtype=np.int32)
        # A text has so many shingles at most: some may be the same.
        self._sizes = np.fromiter((max(1, len(text) - SHINGLE + 1) for text in texts), np.int32, len(texts))

    def alike(self, one: int, others: Sequence[int]) -> Iterator[tuple[int, float]]:
        """Those of ``others`` that are like a text, in their order: where each stands among them, and its likeness."""
        for at in range(len(others)) if len(others) < _FEW else self._perhaps(one, others):
            share = likeness(self._texts[one], self._texts[others[at]])
            if share >= self._threshold:
                yield at, share

    def _perhaps(self, one: int, others: Sequence[int]) -> list[int]:
        """Return the positions of texts that may be similar."""
        import numpy as np

        places = np.asarray(others)
        common = np.bitwise_count(self._sketches[places] & self._sketches[one]).sum(axis=1, dtype=np.int32)
        mine, theirs = self._bits[one], self._bits[places]
        shared = np.minimum(self._sizes[one] - mine, self._sizes[places] - theirs) + common  # at most
        found: list[int] = np.flatnonzero(shared / (mine + theirs - common) >= self._threshold).tolist()
        return found
