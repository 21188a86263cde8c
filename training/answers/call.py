"""``afg call``: one question to a model, as one library call."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from dataset_tools.cleaning.repairer import DEVELOPER_TURN
from dataset_tools.errors import InputError
from dataset_tools.prompt.parser import ParseError, parse
from dataset_tools.records.reading import load_tools
from schemas.record import JsonObject
from training.answers.decode import DecodeOptions, load_decoder, prompt_of
from training.answers.model_source import find_model
from training.answers.questions import Question

__all__ = ["Called", "call"]


@dataclass(frozen=True, slots=True)
class Called:
    """What a model made of a question.

    Attributes:
        text: what it wrote.
        calls: the calls in it, each with ``name`` and ``arguments``.
        content: the words beside the calls.
        warnings: what the parser had to make up or to convert.
        problem: why the text could not be read; empty where it could.
    """

    text: str
    calls: list[JsonObject] = field(default_factory=list)
    content: str = ""
    warnings: list[str] = field(default_factory=list)
    problem: str = ""

    @property
    def why_none(self) -> str:
        """Why there is no call, in one line."""
        if self.problem:
            return f"the answer cannot be read: {self.problem}"
        return f"no call, but {self.content!r}" if self.content else "no call: the answer is empty"

    def as_json(self, *, raw: bool) -> JsonObject:
        """The object that ``--json`` prints."""
        found: JsonObject = {
            "tool_calls": self.calls,
            "content": self.content,
            "warnings": self.warnings,
            "error": self.problem,
        }
        return found | ({"text": self.text} if raw else {})


def call(model: str, text: str, tools: Path, options: DecodeOptions) -> Called:
    """Ask a model what it would call.

    Args:
        model: a run, an adapter, a folder with weights, a GGUF file, or one of these on the Hub.
        text: what the user says.
        tools: a file with the tools, a JSON array.
        options: how the answer is made.

    Raises:
        InputError: the model or the tools cannot be read.
        TrainingError: memory or hardware do not do.
        UsageError: ``model`` is none.
    """
    source = find_model(model, base=options.base)
    declared = list(load_tools(tools).values())
    if not declared:
        raise InputError("there is no tool in it", where=str(tools), hint="a JSON array of tools")
    messages: Any = [{"role": "developer", "content": DEVELOPER_TURN}, {"role": "user", "content": text}]
    prompt = prompt_of(Question("call", messages, declared))
    _, answer = next(iter(load_decoder(source, options).answers([prompt], options.max_tokens)))
    try:
        found = parse(answer.text, cast("list[dict[str, Any]]", declared))
    except ParseError as error:
        return Called(answer.text, problem=str(error))
    return Called(answer.text, found.tool_calls, found.content or "", list(map(str, found.warnings)))
