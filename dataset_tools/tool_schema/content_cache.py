"""What was made of a JSON value, remembered by the value's content."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

import orjson

__all__ = ["ByContent"]

T = TypeVar("T")

# A file may offer a new declaration in every row: past this many, or this much JSON, the memory starts anew. What is
# made of a declaration, validators and all, takes about twenty times its text.
_LIMIT = 4_000
_LIMIT_BYTES = 3 << 20


class ByContent(Generic[T]):
    """Results by the JSON text of what they were made from: 1 and 1.0, and other orders of keys, are other contents.

    An object that was met before is found by identity first, which costs a tenth of writing it as JSON. That is safe
    because the memory keeps the object alive, so no other can have its identity.
    """

    def __init__(self) -> None:
        self._by_identity: dict[int, T] = {}
        self._by_content: dict[bytes, T] = {}
        self._alive: list[object] = []  # the objects of the identities
        self._bytes = 0

    def met(self, value: object) -> T | None:
        """The result for this very object, if it was met before; None may also mean another object of that content."""
        return self._by_identity.get(id(value))

    def met_all(self, values: Sequence[object]) -> list[T] | None:
        """The results for all of these objects in one quick step, if each was met before."""
        met = list(map(self._by_identity.get, map(id, values)))
        return cast("list[T]", met) if all(met) else None

    def get(self, value: Any, make: Callable[[Any], T]) -> T:  # noqa: ANN401 - JSON is any value
        """What ``make`` gives for ``value``, made once for each content.

        Raises:
            TypeError: the value cannot be written as JSON, or is nested deeper than orjson writes.
        """
        met = self.met(value)
        if met is not None:
            return met
        content = orjson.dumps(value)
        if content in self._by_content:
            return self._by_content[content]
        result = make(value)
        if len(self._by_content) >= _LIMIT or self._bytes > _LIMIT_BYTES:
            self._by_content.clear()
            self._by_identity.clear()
            self._alive.clear()
            self._bytes = 0
        self._bytes += len(content)
        self._by_content[content] = result
        self._by_identity[id(value)] = result
        self._alive.append(value)
        return result
