"""Search for similar texts: MinHash with banding over shingles, and the exact Jaccard similarity.

A shingle is a run of four characters. Texts that share a band of their MinHash signatures are candidates, which are
then compared exactly, so there are no false positives. A pair at the threshold is missed with a probability below one
in ten thousand, a closer pair with less.

The signatures are computed here: numpy on batches is faster than the measured libraries (``benchmarks/README.md``),
and the hashes do not change with a library's version.

A sketch has one bit per shingle; some shingles share a bit. A bit set for only one of two texts proves a shingle that
the other lacks, so sketches bound the similarity and avoid most exact comparisons.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from dataset_tools.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "SHINGLE", "Bands", "Buckets", "Texts", "band_hashes", "bands_for", "shingle_hashes", "shingles", "similarity",
    "sketches",
]  # fmt: skip

SHINGLE = 4
"""Characters per shingle: fewer make different questions similar, more give one letter too much weight."""

LEAST = 0.3
"""Lowest threshold; below it nearly every pair shares a band."""

_HASHES = 128
_MISSED = 1e-4
_SEED = 20_261_125
_FACTOR = 0x9E3779B97F4A7C15
_BATCH = 512  # texts hashed at once: a balance of speed and memory

_WORDS = 8  # of 64 bits: few shingles of one question share a bit
_FEW = 3  # below this number of texts, exact comparison is faster than sketches


class Bands(NamedTuple):
    """Number of bands in a signature, and hashes per band; texts with an equal band are compared."""

    number: int
    width: int


@lru_cache
def bands_for(threshold: float) -> Bands:
    """Return the widest bands, which yield the fewest candidates, that almost never miss a pair at the threshold.

    Raises:
        UsageError: the threshold is out of range.
    """
    if not LEAST <= threshold <= 1:
        raise UsageError(f"the similarity {threshold:g} is out of range", hint=f"from {LEAST} to 1, where 1 is equal")
    for width in range(_HASHES, 1, -1):
        number = _HASHES // width
        if (1 - threshold**width) ** number <= _MISSED:
            return Bands(number, width)
    return Bands(_HASHES, 1)


def shingles(key: str) -> frozenset[str]:
    """Return the shingles of a text; a text shorter than four characters is its only shingle."""
    return frozenset([key[at : at + SHINGLE] for at in range(max(1, len(key) - SHINGLE + 1))])


def similarity(first: str, second: str) -> float:
    """Return the Jaccard similarity of the shingles of two texts: 1 for equal sets, 0 for disjoint ones."""
    one, other = _remembered(first), _remembered(second)
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def band_hashes(keys: Sequence[str], bands: Bands) -> "np.ndarray":
    """Return the band hashes, shape (texts, bands); texts with an equal hash in one column are candidates."""
    import numpy as np

    hashes = np.empty((len(keys), bands.number), dtype=np.uint64)
    for start in range(0, len(keys), _BATCH):
        hashes[start : start + _BATCH] = _band_hashes(keys[start : start + _BATCH], bands)
    return hashes


class Buckets:
    """Buckets of texts that share a band.

    Args:
        hashes: the result of :func:`band_hashes`.
    """

    def __init__(self, hashes: "np.ndarray") -> None:
        import numpy as np

        # Keeps shared bands only, because most are not shared. Sorts one band at a time to save memory.
        texts, buckets, known = [], [], 0
        for band in hashes.T:
            _, inverse, counts = np.unique(band, return_inverse=True, return_counts=True)
            shared = np.flatnonzero(counts[inverse] > 1)
            texts.append(shared)
            buckets.append(inverse[shared] + known)
            known += len(counts)
        owners = np.concatenate(texts)
        order = np.argsort(owners, kind="stable")
        # Memory views, because reading a single number from numpy takes ten times as long.
        self._buckets = np.concatenate(buckets)[order].data
        self._starts = np.searchsorted(owners[order], np.arange(len(hashes) + 1)).data

    def of(self, at: int) -> list[int]:
        """Return the buckets that a text shares with another text."""
        return self._buckets[self._starts[at] : self._starts[at + 1]].tolist()


_remembered = lru_cache(maxsize=8192)(shingles)


def _band_hashes(keys: Sequence[str], bands: Bands) -> "np.ndarray":
    import numpy as np

    multipliers, addends, mixers = _random_numbers()
    values, starts = shingle_hashes(keys)
    half = np.uint64(32)
    signature = np.empty((bands.number * bands.width, len(keys)), dtype=np.uint64)
    for place in range(len(signature)):
        np.minimum.reduceat((values * multipliers[place] + addends[place]) >> half, starts, out=signature[place])
    cut = signature.reshape(bands.number, bands.width, len(keys))
    hashes = (cut * mixers[: bands.width, None]).sum(axis=1, dtype=np.uint64)
    numbers: np.ndarray = (_mixed(hashes) ^ multipliers[: bands.number, None]).T  # distinct per band
    return numbers


def shingle_hashes(keys: Sequence[str]) -> tuple["np.ndarray", "np.ndarray"]:
    """Return a hash for each shingle of all texts, and the start index of each text."""
    import numpy as np

    padded = [key.ljust(SHINGLE, "\0") for key in keys]  # a text has at least one shingle
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    values = np.zeros(len(codes) - SHINGLE + 1, dtype=np.uint64)
    for offset in range(SHINGLE):
        values = values * np.uint64(_FACTOR) + codes[offset : offset + len(values)]
    ends = np.cumsum([len(key) for key in padded])
    inside = np.ones(len(codes), dtype=bool)  # shingles do not cross texts
    for offset in range(1, SHINGLE):
        inside[ends - offset] = False
    starts = np.concatenate(([0], ends[:-1])) - np.arange(len(keys)) * (SHINGLE - 1)
    return _mixed(values[inside[: len(values)]]), starts


def _mixed(values: "np.ndarray") -> "np.ndarray":
    """Mix the bits of each number with the finalizer of SplitMix64."""
    import numpy as np

    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


@lru_cache(maxsize=1)
def _random_numbers() -> tuple["np.ndarray", "np.ndarray", "np.ndarray"]:
    """Return odd factors, addends and odd mixers that do not depend on numpy's random generators."""
    import numpy as np

    count = 3 * _HASHES
    numbers = _mixed(np.arange(_SEED, _SEED + count, dtype=np.uint64) * np.uint64(_FACTOR))
    factors, addends, mixers = numbers.reshape(3, _HASHES)
    return factors | np.uint64(1), addends, mixers | np.uint64(1)


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
