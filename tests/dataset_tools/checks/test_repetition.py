"""Repeated questions: both algorithms agree."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from dataset_tools.checks import repetition


@given(st.lists(st.integers(0, 9) | st.integers(2**64 - 3, 2**64 - 1), min_size=1, max_size=40))
def test_repeats_of_few_and_of_many_are_the_same(values: list[int]) -> None:
    """Both return each repeated question with its first position, in row order."""
    hashes = array("Q", values)
    repeated = [(index, values.index(value)) for index, value in enumerate(values) if value in values[:index]]
    for repeats in (repetition._repeats_of_few, repetition._repeats_of_many):
        indices, firsts = repeats(hashes)
        assert list(zip(indices, firsts, strict=True)) == repeated
