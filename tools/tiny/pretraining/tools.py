"""Made-up tools, and phrases that ask for them."""

from typing import Any, NamedTuple

from dataset_tools.bundled.catalogue import tools as sample_tools
from schemas.record import JsonObject
from tools.tiny.pretraining.parameters import Parameter, parameter
from tools.tiny.pretraining.words import Draw, table

__all__ = ["Concept", "MadeTool", "offered", "opening"]

# Common first words of tool names.
_VERBS = ("get", "set", "find", "check", "search", "book", "add", "report", "calculate", "track", "change", "pay")
_PARAMETERS = (1, 1, 2, 2, 2, 3, 3, 3, 4, 5)


class Concept(NamedTuple):
    """Action and object of a tool.

    Attributes:
        action: an entry of the list of actions: imperative, first person, first person in the Maghreb, noun,
            English verbs, other phrases.
        verb: one of the English verbs.
        thing: the object in Arabic.
        english_thing: the object in English, as part of a name.
        others: other Arabic words for the object.
    """

    action: list[Any]
    verb: str
    thing: str
    english_thing: str
    others: list[str]


class MadeTool(NamedTuple):
    """A tool with its concept and parameters.

    Attributes:
        concept: its action and object.
        declaration: the tool as a record holds it.
        parameters: its parameters.
        required: names of the required parameters.
    """

    concept: Concept
    declaration: JsonObject
    parameters: list[Parameter]
    required: list[str]

    @property
    def name(self) -> str:
        """Name of the tool."""
        return str(self.declaration["function"]["name"])


def offered(draw: Draw, *, arabic: bool) -> list[MadeTool]:
    """Return the tools of one row; some share an action or an object, so that both matter."""
    concepts = [_concept(draw)]
    for _ in range(draw.pick((1, 2, 3, 3, 4, 4, 5, 6))):
        near = draw.pick(concepts)
        fresh = _concept(draw)
        share = draw.rng.random()
        if share < 0.2:
            fresh = fresh._replace(action=near.action, verb=near.verb)
        elif share < 0.4:
            fresh = near._replace(action=fresh.action, verb=fresh.verb)
        concepts.append(fresh)
    # Tools with the same action and object would be indistinguishable.
    distinct = {(concept.action[3], concept.thing): concept for concept in concepts}
    tools = {tool.name: tool for tool in [_tool(draw, concept, arabic=arabic) for concept in distinct.values()]}
    made = [tool for name, tool in tools.items() if name not in sample_tools()]
    draw.rng.shuffle(made)
    return made


def opening(draw: Draw, tool: MadeTool, tools: list[MadeTool]) -> str:
    """Return a phrase that identifies a tool among the offered ones."""
    concept = tool.concept
    alone = all(other is tool or other.concept.thing != concept.thing for other in tools)
    if draw.english:
        return _english_opening(draw, concept, alone=alone)
    thing = _inflected(draw, _said_thing(draw, concept, alone=alone))
    imperative, first, maghrebi, noun, _, asked = concept.action
    share = draw.rng.random()
    if alone and share < 0.35:
        return f"{draw.listed('questions' if share < 0.25 else 'nouns_wanted')} {thing}"
    if share < 0.55:
        return f"{draw.listed('wants')} {maghrebi if draw.language == 'maghrebi' else first} {thing}"
    if share < 0.75:
        return f"{draw.listed('nouns_wanted')} {noun} {thing}"
    if asked and share < 0.9:
        return f"{draw.pick(asked)} {thing}"
    for_me = "" if " " in imperative else draw.listed("for_me")
    return " ".join(filter(None, (imperative, for_me, thing)))


def _english_opening(draw: Draw, concept: Concept, *, alone: bool) -> str:
    thing = f"{draw.pick(('a ', 'the ', 'my ', ''))}{concept.english_thing.replace('_', ' ')}"
    if alone and draw.chance(0.25):
        return f"{draw.listed('questions')} {thing}"
    wanted = draw.pick(("{} {}", "I want to {} {}", "can you {} {}", "I need to {} {}", "help me {} {}"))
    return wanted.format(concept.verb.replace("_", " "), thing)


def _said_thing(draw: Draw, concept: Concept, *, alone: bool) -> str:
    """Return the object in the words of the description, in others, or as one of its words."""
    if concept.others and draw.chance(0.5):
        return draw.pick(concept.others)
    if alone and draw.chance(0.25):
        return draw.pick(concept.thing.split())
    return concept.thing


def _inflected(draw: Draw, thing: str) -> str:
    """Add an article, a preposition or a suffix to the object, so that stems must be recognised."""
    if draw.chance(0.2):
        return thing + draw.pick(("ي", "نا", "ات", "ه", "ين", "ك"))
    return draw.pick(("", "ال", "", "هال", "لل", "ب")) + thing.removeprefix("ال")


def _concept(draw: Draw) -> Concept:
    action = draw.pick(table()["actions"])
    share = draw.rng.random()
    if share < 0.4:
        thing, english, others = draw.arabic_word(), draw.english_word().lower(), []
        if draw.chance(0.3):
            thing, english = f"{thing} {draw.arabic_word()}", f"{english}_{draw.english_word().lower()}"
    else:
        thing, english, others = draw.pick(table()["objects"])
        if share < 0.55:
            more, more_english = draw.pick(table()["adjectives"])
            thing, english = f"{thing} {more}", f"{more_english}_{english}"
    return Concept(action, draw.pick(action[4]), thing, english, others)


def _tool(draw: Draw, concept: Concept, *, arabic: bool) -> MadeTool:
    made = [parameter(draw, arabic=arabic) for _ in range(draw.pick(_PARAMETERS))]
    parameters = list({one.name: one for one in made}.values())
    required = [one.name for one in parameters if draw.chance(0.6)] or [parameters[0].name]
    if arabic:
        described = f"{concept.action[3]} {draw.pick(('', 'ال'))}{concept.thing.removeprefix('ال')}"
        if draw.chance(0.25):
            described += f" {draw.pick(('في', 'عند', 'من', 'بعد', 'لدى', 'حسب'))} {draw.arabic_word()}"
    else:
        described = (
            f"{concept.verb.replace('_', ' ')} {draw.pick(('a ', 'the ', ''))}{concept.english_thing.replace('_', ' ')}"
        )
    function = {
        "name": _name(draw, concept),
        "description": described,
        "parameters": {
            "type": "object",
            "properties": {one.name: one.schema for one in parameters},
            "required": required,
        },
    }
    return MadeTool(concept, {"type": "function", "function": function}, parameters, required)


def _name(draw: Draw, concept: Concept) -> str:
    """Return a name that describes the tool, or, as often, one that does not."""
    verb, thing = concept.verb, concept.english_thing
    if draw.chance(0.5):
        verb = draw.pick(_VERBS) if draw.chance(0.5) else draw.pick(draw.pick(table()["actions"])[4])
    if draw.chance(0.4):
        thing = draw.english_word().lower()
        thing = f"{thing}_{draw.english_word().lower()}" if draw.chance(0.4) else thing
    return draw.identifier(verb, thing)
