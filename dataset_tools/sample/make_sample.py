"""Write ``sample.jsonl`` from the hand-written phrases: ``python -m dataset_tools.sample.make_sample``.

The same seed gives the same bytes. Every domain and dialect gets the same number of conversations of each kind:
single calls, parallel calls, two turns with results, and requests that call for no tool.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

from dataset_tools.messages import call
from dataset_tools.sample import sample_path
from dataset_tools.sample.catalogue import DIALECTS, domains, phrases, small_talk, tools
from dataset_tools.sample.phrasing import Speaker, Wish, schema_of
from dataset_tools.sample.responses import answer, tool_message
from schemas.record import JsonObject, Message, Record

__all__ = ["make"]

_SEED = 20_250_114
_ROWS_PER_CELL = 12
_NEGATIVES = _MULTI_TURN = 2
_ANSWERED_SHARE = 0.3
_TOOLS_OFFERED = (4, 5, 6)
_DEVELOPER: Message = {
    "role": "developer",
    "content": "You are a model that can do function calling with the following functions",
}

_Row = tuple[list[Message], list[str], JsonObject]
"""Messages, the tools that must be offered, and the record's meta."""


def make() -> str:
    """The text of the sample, one record a line."""
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
    """The conversations of one domain in one dialect."""
    parallel = 1 + (column + row) % 2
    single = _ROWS_PER_CELL - _NEGATIVES - _MULTI_TURN - parallel
    texts = phrases(domain)
    seen: set[str] = set()
    rows = [_negative(pair) for pair in _negatives(domain, dialect, column, row)]
    requests = rng.sample(texts["parallel"][dialect], parallel)
    rows += [_fresh(rng, domain, dialect, seen, ("parallel", request)) for request in requests]
    # A follow-up takes a first turn from the phrases too, so both draw from one pool without replacement.
    pool = {tool: list(item["phrases"][dialect]) for tool, item in texts["tools"].items()}
    for group in pool.values():
        rng.shuffle(group)
    plans: list[tuple[str, Any]] = [
        ("multi-turn", (pool[follow_up[0]].pop(), follow_up))
        for follow_up in rng.sample(texts["follow_ups"][dialect], _MULTI_TURN)
    ]
    order = rng.sample(list(pool), len(pool))
    plans += [("single", (tool, pool[tool].pop())) for tool in (order * single)[:single]]
    rows += [_fresh(rng, domain, dialect, seen, plan) for plan in plans]
    for messages, called, meta in rows:
        yield _record(rng, domain, dialect, messages, called, meta)


def _record(
    rng: random.Random, domain: str, dialect: str, messages: list[Message], called: list[str], meta: JsonObject
) -> Record:
    """A record that offers the tools it calls among others, in an order that tells nothing."""
    size = rng.choice(_TOOLS_OFFERED)
    own = [name for name in domains()[domain] if name not in called]
    # A negative belongs to its domain only through the tools it offers; a positive gets near misses.
    near = rng.sample(own, min(len(own), rng.choice((1, 2)) if called else 2))
    far = [name for name in tools() if name not in domains()[domain]]
    names = [*called, *near]
    names += rng.sample(far, max(0, size - len(names)))
    rng.shuffle(names)
    return {
        "id": "",
        "messages": messages,
        "tools": [tools()[name] for name in names],
        "dialect": dialect,
        "domain": domain,
        "source": {"dataset": "arabic-functiongemma-sample", "file": "sample.jsonl", "line": 1},
        "meta": meta,
    }


def _negatives(domain: str, dialect: str, column: int, row: int) -> list[list[str]]:
    """Two requests without a call, rotated so that a dialect never repeats one of its small talk."""
    texts: list[list[str]] = phrases(domain)["negatives"][dialect]
    if (column + row) % 2 and column // 2 < len(small_talk()[dialect]):
        first = texts[0] if column % 4 < 2 else texts[1]  # noqa: PLR2004 - one in two of those cells
        return [first, ["small-talk", *small_talk()[dialect][column // 2]]]
    return [texts[(column + row) // 2 % 2 * 2], texts[1]]


def _negative(pair: list[str]) -> _Row:
    reason, text, reply, *needed = pair
    messages: list[Message] = [_DEVELOPER, {"role": "user", "content": text}, {"role": "assistant", "content": reply}]
    return messages, needed, {"kind": "negative", "reason": reason, "tools_called": []}


def _fresh(rng: random.Random, domain: str, dialect: str, seen: set[str], plan: tuple[str, Any]) -> _Row:
    """A conversation whose first words were not used yet."""
    while True:
        row = _conversation(rng, domain, dialect, plan)
        query = row[0][1]["content"]
        if query not in seen:
            seen.add(query)
            return row


def _conversation(rng: random.Random, domain: str, dialect: str, plan: tuple[str, Any]) -> _Row:
    kind, template = plan
    turns = _Turns(rng, domain, dialect)
    if kind == "parallel":
        text, wishes = template
        turns.ask(text, [_wish(item) for item in wishes], answered=rng.random() < _ANSWERED_SHARE)
    elif kind == "single":
        tool, phrase = template
        text, fixed = _phrase(phrase)
        turns.ask(text, [(tool, fixed)], answered=rng.random() < _ANSWERED_SHARE)
    else:
        phrase, (before, text, tool, *rest) = template
        opening, fixed = _phrase(phrase)
        turns.ask(opening, [(before, fixed)], answered=True)
        turns.ask(text, [(tool, turns.carried(before, tool, text) | (rest[0] if rest else {}))], answered=True)
    called = list(dict.fromkeys(turns.called))
    return turns.messages, called, {"kind": kind, "tools_called": turns.called}


class _Turns:
    """The messages of one conversation as they grow, and what was said so far."""

    def __init__(self, rng: random.Random, domain: str, dialect: str) -> None:
        self.messages: list[Message] = [_DEVELOPER]
        self.called: list[str] = []
        self._known: JsonObject = {}
        self._speaker = Speaker(rng, domain, dialect)
        self._rng, self._domain, self._dialect = rng, domain, dialect

    def ask(self, template: str, wishes: list[Wish], *, answered: bool) -> None:
        """Add the user's words and the calls; when answered, the results and the closing sentence too."""
        text, arguments = self._speaker.say(template, wishes, self._known)
        names = [tool for tool, _ in wishes]
        self.called += names
        self.messages.append({"role": "user", "content": text})
        calls = [call(name, values) for name, values in zip(names, arguments, strict=True)]
        self.messages.append({"role": "assistant", "tool_calls": calls})
        sentences = []
        for name, values in zip(names, arguments, strict=True):
            self._known.update(values)
            if answered:
                message, payload = tool_message(self._rng, self._domain, name, values)
                self.messages.append(message)
                self._known.update(payload)
                sentences.append(answer(self._rng, self._domain, self._dialect, name, {**values, **payload}))
        if sentences:
            self.messages.append({"role": "assistant", "content": " ".join(sentences)})

    def carried(self, before: str, tool: str, text: str) -> JsonObject:
        """Arguments that a follow-up to the same tool leaves unsaid, because the first request said them."""
        if before != tool:
            return {}
        lasting = schema_of(tool)["required"] + phrases(self._domain)["tools"][tool].get("carry", [])
        return {name: self._known[name] for name in lasting if name in self._known and f"{{{name}}}" not in text}


def _phrase(item: Any) -> Wish:  # noqa: ANN401 - a text, or a text with fixed arguments
    return (item, {}) if isinstance(item, str) else (item[0], item[1])


_wish = _phrase


if __name__ == "__main__":
    sample_path().write_text(make(), encoding="utf-8", newline="\n")
