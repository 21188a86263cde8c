"""``afg call`` as one library call: a single question to a model."""

from pathlib import Path
from typing import Any

from dataset_tools.cleaning.repairer import DEVELOPER_TURN
from dataset_tools.errors import InputError
from dataset_tools.records.reading import load_tools
from training.answers.decode import DecodeOptions, load_decoder, prompt_of
from training.answers.model_source import find_model
from training.answers.predictions import Prediction, parse_answer
from training.answers.questions import Question

__all__ = ["call", "why_no_call"]


def call(model: str, text: str, tools: Path, options: DecodeOptions) -> Prediction:
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
    [(_, answer)] = load_decoder(source, options).answers([prompt], options.max_tokens)
    return parse_answer(answer.text, declared)


def why_no_call(answer: Prediction) -> str:
    """Return in one line why an answer has no calls."""
    if answer.problem:
        return f"the model's answer cannot be parsed: {answer.problem}"
    if answer.content:
        return f"the model answered without calling a tool: {answer.content!r}"
    return "the model's answer is empty"
