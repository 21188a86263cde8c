"""Jaccard similarity, MinHash bands and buckets."""

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.dedup.minhash import Bands, Buckets, band_hashes, bands_for, shingles, similarity
from dataset_tools.errors import UsageError

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


def test_similarity_is_the_jaccard_similarity_of_shingles() -> None:
    """Shingles are runs of four characters; a shorter text is one shingle."""
    assert shingles("الطقس") == {"الطق", "لطقس"}
    assert shingles("لا") == {"لا"}
    assert shingles("") == {""}
    assert similarity("abcdef", "abcdxf") == pytest.approx(1 / 5)
    assert similarity("abcd", "abcde") == pytest.approx(1 / 2)
    assert similarity("نعم", "لا") == 0


@given(TEXTS, TEXTS)
def test_similarity_is_symmetric_and_one_for_equal_sets(first: str, second: str) -> None:
    """Similarity is from 0 to 1, symmetric, and 1 exactly for equal shingles."""
    share = similarity(first, second)
    assert share == similarity(second, first)
    assert 0 <= share <= 1
    assert (share == 1) == (shingles(first) == shingles(second))


@given(st.lists(TEXTS, max_size=12), st.sampled_from([0.3, 0.5, 0.8, 0.9, 1.0]))
def test_bands_do_not_depend_on_the_position(texts: list[str], threshold: float) -> None:
    """A batch gives the bands of each text alone; equal shingles give equal bands."""
    bands = bands_for(threshold)
    together = band_hashes(texts, bands)
    assert together.shape == (len(texts), bands.number)
    for at, text in enumerate(texts):
        assert (together[at] == band_hashes([text], bands)[0]).all()
        assert (together[at] == band_hashes([text * 1], bands)[0]).all()
    for one, other in pairwise(range(len(texts))):
        if shingles(texts[one]) == shingles(texts[other]):
            assert (together[one] == together[other]).all()


def test_more_texts_than_are_hashed_at_once() -> None:
    """Batch edges do not change the bands."""
    texts = [f"السؤال رقم {number} عن الطقس" for number in range(1200)]
    bands = bands_for(0.8)
    assert (
        band_hashes(texts, bands)[[0, 511, 512, 1199]] == band_hashes([texts[i] for i in (0, 511, 512, 1199)], bands)
    ).all()


def test_the_hashes_are_the_same_in_every_version() -> None:
    """Recorded hashes guard against changes by numpy or the machine."""
    hashes = band_hashes(["كيف الطقس في جده اليوم"], Bands(25, 5))
    assert [int(hashes[0, 0]), int(hashes[0, 24])] == [11491509598601969468, 10601800735658521427]


def _changed(text: str, draw: random.Random, letters: int) -> str:
    changed = list(text)
    for _ in range(letters):
        changed[draw.randrange(len(changed))] = draw.choice("بتثجحخدذرزسش")
    return "".join(changed)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_pairs_at_the_threshold_share_a_band(threshold: float) -> None:
    """All of thousands of similar pairs share a band, and almost no dissimilar pairs."""
    draw = random.Random(7)
    texts = ["".join(draw.choices("ابتثجحخدذرزسشصضطظعغفقكلمنهوي ", k=draw.randint(20, 120))) for _ in range(3000)]
    others = [_changed(text, draw, draw.randint(1, 6)) for text in texts]
    bands = bands_for(threshold)
    share = (band_hashes(texts, bands) == band_hashes(others, bands)).any(axis=1)
    alike = np.array([similarity(*pair) >= threshold for pair in zip(texts, others, strict=True)])
    assert alike.sum() > 150
    assert share[alike].all()
    strangers = band_hashes(texts, bands) == np.roll(band_hashes(others, bands), 1, axis=0)
    assert strangers.any(axis=1).sum() <= 3


def test_the_share_of_equal_hashes_estimates_the_similarity() -> None:
    """The mean error over many pairs is near zero."""
    draw = random.Random(3)
    texts = ["".join(draw.choices("ابتثجحخدذرزس ", k=60)) for _ in range(2000)]
    others = [_changed(text, draw, 4) for text in texts]
    whole = Bands(128, 1)
    estimates = (band_hashes(texts, whole) == band_hashes(others, whole)).mean(axis=1)
    exact = np.array([similarity(*pair) for pair in zip(texts, others, strict=True)])
    assert abs((estimates - exact).mean()) < 0.01
    assert (estimates - exact).std() < 0.06


def test_only_shared_bands_are_buckets() -> None:
    """A text without a shared band is in no bucket; texts that share a band share a bucket."""
    hashes = np.array([[1, 2], [3, 2], [4, 5]], dtype=np.uint64)
    buckets = Buckets(hashes)
    assert buckets.of(0) == buckets.of(1) != []
    assert buckets.of(2) == []


def test_a_threshold_out_of_range_is_an_error() -> None:
    """The hint gives the range."""
    for threshold in (0.1, 1.5):
        with pytest.raises(UsageError, match=r"is out of range \(from 0.3 to 1, where 1 is equal\)"):
            bands_for(threshold)
