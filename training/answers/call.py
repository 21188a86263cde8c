"""``afg call`` as one library call: a single question to a model."""

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

__all__ = ["ParsedAnswer", "call"]


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """A model's answer to one question.

    Attributes:
        text: the model's text.
        calls: the calls in it, each with ``name`` and ``arguments``.
        content: the text outside the calls.
        warnings: values that the parser guessed or converted.
        problem: the reason why the text could not be parsed; empty if it could.
    """

    text: str
    calls: list[JsonObject] = field(default_factory=list)
    content: str = ""
    warnings: list[str] = field(default_factory=list)
    problem: str = ""

    @property
    def why_no_call(self) -> str:
        """The reason in one line, for an answer without calls."""
        if self.problem:
            return f"the model's answer cannot be parsed: {self.problem}"
        if self.content:
            return f"the model answered without calling a tool: {self.content!r}"
        return "the model's answer is empty"

    def as_json(self, *, raw: bool) -> JsonObject:
        """Return the object that ``--json`` prints."""
        shown: JsonObject = {
            "tool_calls": self.calls,
            "content": self.content,
            "warnings": self.warnings,
            "error": self.problem,
        }
        return shown | ({"text": self.text} if raw else {})


def call(model: str, text: str, tools: Path, options: DecodeOptions) -> ParsedAnswer:
    """Ask a model one question.

    Args:
        model: a run, an adapter, a folder with weights, a GGUF file, or one of these on the Hub.
        text: the user's message.
        tools: file with the tools, a JSON array.
        options: how the answer is decoded.

    Raises:
        InputError: the model or the tools cannot be read.
        TrainingError: out of memory, or a hardware failure.
        UsageError: ``model`` is not a model.
    """
    source = find_model(model, base=options.base)
    declared = list(load_tools(tools).values())
    if not declared:
        raise InputError("the file has no tools", where=str(tools), hint="it must be a JSON array of tools")
    messages: Any = [{"role": "developer", "content": DEVELOPER_TURN}, {"role": "user", "content": text}]
    prompt = prompt_of(Question("call", messages, declared))
    _, answer = next(iter(load_decoder(source, options).answers([prompt], options.max_tokens)))
    try:
        parsed = parse(answer.text, cast("list[dict[str, Any]]", declared))
    except ParseError as error:
        return ParsedAnswer(answer.text, problem=str(error))
    return ParsedAnswer(answer.text, parsed.tool_calls, parsed.content or "", list(map(str, parsed.warnings)))
