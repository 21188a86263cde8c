"""Reordering of a line for display: the Unicode Bidirectional Algorithm without embeddings and paired brackets."""

import unicodedata
from itertools import groupby
from typing import Final

__all__ = ["base_level", "reorder", "to_logical_line"]

_MIRRORED: Final = str.maketrans("()[]{}<>«»‹›", ")(][}{><»«›‹")
_STRONG: Final = ("L", "R", "AL")


def base_level(line: str) -> int:
    """Return the level of a paragraph: 1 if its first strong character is written from right to left, else 0."""
    strong = next((kind for kind in map(unicodedata.bidirectional, line) if kind in _STRONG), "L")
    return int(strong != "L")


def reorder(line: str, base: int) -> str:
    """Return a line in visual order, with brackets mirrored in text from right to left."""
    levels = _levels(line, base)
    chars = [_mirror(char, level) for char, level in zip(line, levels, strict=True)]
    for least in range(max(levels, default=0), 0, -1):
        chars, levels = _reversed_runs(chars, levels, least)
    return "".join(chars)


def to_logical_line(line: str, base: int) -> str:
    """Return the logical order of which `line` is probably the visual one; `reorder` of the result is the proof."""
    if base == 0:
        return reorder(line, 0)
    backwards = line[::-1]
    levels = _levels(backwards, 1)
    chars = [_mirror(char, level) for char, level in zip(backwards, levels, strict=True)]
    return "".join(_reversed_runs(chars, levels, 2)[0])


def _mirror(char: str, level: int) -> str:
    return char.translate(_MIRRORED) if level % 2 else char


def _reversed_runs(chars: list[str], levels: list[int], least: int) -> tuple[list[str], list[int]]:
    """Reverse every run of characters of at least a level."""
    result: list[tuple[str, int]] = []
    for high, run in groupby(zip(chars, levels, strict=True), key=lambda pair: pair[1] >= least):
        pairs = list(run)
        result.extend(reversed(pairs) if high else pairs)
    return [char for char, _ in result], [level for _, level in result]


def _levels(line: str, base: int) -> list[int]:
    direction = "R" if base else "L"
    kinds = _weak(list(map(unicodedata.bidirectional, line)), direction)
    _resolve_neutrals(kinds, direction)
    levels = [{"L": 2, "R": 1}.get(kind, 2) if base else {"L": 0, "R": 1}.get(kind, 2) for kind in kinds]
    for at in range(len(line) - 1, -1, -1):  # white space at the end of the line
        if not line[at].isspace():
            break
        levels[at] = base
    return levels


def _weak(kinds: list[str], direction: str) -> list[str]:
    """Resolve marks, numbers and separators (rules W1 to W7)."""
    strong = previous = direction
    for at, kind in enumerate(kinds):
        if kind == "NSM":
            kinds[at] = previous
        elif kind == "EN" and strong == "AL":
            kinds[at] = "AN"
        previous = kinds[at]
        strong = previous if previous in _STRONG else strong
    kinds = ["R" if kind == "AL" else kind for kind in kinds]
    for at in range(1, len(kinds) - 1):
        around = kinds[at - 1] if kinds[at - 1] == kinds[at + 1] else ""
        if (kinds[at] == "CS" and around in ("EN", "AN")) or (kinds[at] == "ES" and around == "EN"):
            kinds[at] = around
    start = 0
    for kind, run in groupby(list(kinds)):
        stop = start + len(list(run))
        if kind == "ET" and "EN" in (kinds[start - 1] if start else "", kinds[stop] if stop < len(kinds) else ""):
            kinds[start:stop] = ["EN"] * (stop - start)
        start = stop
    strong = direction
    for at, kind in enumerate(kinds):
        strong = kind if kind in ("L", "R") else strong
        if kind == "EN" and strong == "L":
            kinds[at] = "L"
    return kinds


def _resolve_neutrals(kinds: list[str], direction: str) -> None:
    """Give neutral characters the direction around them, or that of the line (rules N1 and N2)."""
    known = ("L", "R", "EN", "AN")
    start = 0
    for neutral, run in groupby([kind not in known for kind in kinds]):
        stop = start + len(list(run))
        if neutral:
            before = kinds[start - 1] if start else direction
            after = kinds[stop] if stop < len(kinds) else direction
            sides = {"L" if kind == "L" else "R" for kind in (before, after)}
            kinds[start:stop] = [sides.pop() if len(sides) == 1 else direction] * (stop - start)
        start = stop
