"""What is remembered by content is never taken for something else."""

import pytest

from dataset_tools.tool_schema import content_cache
from dataset_tools.tool_schema.content_cache import ByContent


def test_made_once_for_each_content() -> None:
    """Equal content gives the result of the first; another order of keys, or 1.0 for 1, is other content."""
    made: list[object] = []
    results: ByContent[int] = ByContent()

    def make(value: object) -> int:
        made.append(value)
        return len(made)

    assert results.get({"a": 1, "b": 2}, make) == 1
    assert results.get({"a": 1, "b": 2}, make) == 1
    assert results.get({"b": 2, "a": 1}, make) == 2
    assert results.get({"a": 1.0, "b": 2}, make) == 3
    assert len(made) == 3


def test_identity_is_only_trusted_while_the_object_lives() -> None:
    """An object that is known by identity is kept alive, so another one never has its identity."""
    results: ByContent[str] = ByContent()
    for number in range(1000):
        value = {"number": number}
        assert results.get(value, lambda item: str(item["number"])) == str(number)
        assert results.met(value) == str(number)
        assert results.met({"number": number}) is None
        del value


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new declaration in every row does not fill the memory."""
    monkeypatch.setattr(content_cache, "_LIMIT", 10)
    results: ByContent[int] = ByContent()
    for number in range(50):
        assert results.get([number], lambda item: int(item[0])) == number
    assert len(results._by_content) <= 10
    assert len(results._by_identity) <= 10
