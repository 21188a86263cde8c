"""Maker of ``sample.jsonl`` from the hand-written phrases: ``python -m tools.sample.make_sample``.

The same seed gives the same bytes. Every domain and dialect gets the same number of conversations of each kind:
single calls, parallel calls, two turns with results, and requests without a call.
"""

import json
import random
from collections.abc import Iterator

from dataset_tools.bundled import sample_path
from dataset_tools.bundled.catalogue import DIALECTS, domains, phrases, small_talk
from dataset_tools.bundled.conversations import Conversation, Plan, cell_kinds, compose, negative, record_of
from dataset_tools.records.results import text_of
from schemas.record import Record

__all__ = ["make"]

_SEED = 20_250_114


def make() -> str:
    """Return the text of the sample, one record per line."""
    rng = random.Random(_SEED)
    records: list[Record] = []
    for column, domain in enumerate(domains()):
        for row, dialect in enumerate(DIALECTS):
            records += _cell(rng, domain, dialect, column, row)
    rng.shuffle(records)
    for line, record in enumerate(records, start=1):
        record["id"] = f"sample-{line:04d}"
        record["source"]["line"] = line
    return "".join(json.dumps(r, ensure_ascii=False, separators=(",", ":")) + "\n" for r in records)


def _cell(rng: random.Random, domain: str, dialect: str, column: int, row: int) -> Iterator[Record]:
    """Yield the records of one domain in one dialect."""
    kinds = cell_kinds(column, row)
    texts = phrases(domain)
    seen: set[str] = set()
    rows = [negative(pair) for pair in _negatives(domain, dialect, column, row)]
    requests = rng.sample(texts["parallel"][dialect], kinds["parallel"])
    rows += [_fresh(rng, domain, dialect, seen, ("parallel", request)) for request in requests]
    # First turns of follow-ups and single requests are drawn from one pool, without replacement.
    pool = {tool: list(item["phrases"][dialect]) for tool, item in texts["tools"].items()}
    for group in pool.values():
        rng.shuffle(group)
    plans: list[Plan] = [
        ("multi-turn", (pool[follow_up[0]].pop(), follow_up))
        for follow_up in rng.sample(texts["follow_ups"][dialect], kinds["multi-turn"])
    ]
    order = rng.sample(list(pool), len(pool))
    plans += [("single", (tool, pool[tool].pop())) for tool in (order * kinds["single"])[: kinds["single"]]]
    rows += [_fresh(rng, domain, dialect, seen, plan) for plan in plans]
    for conversation in rows:
        yield record_of(rng, domain, dialect, conversation)


def _negatives(domain: str, dialect: str, column: int, row: int) -> list[list[str]]:
    """Return two requests without a call, rotated so that a dialect never repeats small talk."""
    texts: list[list[str]] = phrases(domain)["negatives"][dialect]
    if (column + row) % 2 and column // 2 < len(small_talk()[dialect]):
        first = texts[0] if column % 4 < 2 else texts[1]  # noqa: PLR2004 - one in two of those cells
        return [first, ["small-talk", *small_talk()[dialect][column // 2]]]
    return [texts[(column + row) // 2 % 2 * 2], texts[1]]


def _fresh(rng: random.Random, domain: str, dialect: str, seen: set[str], plan: Plan) -> Conversation:
    """Return a conversation with a new first question."""
    while True:
        row = compose(rng, domain, dialect, plan)
        query = text_of(row.messages[1])
        if query not in seen:
            seen.add(query)
            return row


if __name__ == "__main__":
    sample_path().write_text(make(), encoding="utf-8", newline="\n")
