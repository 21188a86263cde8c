"""Cache of results keyed by the JSON text of their argument."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

import orjson

__all__ = ["ContentCache"]

T = TypeVar("T")

# A file may offer a new declaration in every row: beyond this number, or this much JSON, the cache is emptied. The
# results for a declaration, validators included, take about twenty times the memory of its text.
_LIMIT = 4_000
_LIMIT_BYTES = 3 << 20


class ContentCache(Generic[T]):
    """Results of ``make``, one per content: 1 and 1.0, or another order of keys, are different contents.

    Args:
        make: the function.
        shared: True if the arguments never change. An object is then first looked up by identity, ten times as fast
            as writing it as JSON; the cache keeps it alive, so no other object can have its identity.
    """

    def __init__(self, make: Callable[[Any], T], *, shared: bool = False) -> None:
        self._make = make
        self._shared = shared
        self._results: dict[bytes, T] = {}
        self._by_identity: dict[int, T] = {}
        self._alive: list[object] = []  # the objects of the identities
        self._bytes = 0

    def get(self, value: Any) -> T:  # noqa: ANN401 - JSON is any value
        """Return the result for ``value``.

        Raises:
            TypeError: the value cannot be written as JSON, or is nested deeper than orjson writes.
        """
        result = self._by_identity.get(id(value))
        if result is not None:
            return result
        content = orjson.dumps(value)
        result = self._results.get(content)
        if result is None:
            result = self._make(value)
            if len(self._results) >= _LIMIT or self._bytes > _LIMIT_BYTES:
                self._clear()
            self._bytes += len(content)
            self._results[content] = result
            if self._shared:
                self._by_identity[id(value)] = result
                self._alive.append(value)
        return result

    def known(self, values: Sequence[object]) -> list[T] | None:
        """Return the results for all of these very objects in one fast step; None if one was not seen before."""
        results = list(map(self._by_identity.get, map(id, values)))
        return cast("list[T]", results) if all(results) else None

    def _clear(self) -> None:
        self._results.clear()
        self._by_identity.clear()
        self._alive.clear()
        self._bytes = 0
