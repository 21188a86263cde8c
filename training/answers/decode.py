"""Questions to a model: prompts from the renderer, answers decoded greedily, each written down as it comes.

What decodes is a :class:`~training.answers.decoder.Decoder`, of which there are two: transformers and llama.cpp. A
decoding that is interrupted goes on where it was: answers are kept beside the scores, each with what it was made from.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError
from dataset_tools.prompt.render import RenderError, Segment, segments
from training.answers.answer_cache import AnswerCache
from training.answers.decoder import MAX_TOKENS, Decoder
from training.answers.llama_cpp_decoder import GgufDecoder
from training.answers.model_source import ModelKind, ModelSource
from training.answers.predictions import Predictions
from training.answers.questions import Question
from training.answers.transformers_decoder import TorchDecoder

__all__ = ["DecodeOptions", "Decoded", "decode", "load_decoder", "prompt_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeOptions:
    """How answers are made.

    Attributes:
        batch: prompts that are decoded together; 0 for what suits the machine.
        max_tokens: where an answer is cut off.
        base: the base of an adapter, where it is not found by its name.
    """

    batch: int = 0
    max_tokens: int = MAX_TOKENS
    base: str = ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The answers to questions, and how they were made.

    Attributes:
        predictions: the answers by id.
        facts: the model, what it ran on, and how many answers were cut off.
    """

    predictions: Predictions
    facts: dict[str, Any]


def decode(
    source: ModelSource,
    questions: Sequence[Question],
    kept: Path,
    options: DecodeOptions,
    *,
    on_answers: Callable[[int, int], None] = lambda _done, _tokens: None,
) -> Decoded:
    """Ask a model all questions; those that ``kept`` has answers to are not asked again.

    Args:
        source: the model.
        questions: what is asked.
        kept: the file with the answers, which is written while they come.
        options: how they are made.
        on_answers: is told of the answers that are there, and of the tokens in those that were made now.

    Raises:
        InputError: a question cannot be written as a prompt, or the model cannot be loaded.
        OutputError: the answers cannot be written.
        TrainingError: memory or hardware do not let it go on; the answers so far are kept.
    """
    prompts = [prompt_of(question) for question in questions]
    weights = source.sha256()
    made_from = _fingerprint(weights, options)
    keys = [f"{made_from}-{_hash(prompt)}" for prompt in prompts]
    with AnswerCache(kept, {question.id: key for question, key in zip(questions, keys, strict=True)}) as answers:
        missing = [at for at, question in enumerate(questions) if question.id not in answers.rows]
        on_answers(len(questions) - len(missing), 0)
        facts = dict(answers.facts)
        if missing:
            decoder = load_decoder(source, options)
            facts = decoder.facts
            tokens = 0
            for place, answer in decoder.answers([prompts[at] for at in missing], options.max_tokens):
                question = questions[missing[place]]
                answers.add(question.id, answer._asdict(), facts)
                tokens += answer.tokens
                on_answers(len(answers.rows), tokens)
        answers.finish([question.id for question in questions])
    cut = sum(not row["stopped"] for row in answers.rows.values())
    facts |= _facts(source, weights) | {"max_tokens": options.max_tokens, "cut_off": cut}
    return Decoded(Predictions(answers.rows, source.name), facts)


def load_decoder(source: ModelSource, options: DecodeOptions) -> Decoder:
    """The model, loaded.

    Raises:
        InputError: it cannot be loaded.
    """
    if source.kind is ModelKind.GGUF:
        return GgufDecoder(source, options.batch)

    return TorchDecoder(source, options.batch)


def prompt_of(question: Question) -> list[Segment]:
    """The prompt of a question, up to the header of the turn that the model is to write.

    Raises:
        InputError: the template cannot express it.
    """
    try:
        return segments(question.record(), generation_prompt=True, shared_tools=True)
    except RenderError as error:
        hint = error.hint or "`afg-data clean` mends what can be mended"
        raise InputError(f"the record {question.id!r} is no prompt: {error}", hint=hint) from error


def _fingerprint(weights: str, options: DecodeOptions) -> str:
    return hashlib.sha256(f"{weights} {options.max_tokens}".encode()).hexdigest()[:16]


def _hash(prompt: Sequence[Segment]) -> str:
    return hashlib.sha256("".join([part.text for part in prompt]).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _facts(source: ModelSource, weights: str) -> dict[str, Any]:
    base = source.base if source.kind is ModelKind.ADAPTER else None
    return {
        "model": source.name,
        "revision": source.revision,
        "kind": source.kind.value,
        "base": base.name if base else "",
        "weights_sha256": weights,
        "adapter_sha256": source.adapter_sha256(),
    }
