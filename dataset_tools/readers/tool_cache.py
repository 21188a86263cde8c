"""Cache of parsed tool declarations, keyed by their bytes.

Most bytes of a row are its declarations, and a file of a million rows has a few hundred distinct ones. Each is parsed
once. In a later line whose list of tools consists of known declarations, a mark replaces the list, the short line is
parsed, and the cached objects replace the mark.

A declaration matches by all of its bytes and only where an element of the list starts; any other line is parsed whole.
Declarations with many brackets are not cached, so a cached one is never deep.
"""

import json
from typing import Any

from dataset_tools.readers.strict_json import few_brackets
from schemas.record import JsonObject

__all__ = ["ToolCache"]

_FIELDS = {field: f'"{field}":'.encode() for field in ("tools", "tools_sampled")}
_MARK = "\ue000declarations\ue000"  # a row that contains this text is parsed whole
_MARK_JSON = json.dumps(_MARK, ensure_ascii=False).encode()
_PREFIX = 64  # bytes that select the candidates; they usually include the name
_LONGEST = 1 << 16
_COMMA, _BRACKET = b",]"
_MOST, _MOST_BYTES = 4096, 4 << 20
_PATIENCE = 2000  # lines without a hit after which the cache is switched off


class ToolCache:
    """The declarations that one process has parsed.

    The returned objects are shared between rows and must not be changed.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, list[tuple[bytes, Any]]] = {}
        self._fields: dict[str, bytes] = {}  # the fields of the line that was cached last
        self._count = 0
        self._bytes = 0
        self._misses = 0

    def cut(self, line: bytes) -> tuple[bytes, list[tuple[str, list[Any]]]] | None:
        """Return the line with marks in place of its lists of cached declarations, and those lists; None for no hit."""
        if self._misses > _PATIENCE:
            return None
        found: list[tuple[str, list[Any]]] = []
        for field, key in self._fields.items():
            start = _list_start(line, key)
            if start < 0:
                continue
            tools: list[Any] = []
            stop = self._match(line, start, tools)
            if stop < 0:
                return None
            line = line[:start] + _MARK_JSON + line[stop:]
            found.append((field, tools))
        return (line, found) if found else None

    @staticmethod
    def restore(row: Any, found: list[tuple[str, list[Any]]]) -> bool:  # noqa: ANN401 - any JSON value
        """Replace the marks by the lists; return False if a mark is not in the row's own field."""
        if not isinstance(row, dict):
            return False
        for field, tools in found:
            if row.get(field) != _MARK:
                return False
            row[field] = tools
        return True

    def learn(self, line: bytes, row: JsonObject) -> None:
        """Cache the declarations of a line that was parsed whole."""
        if self._misses > _PATIENCE or self._count >= _MOST or self._bytes >= _MOST_BYTES:
            return
        self._misses += 1
        self._fields = {field: key for field, key in _FIELDS.items() if isinstance(row.get(field), list)}
        for field, key in self._fields.items():
            start = _list_start(line, key)
            if row[field] and start >= 0:
                self._learn_list(line[start:], row[field])

    def _match(self, line: bytes, start: int, tools: list[Any]) -> int:
        """Append the cached declarations of the list at ``start`` to ``tools``.

        Return the position after the list; -1 if a declaration is not cached.
        """
        known = self._known
        position = start + 1
        while candidates := known.get(line[position : position + _PREFIX]):
            span, tool = candidates[0]
            if not line.startswith(span, position):
                span, tool = next((found for found in candidates if line.startswith(found[0], position)), (b"", None))
            if not span:
                return -1
            tools.append(tool)
            position += len(span)
            # A single byte is compared as a number, for speed; a truncated line may end here.
            after = line[position] if position < len(line) else 0
            if after == _COMMA:
                position += 2 if line.startswith(b" ", position + 1) else 1
            elif after == _BRACKET:
                self._misses = 0
                return position + 1
            else:
                return -1
        return -1

    def _learn_list(self, text: bytes, tools: list[Any]) -> None:
        decoder = json.JSONDecoder()
        try:
            characters = text[: _LONGEST * 8].decode("utf-8", "ignore")
            position = 1
            for tool in tools:
                while characters[position] in " ,\t":
                    position += 1
                _, stop = decoder.raw_decode(characters, position)
                span = characters[position:stop].encode()
                if _PREFIX <= len(span) <= _LONGEST and few_brackets(span):
                    candidates = self._known.setdefault(span[:_PREFIX], [])
                    if all(span != known for known, _ in candidates):
                        candidates.append((span, tool))
                        self._count += 1
                        self._bytes += len(span)
                position = stop
        except (ValueError, IndexError, RecursionError):
            return  # not compact JSON of one line, or too long to cache


def _list_start(line: bytes, key: bytes) -> int:
    """Return the position of the list under ``key``, or -1. A quoted name before a colon is always a key."""
    start = line.find(key)
    if start < 0:
        return -1
    start += len(key)
    if line.startswith(b" ", start):
        start += 1
    return start if line.startswith(b"[", start) else -1
