"""Conversations from the hand-written phrases, and their records.

:mod:`tools.sample.make_sample` plans those of the sample, :mod:`dataset_tools.bundled.drawing` draws more. A plan is a
kind of conversation with its phrases.
"""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from dataset_tools.bundled.catalogue import answer, domains, phrases, tool_message, tools
from dataset_tools.bundled.phrasing import Speaker, Wish, schema_of
from dataset_tools.records.messages import call
from schemas.record import JsonObject, Message, Record

__all__ = ["Conversation", "Plan", "cell_kinds", "compose", "negative", "record_of"]

Plan = tuple[str, Any]
"""``single`` with tool and phrase, ``parallel`` with a request, ``multi-turn`` with a first phrase and a follow-up."""

_ROWS_PER_CELL = 12
_NEGATIVES = _MULTI_TURN = 2
_ANSWERED_SHARE = 0.3
_TOOLS_OFFERED = (4, 5, 6)
# The reply to a result that the user sees on the screen.
_NOTED = {"msa": "تفضل.", "gulf": "تفضل.", "egyptian": "اتفضل.", "levantine": "تفضل.", "maghrebi": "تفضل."}
_DEVELOPER: Message = {
    "role": "developer",
    "content": "You are a model that can do function calling with the following functions",
}


class Conversation(NamedTuple):
    """Messages, the names of the tools to offer, and the meta of the record."""

    messages: list[Message]
    called: list[str]
    meta: JsonObject


def cell_kinds(column: int, row: int) -> dict[str, int]:
    """Return the number of conversations of each kind in one domain (``column``) and dialect (``row``)."""
    parallel = 1 + (column + row) % 2
    single = _ROWS_PER_CELL - _NEGATIVES - _MULTI_TURN - parallel
    return {"single": single, "parallel": parallel, "multi-turn": _MULTI_TURN, "negative": _NEGATIVES}


def record_of(rng: random.Random, domain: str, dialect: str, conversation: Conversation) -> Record:
    """Return a record that offers the called tools among others, in random order."""
    messages, called, meta = conversation
    size = rng.choice(_TOOLS_OFFERED)
    own = [name for name in domains()[domain] if name not in called]
    # The tools are all that links a negative to its domain; a positive gets distractors of its domain.
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


def negative(pair: list[str]) -> Conversation:
    """Return a request without a call, with its answer."""
    reason, text, reply, *needed = pair
    messages: list[Message] = [_DEVELOPER, {"role": "user", "content": text}, {"role": "assistant", "content": reply}]
    return Conversation(messages, needed, {"kind": "negative", "reason": reason, "tools_called": []})


def compose(
    rng: random.Random, domain: str, dialect: str, plan: Plan, *, earlier: Sequence[Plan] | None = None
) -> Conversation:
    """Return a planned conversation, with its slots filled from one draw of values.

    It may continue with the result of the call and a closing sentence, as in the sample. With ``earlier``, even an
    empty one, it ends with its last call and starts with those requests, each result followed by a one-word reply.
    """
    turns = _Turns(rng, domain, dialect, brief=earlier is not None)
    for before in earlier or ():
        _add_plan(turns, before, answered=True)
    kind, template = plan
    answered = earlier is None and (kind == "multi-turn" or rng.random() < _ANSWERED_SHARE)
    _add_plan(turns, plan, answered=answered)
    offered = list(dict.fromkeys([*turns.called, *turns.needed]))
    reason = {"reason": template[0]} if kind == "negative" else {}
    return Conversation(turns.messages, offered, {"kind": kind, **reason, "tools_called": turns.called})


def _add_plan(turns: "_Turns", plan: Plan, *, answered: bool) -> None:
    """Add the turns of a plan to the conversation."""
    kind, template = plan
    if kind == "negative":
        _, text, reply, *needed = template
        turns.decline(text, reply, needed)
    elif kind == "parallel":
        text, wishes = template
        turns.ask(text, [_wish(item) for item in wishes], answered=answered)
    elif kind == "single":
        tool, phrase = template
        text, fixed = _phrase(phrase)
        turns.ask(text, [(tool, fixed)], answered=answered)
    else:
        phrase, (before, text, tool, *rest) = template
        opening, fixed = _phrase(phrase)
        turns.ask(opening, [(before, fixed)], answered=True)
        arguments = turns.carried(before, tool, text) | (rest[0] if rest else {})
        turns.ask(text, [(tool, arguments)], answered=answered)


class _Turns:
    """Builds the messages of one conversation, and remembers the values used."""

    def __init__(self, rng: random.Random, domain: str, dialect: str, *, brief: bool) -> None:
        self.messages: list[Message] = [_DEVELOPER]
        self.called: list[str] = []
        self.needed: list[str] = []
        self._known: JsonObject = {}
        self._speaker = Speaker(rng, domain, dialect)
        self._rng, self._domain, self._dialect, self._brief = rng, domain, dialect, brief

    def decline(self, text: str, reply: str, needed: list[str]) -> None:
        """Add a request without a call, with its answer."""
        self.needed += needed
        self.messages += [{"role": "user", "content": text}, {"role": "assistant", "content": reply}]

    def ask(self, template: str, wishes: list[Wish], *, answered: bool) -> None:
        """Add the user's words and the calls; if answered, also the results and the closing sentence."""
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
            said = _NOTED[self._dialect] if self._brief else " ".join(sentences)
            self.messages.append({"role": "assistant", "content": said})

    def carried(self, before: str, tool: str, text: str) -> JsonObject:
        """Arguments that a follow-up to the same tool leaves unsaid, because the first request said them."""
        if before != tool:
            return {}
        lasting = schema_of(tool)["required"] + phrases(self._domain)["tools"][tool].get("carry", [])
        return {name: self._known[name] for name in lasting if name in self._known and f"{{{name}}}" not in text}


def _phrase(item: Any) -> Wish:  # noqa: ANN401 - a text, or a text with fixed arguments
    return (item, {}) if isinstance(item, str) else (item[0], item[1])


_wish = _phrase
