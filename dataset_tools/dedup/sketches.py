"""Sketches of texts: an upper bound of the Jaccard similarity that avoids most exact comparisons.

A sketch has one bit per shingle; some shingles share a bit. A bit set for only one of two texts proves a shingle that
the other lacks. Texts are compared exactly only if the bound reaches the threshold.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dataset_tools.dedup.minhash import SHINGLE, shingle_hashes, similarity

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Texts", "sketches"]

_WORDS = 8  # of 64 bits: few shingles of one question share a bit
_BATCH = 512
_FEW = 3  # below this number of texts, exact comparison is faster than sketches


def sketches(texts: Sequence[str]) -> "np.ndarray":
    """Return the sketches, shape (texts, words), uint64."""
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
    """Texts with their sketches, and the similarity threshold.

    Args:
        texts: the texts.
        drawn: the result of :func:`sketches`.
        threshold: lowest Jaccard similarity of similar texts.
    """

    def __init__(self, texts: Sequence[str], drawn: "np.ndarray", threshold: float) -> None:
        import numpy as np

        self._texts = texts
        self._sketches = drawn
        self._threshold = threshold
        self._bits = np.bitwise_count(drawn).sum(axis=1, dtype=np.int32)
        # Upper bounds, because shingles may repeat in a text.
        self._sizes = np.fromiter((max(1, len(text) - SHINGLE + 1) for text in texts), np.int32, len(texts))

    def alike(self, one: int, others: Sequence[int]) -> Iterator[tuple[int, float]]:
        """Yield the index in ``others`` and the similarity of each text similar to ``one``, in order."""
        for at in range(len(others)) if len(others) < _FEW else self._perhaps(one, others):
            share = similarity(self._texts[one], self._texts[others[at]])
            if share >= self._threshold:
                yield at, share

    def _perhaps(self, one: int, others: Sequence[int]) -> list[int]:
        """Return the positions of texts that may be similar."""
        import numpy as np

        places = np.asarray(others)
        common = np.bitwise_count(self._sketches[places] & self._sketches[one]).sum(axis=1, dtype=np.int32)
        mine, theirs = self._bits[one], self._bits[places]
        shared = np.minimum(self._sizes[one] - mine, self._sizes[places] - theirs) + common  # upper bound
        found: list[int] = np.flatnonzero(shared / (mine + theirs - common) >= self._threshold).tolist()
        return found
