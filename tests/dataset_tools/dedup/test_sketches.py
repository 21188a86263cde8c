"""Sketches: an upper bound that never excludes similar texts."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.dedup.minhash import Texts, similarity, sketches

CHANGED = st.tuples(st.text("ab ", max_size=40), st.lists(st.lists(st.integers(0, 40), max_size=4), max_size=6))
"""A text, and the positions of changed letters in variants of it."""


def _changed(text: str, places: list[int]) -> str:
    return "".join("c" if at in places else letter for at, letter in enumerate(text))


@given(CHANGED, st.sampled_from([0.3, 0.5, 0.8, 0.9, 1.0]))
def test_sketches_change_no_similarity(drawn: tuple[str, list[list[int]]], threshold: float) -> None:
    """Exactly the similar texts are found, in order, with their exact similarity."""
    text, changes = drawn
    texts = [text, *(_changed(text, places) for places in changes)]
    others = list(range(len(texts)))
    shares = [similarity(text, other) for other in texts]
    expected = [(at, share) for at, share in enumerate(shares) if share >= threshold]
    assert list(Texts(texts, sketches(texts), threshold).alike(0, others)) == expected


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=8))
def test_any_texts_may_be_compared(texts: list[str]) -> None:
    """Every text is similar to itself, also if empty or short."""
    compared = Texts(texts, sketches(texts), 1.0)
    for at in range(len(texts)):
        assert (at, 1) in list(compared.alike(at, list(range(len(texts)))))


def test_many_shingles_share_a_bit() -> None:
    """Texts with more shingles than sketch bits are compared exactly."""
    long = " ".join(str(number) for number in range(2000))
    texts = [long, long.replace("1999", "2999"), long[::-1], "", long]
    found = list(Texts(texts, sketches(texts), 0.9).alike(0, [1, 2, 3, 4]))
    assert found == [(0, pytest.approx(similarity(long, texts[1]))), (3, 1)]


def test_sketches_separate_fillings_of_one_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few pairs of fillings of a template are compared exactly."""
    draw = random.Random(1)
    texts = [f"اعرض تفاصيل الطلب رقم {draw.randrange(10**6)} من فضلك يا صديقي العزيز" for _ in range(200)]
    compared = []

    def counted(one: str, other: str) -> float:
        compared.append(one)
        return similarity(one, other)

    monkeypatch.setattr("dataset_tools.dedup.minhash.similarity", counted)
    assert list(Texts(texts, sketches(texts), 0.9).alike(0, list(range(1, 200)))) == []
    assert len(compared) < 10


def test_sketches_do_not_depend_on_the_batch() -> None:
    """Batch edges do not change sketches, and each shingle sets a bit."""
    texts = [f"السؤال رقم {number} عن الطقس" for number in range(1200)]
    some = (0, 511, 512, 1199)
    assert (sketches(texts)[list(some)] == sketches([texts[at] for at in some])).all()
    assert np.bitwise_count(sketches(["abcdefg"])).sum() == 4
