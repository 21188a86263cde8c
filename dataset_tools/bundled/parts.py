"""Training rows and held-out test rows of the bundled sample.

Held-out rows share no question and no call with the training rows, in any spelling. :func:`choose` selects them once;
``python -m dataset_tools.bundled.parts`` writes the list ``held_out.json`` again.
"""

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dataset_tools.arabic.compare import compare_key
from dataset_tools.bundled import SamplePart, dirty_path, sample_path
from dataset_tools.bundled.catalogue import DIALECTS

__all__ = ["choose", "held_out", "shared_keys", "text"]

_LIST = Path(__file__).parent / "held_out.json"
_SEED = 20_250_116
# Held-out rows of each kind per dialect.
_WANTED = {"single": 10, "parallel": 2, "multi-turn": 3, "negative": 3}
# Rows that share a question or a call stay together; a larger group would hold out a whole tool.
_LARGEST_GROUP = 4


def text(part: SamplePart, *, dirty: bool = False) -> str:
    """Return the lines of one part of the sample, in order.

    Args:
        part: the rows to return.
        dirty: return them from the copy with known defects.
    """
    path = dirty_path() if dirty else sample_path()
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if part is SamplePart.ALL:
        return "".join(lines)
    held = set(held_out())
    # A damaged line may have lost its id, so the clean sample has it.
    return "".join(
        line for line, row in zip(lines, _rows(), strict=True) if (row["id"] in held) == (part is SamplePart.TEST)
    )


def held_out() -> list[str]:
    """Return the ids of the held-out rows."""
    ids: list[str] = json.loads(_LIST.read_text(encoding="utf-8"))
    return ids


def choose() -> list[str]:
    """Choose the rows to hold out: the same share of every dialect and kind, least chosen tools first."""
    rows = _rows()
    groups = [group for group in _groups(rows) if len(group) <= _LARGEST_GROUP]
    random.Random(_SEED).shuffle(groups)
    wanted = Counter({(dialect, kind): count for dialect in DIALECTS for kind, count in _WANTED.items()})
    called: Counter[str] = Counter()
    held: list[int] = []
    while groups:
        # The sort is stable, so among equals the shuffled order decides.
        groups.sort(key=lambda group: _familiarity(group, rows, called))
        group = groups.pop(0)
        cells = Counter((rows[at]["dialect"], rows[at]["meta"]["kind"]) for at in group)
        if cells <= wanted:
            wanted -= cells
            held += group
            called.update(name for at in group for name in rows[at]["meta"]["tools_called"])
    return [rows[at]["id"] for at in sorted(held)]


def shared_keys(row: Any) -> Iterator[tuple[str, ...]]:  # noqa: ANN401 - a damaged row may be any JSON value
    """Yield the compare keys of each question and call, which a held-out row must not share with others."""
    for message in row.get("messages") or () if isinstance(row, dict) else ():
        if message["role"] == "user":
            yield "question", compare_key(message["content"])
        for call in message.get("tool_calls") or ():
            function = call["function"]
            arguments = json.dumps(function["arguments"], ensure_ascii=False, sort_keys=True)
            yield "call", function["name"], compare_key(arguments)


def _familiarity(group: list[int], rows: list[Any], called: Counter[str]) -> float:
    names = [name for at in group for name in rows[at]["meta"]["tools_called"]]
    return sum(called[name] for name in names) / len(names) if names else 0


def _groups(rows: list[Any]) -> Iterable[list[int]]:
    """Return the groups of rows that share a key, in the clean or in the dirty copy."""
    group_of = {at: [at] for at in range(len(rows))}
    first: dict[tuple[str, ...], int] = {}
    for at, key in [*_keys(rows), *_keys(_dirty_rows())]:
        one, other = group_of[first.setdefault(key, at)], group_of[at]
        if one is not other:
            one += other
            group_of.update(dict.fromkeys(other, one))
    return {id(group): group for group in group_of.values()}.values()


def _keys(rows: list[Any]) -> Iterator[tuple[int, tuple[str, ...]]]:
    for at, row in enumerate(rows):
        for key in shared_keys(row):
            yield at, key


def _rows() -> list[Any]:
    return [json.loads(line) for line in sample_path().read_text(encoding="utf-8").splitlines()]


def _dirty_rows() -> list[Any]:
    """Return the rows of the dirty copy; None for a line that is not JSON."""
    rows = []
    for line in dirty_path().read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            rows.append(None)
    return rows


if __name__ == "__main__":
    _LIST.write_text(json.dumps(choose(), indent=1) + "\n", encoding="utf-8")
