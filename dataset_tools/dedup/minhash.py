"""Texts that are nearly the same: found by MinHash over their shingles, then compared exactly.

Two texts are alike when their sets of shingles, runs of four characters, overlap by a threshold (the Jaccard index).
A signature of minimal hashes, cut into bands, brings likely pairs together without comparing all with all; each pair
is then compared exactly, so that no text is ever taken for like another by chance. A pair at the threshold is missed
with a probability of less than one in ten thousand, a closer one with less.

The signatures are computed here rather than by a library: over whole batches numpy is faster than those that were
measured (``benchmarks/README.md``), and they stay the same when a library changes its hashes.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from dataset_tools.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SHINGLE", "Bands", "Buckets", "band_hashes", "bands_for", "likeness", "shingle_hashes", "shingles"]

SHINGLE = 4
"""Characters of a shingle: fewer make unlike questions alike, more let a single letter count too much."""

LEAST = 0.3
"""The lowest threshold: below, nearly every pair shares a band."""

_HASHES = 128
_MISSED = 1e-4
_SEED = 20_261_125
_FACTOR = 0x9E3779B97F4A7C15
_BATCH = 512  # texts hashed together: enough for numpy, little enough for the memory


class Bands(NamedTuple):
    """Bands of a signature; two texts that agree in one whole band are compared."""

    number: int
    width: int


@lru_cache
def bands_for(threshold: float) -> Bands:
    """The widest bands, which bring the fewest unlike pairs together, that hardly ever miss a pair at the threshold.

    Raises:
        UsageError: the threshold is out of range.
    """
    if not LEAST <= threshold <= 1:
        raise UsageError(f"a likeness of {threshold:g} makes no sense", hint=f"from {LEAST} to 1, where 1 is equal")
    for width in range(_HASHES, 1, -1):
        number = _HASHES // width
        if (1 - threshold**width) ** number <= _MISSED:
            return Bands(number, width)
    return Bands(_HASHES, 1)


def shingles(key: str) -> frozenset[str]:
    """The runs of four characters of a text; a shorter text is its own only one."""
    return frozenset([key[at : at + SHINGLE] for at in range(max(1, len(key) - SHINGLE + 1))])


def likeness(first: str, second: str) -> float:
    """Return the Jaccard similarity of the shingles of two texts: 1 for equal sets, 0 for disjoint ones."""
    one, other = _remembered(first), _remembered(second)
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def band_hashes(keys: Sequence[str], bands: Bands) -> "np.ndarray":
    """For each text one number for each band; texts with equal numbers in a place are to be compared."""
    import numpy as np

    hashes = np.empty((len(keys), bands.number), dtype=np.uint64)
    for start in range(0, len(keys), _BATCH):
        hashes[start : start + _BATCH] = _band_hashes(keys[start : start + _BATCH], bands)
    return hashes


class Buckets:
    """Texts that share a band, for texts that come one after another.

    Args:
        hashes: what :func:`band_hashes` gave, a row for each text.
    """

    def __init__(self, hashes: "np.ndarray") -> None:
        import numpy as np

        # Most bands are shared by nobody: only the others are held, one text's after another's. One band at a time, for
        # sorting all of them at once takes several times the memory of the hashes.
        texts, buckets, known = [], [], 0
        for band in hashes.T:
            _, inverse, counts = np.unique(band, return_inverse=True, return_counts=True)
            shared = np.flatnonzero(counts[inverse] > 1)
            texts.append(shared)
            buckets.append(inverse[shared] + known)
            known += len(counts)
        owners = np.concatenate(texts)
        order = np.argsort(owners, kind="stable")
        # Views, because numpy takes ten times as long for a single number.
        self._buckets = np.concatenate(buckets)[order].data
        self._starts = np.searchsorted(owners[order], np.arange(len(hashes) + 1)).data

    def of(self, at: int) -> list[int]:
        """The buckets that a text shares with another."""
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
    numbers: np.ndarray = (_mixed(hashes) ^ multipliers[: bands.number, None]).T  # one band's are not another's
    return numbers


def shingle_hashes(keys: Sequence[str]) -> tuple["np.ndarray", "np.ndarray"]:
    """A number for each shingle of each text, and where each text's numbers start."""
    import numpy as np

    padded = [key.ljust(SHINGLE, "\0") for key in keys]  # a text has at least one shingle
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    values = np.zeros(len(codes) - SHINGLE + 1, dtype=np.uint64)
    for offset in range(SHINGLE):
        values = values * np.uint64(_FACTOR) + codes[offset : offset + len(values)]
    ends = np.cumsum([len(key) for key in padded])
    inside = np.ones(len(codes), dtype=bool)  # a shingle that would reach into the next text is none
    for offset in range(1, SHINGLE):
        inside[ends - offset] = False
    starts = np.concatenate(([0], ends[:-1])) - np.arange(len(keys)) * (SHINGLE - 1)
    return _mixed(values[inside[: len(values)]]), starts


def _mixed(values: "np.ndarray") -> "np.ndarray":
    """Each number spread over all 64 bits: the finisher of SplitMix64."""
    import numpy as np

    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


@lru_cache(maxsize=1)
def _random_numbers() -> tuple["np.ndarray", "np.ndarray", "np.ndarray"]:
    """Odd factors, addends, and odd factors to join a band: the same in every process, whatever numpy's generators."""
    import numpy as np

    count = 3 * _HASHES
    numbers = _mixed(np.arange(_SEED, _SEED + count, dtype=np.uint64) * np.uint64(_FACTOR))
    factors, addends, mixers = numbers.reshape(3, _HASHES)
    return factors | np.uint64(1), addends, mixers | np.uint64(1)
