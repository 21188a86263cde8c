"""More rows to train on than the sample has: drawn from the same hand-written phrases, apart from the held-out rows.

The same number of rows gives the same bytes, and more rows begin with the fewer. Rows are drawn in rounds, each with
the sample's number of conversations of every kind in every domain and dialect, so any number has its proportions.

Before the request that a row is drawn for the user has asked for other things, whose results are noted in a word. The
declarations of the tools are most of a row, so five requests beside them teach far more in the same time than one. And
a conversation ends with its last call: closing sentences are a third of what the sample trains and, to a small model
that has never written Arabic prose, nearly all of the loss: with them it learns to chat before it learns to call.
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
from schemas.record import JsonObject, Record

__all__ = ["draw"]

_SEED = 20_250_117
# Why no tool is called, in the sample's shares: 30, 30 and 20 of its 80 such requests.
_REASONS = (*("missing-information", "out-of-scope", "small-talk") * 2, "missing-information", "out-of-scope")
# Requests before the one that a row is drawn for, and what they are.
_EARLIER = 4
_EARLIER_KINDS = ("single", "single", "single", "parallel", "negative", "negative")
# So many draws in a row that repeat what is there already mean that little or nothing is left.
_TRIES = 1_000


def draw(count: int) -> str:
    """The lines of ``count`` drawn rows.

    None shares a question or a call with a held-out row. A row whose first request calls a tool opens with words that
    no other drawn row and no row of the sample opens with. A request that calls for no tool has nothing to fill in, so
    it comes again, with other tools on offer.

    Raises:
        UsageError: the phrases do not give so many rows.
    """
    records = list(islice(_Drawing().records(), count))
    if len(records) < count:
        what = f"{count:,} rows: the sample's phrases give {len(records):,} that differ, in its proportions"
        raise UsageError(what, hint=f"ask for at most {len(records)}")
    for line, record in enumerate(records, start=1):
        record["id"] = f"drawn-{line:0{len(str(count))}d}"
        record["source"] |= {"file": "drawn.jsonl", "line": line}
    return "".join(json.dumps(r, ensure_ascii=False, separators=(",", ":")) + "\n" for r in records)


class _Drawing:
    """Draws records one after the other and remembers what they said."""

    def __init__(self) -> None:
        self._rng = random.Random(_SEED)
        rows = [json.loads(line) for line in text(SamplePart.ALL).splitlines()]
        self._held = {key for line in text(SamplePart.TEST).splitlines() for key in shared_keys(json.loads(line))}
        self._opened = {_opening(row) for row in rows}
        self._asked: Counter[tuple[str, str]] = Counter()
        self._said: Counter[str] = Counter()
        self._offered: set[tuple[str, frozenset[str]]] = set()

    def records(self) -> Iterator[Record]:
        """Rows in rounds, until one that is due cannot be drawn."""
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
        """One of those that were said least, so that all are said before one comes again."""
        chosen = min(options, key=lambda option: (self._said[str(option)], self._rng.random()))
        self._said[str(chosen)] += 1
        return chosen

    def _request(self, domain: str, dialect: str) -> list[str]:
        """A request without a call: of those that are not held out one that was said least, so that all are said."""
        pairs = [*phrases(domain)["negatives"][dialect], *(["small-talk", *pair] for pair in small_talk()[dialect])]
        pairs += more_requests()[dialect]
        free = [pair for pair in pairs if ("question", compare_key(pair[1])) not in self._held]
        # Each cell begins elsewhere, so that every reason has its share in any number of rows.
        turn = self._asked[domain, dialect] + list(domains()).index(domain) + DIALECTS.index(dialect)
        self._asked[domain, dialect] += 1
        due = _REASONS[turn % len(_REASONS)]
        free = [pair for pair in free if pair[0] == due] or free
        chosen: list[str] = self._least_said(free)
        return chosen

    def _is_new(self, record: Record) -> bool:
        """Whether no row was like it, which is remembered from then on."""
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
    """The phrases that ask for one of some tools, each with its tool."""
    return [(name, phrase) for name in names for phrase in texts["tools"][name]["phrases"][dialect]]


def _opening(row: Any) -> str:  # noqa: ANN401 - a record, or one as it was read
    """The first question of a row, in any spelling."""
    return compare_key(row["messages"][1]["content"])
