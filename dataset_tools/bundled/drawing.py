"""Additional training rows from the hand-written phrases of the sample, disjoint from the held-out rows.

The same number of rows gives the same bytes, and a larger number starts with the same rows. Rows are drawn in rounds
with the proportions of the sample by kind, domain and dialect.

A row has earlier requests before the last one: the declarations are most of a row, so five requests train far more in
the same time than one. A row ends with its last call: closing sentences are a third of the trained tokens of the sample
and nearly all of the loss of a small model that has never written Arabic prose, so it would learn to chat before it
learns to call.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from dataset_tools.arabic.compare import compare_key
from dataset_tools.bundled import SamplePart
from dataset_tools.bundled.catalogue import DIALECTS, domains, more_requests, phrases, small_talk
from dataset_tools.bundled.conversations import Conversation, Plan, cell_kinds, compose, record_of
from dataset_tools.bundled.parts import shared_keys, text
from dataset_tools.errors import UsageError
from dataset_tools.records.results import text_of
from schemas.record import JsonObject, Record

__all__ = ["draw"]

_SEED = 20_250_117
# Reasons for no call, in the shares of the sample: 30, 30 and 20 of 80.
_REASONS = (*("missing-information", "out-of-scope", "small-talk") * 2, "missing-information", "out-of-scope")
# Number and kinds of the earlier requests of a row.
_EARLIER = 4
_EARLIER_KINDS = ("single", "single", "single", "parallel", "negative", "negative")
# After so many consecutive repetitions the phrases count as used up.
_TRIES = 1_000


def draw(count: int) -> str:
    """Return the lines of ``count`` drawn rows.

    No row shares a question or a call with a held-out row. A row whose first request has a call starts with a question
    that no other drawn row and no row of the sample starts with. A request without a call has no slots, so it is
    repeated with other tools.

    Raises:
        UsageError: the phrases do not give so many rows.
    """
    records = list(islice(_Drawing().records(), count))
    if len(records) < count:
        what = f"the phrases of the sample give {len(records):,} different rows, not {count:,}"
        raise UsageError(what, hint=f"ask for at most {len(records)}")
    for line, record in enumerate(records, start=1):
        record["id"] = f"drawn-{line:0{len(str(count))}d}"
        record["source"] |= {"file": "drawn.jsonl", "line": line}
    return "".join(json.dumps(r, ensure_ascii=False, separators=(",", ":")) + "\n" for r in records)


class _Drawing:
    """Draws records, and remembers their phrases."""

    def __init__(self) -> None:
        self._rng = random.Random(_SEED)
        rows = [json.loads(line) for line in text(SamplePart.ALL).splitlines()]
        self._held = {key for line in text(SamplePart.TEST).splitlines() for key in shared_keys(json.loads(line))}
        self._opened = {_opening(row) for row in rows}
        self._asked: Counter[tuple[str, str]] = Counter()
        self._said: Counter[str] = Counter()
        self._offered: set[tuple[str, frozenset[str]]] = set()

    def records(self) -> Iterator[Record]:
        """Yield rows in rounds, until one cannot be drawn."""
        cells = [
            (domain, dialect, kind)
            for column, domain in enumerate(domains())
            for row, dialect in enumerate(DIALECTS)
            for kind, count in cell_kinds(column, row).items()
            for _ in range(count)
        ]
        while True:
            for domain, dialect, kind in self._rng.sample(cells, len(cells)):
                record = self._new(domain, dialect, kind)
                if record is None:
                    return
                yield record

    def _new(self, domain: str, dialect: str, kind: str) -> Record | None:
        for _ in range(_TRIES):
            conversation = self._conversation(domain, dialect, kind)
            record = record_of(self._rng, domain, dialect, conversation)
            if self._held.isdisjoint(shared_keys(record)) and self._is_new(record):
                return record
        return None

    def _conversation(self, domain: str, dialect: str, kind: str) -> Conversation:
        earlier = [self._plan(domain, dialect, self._rng.choice(_EARLIER_KINDS)) for _ in range(_EARLIER)]
        return compose(self._rng, domain, dialect, self._plan(domain, dialect, kind), earlier=earlier)

    def _plan(self, domain: str, dialect: str, kind: str) -> Plan:
        texts = phrases(domain)
        if kind == "negative":
            return (kind, self._request(domain, dialect))
        if kind == "parallel":
            return (kind, self._least_said(texts["parallel"][dialect]))
        if kind == "single":
            return (kind, self._least_said(_openings(texts, dialect, list(texts["tools"]))))
        follow_up = self._least_said(texts["follow_ups"][dialect])
        _, phrase = self._least_said(_openings(texts, dialect, [follow_up[0]]))
        return (kind, (phrase, follow_up))

    def _least_said(self, options: Sequence[Any]) -> Any:  # noqa: ANN401 - a template of any kind
        """Return one of the least used options, so that all are used before one is repeated."""
        chosen = min(options, key=lambda option: (self._said[str(option)], self._rng.random()))
        self._said[str(chosen)] += 1
        return chosen

    def _request(self, domain: str, dialect: str) -> list[str]:
        """Return one of the least used requests without a call that are not held out."""
        pairs = [*phrases(domain)["negatives"][dialect], *(["small-talk", *pair] for pair in small_talk()[dialect])]
        pairs += more_requests()[dialect]
        free = [pair for pair in pairs if ("question", compare_key(pair[1])) not in self._held]
        # Each cell starts with another reason, so that reasons have their shares in any number of rows.
        turn = self._asked[domain, dialect] + list(domains()).index(domain) + DIALECTS.index(dialect)
        self._asked[domain, dialect] += 1
        due = _REASONS[turn % len(_REASONS)]
        free = [pair for pair in free if pair[0] == due] or free
        chosen: list[str] = self._least_said(free)
        return chosen

    def _is_new(self, record: Record) -> bool:
        """Return whether a record differs from all earlier ones, and remember it."""
        opening = _opening(record)
        if "tool_calls" in record["messages"][2]:
            fresh = opening not in self._opened
            self._opened.add(opening)
        else:
            offer = (opening, frozenset(tool["function"]["name"] for tool in record["tools"]))
            fresh = offer not in self._offered
            self._offered.add(offer)
        return fresh


def _openings(texts: JsonObject, dialect: str, names: list[str]) -> list[tuple[str, Any]]:
    """Return the phrases of some tools, each with its tool."""
    return [(name, phrase) for name in names for phrase in texts["tools"][name]["phrases"][dialect]]


def _opening(row: Any) -> str:  # noqa: ANN401 - a record or parsed JSON
    """Return the compare key of the first question of a row."""
    return compare_key(text_of(row["messages"][1]))
