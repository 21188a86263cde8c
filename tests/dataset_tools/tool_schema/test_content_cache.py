"""Results that are cached by content are never mixed up."""

import pytest

from dataset_tools.tool_schema import content_cache
from dataset_tools.tool_schema.content_cache import ContentCache


def test_each_content_has_its_own_result() -> None:
    """Equal content gives the first result; another order of keys, or 1.0 for 1, is other content."""
    made: list[object] = []

    def make(value: object) -> int:
        made.append(value)
        return len(made)

    cache = ContentCache(make)
    assert cache.get({"a": 1, "b": 2}) == 1
    assert cache.get({"a": 1, "b": 2}) == 1
    assert cache.get({"b": 2, "a": 1}) == 2
    assert cache.get({"a": 1.0, "b": 2}) == 3
    assert len(made) == 3


def test_an_object_that_is_changed_is_another_content() -> None:
    """The cache never returns the result for an earlier content of the same object."""
    cache = ContentCache[str](lambda item: str(item["number"]))
    value = {"number": 1}
    assert cache.get(value) == "1"
    value["number"] = 2
    assert cache.get(value) == "2"
    assert cache.known([value]) is None


def test_shared_objects_are_known_by_identity_while_they_live() -> None:
    """The cache keeps such an object alive, so another one never has its identity."""
    cache = ContentCache[str](lambda item: str(item["number"]), shared=True)
    for number in range(1000):
        value = {"number": number}
        assert cache.known([value]) is None
        assert cache.get(value) == str(number)
        assert cache.known([value, value]) == [str(number)] * 2
        del value


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new declaration in every row does not fill the memory."""
    monkeypatch.setattr(content_cache, "_LIMIT", 10)
    cache = ContentCache[int](lambda item: int(item[0]), shared=True)
    for number in range(50):
        assert cache.get([number]) == number
    assert len(cache._results) <= 10
    assert len(cache._by_identity) <= 10
