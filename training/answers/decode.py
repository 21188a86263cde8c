"""Greedy decoding of questions with a model, resumed from the cached answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError
from dataset_tools.io.checksums import sha256
from dataset_tools.prompt.render import RenderError, Segment, segments
from training.answers.answer_cache import AnswerCache
from training.answers.decoder import MAX_TOKENS, Decoder
from training.answers.llama_cpp_decoder import GgufDecoder
from training.answers.model_source import ModelKind, ModelSource
from training.answers.predictions import Predictions
from training.answers.questions import Question
from training.answers.transformers_decoder import TorchDecoder

__all__ = ["DecodeOptions", "decode", "load_decoder", "prompt_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeOptions:
    """Options for decoding.

    Attributes:
        batch: prompts decoded together; 0 chooses by device.
        max_tokens: limit of the tokens in an answer.
        base: base model of an adapter, if it is not found by the name in the adapter.
    """

    batch: int = 0
    max_tokens: int = MAX_TOKENS
    base: str = ""


def decode(
    source: ModelSource,
    questions: Sequence[Question],
    cache: Path,
    options: DecodeOptions,
    *,
    on_answers: Callable[[int, int], None] = lambda _done, _tokens: None,
) -> tuple[Predictions, dict[str, Any]]:
    """Ask a model all questions without a cached answer.

    Args:
        source: the model.
        questions: the questions.
        cache: file with the answers, written as they come.
        options: how the answers are decoded.
        on_answers: called with the number of answers so far, and of tokens decoded by this call.

    Returns:
        The answers by id, and the facts of the decoding: model, backend, device, and number of truncated answers.

    Raises:
        InputError: a question cannot be rendered as a prompt, or the model cannot be loaded.
        OutputError: the answers cannot be written.
        TrainingError: out of memory, or a hardware failure; the answers so far are kept.
    """
    prompts = [prompt_of(question) for question in questions]
    weights = source.sha256()
    model_key = sha256(f"{weights} {options.max_tokens}".encode())[:16]
    texts = ["".join([part.text for part in prompt]) for prompt in prompts]
    keys = [f"{model_key}-{sha256(text.encode('utf-8', 'surrogatepass'))[:16]}" for text in texts]
    answers = AnswerCache(cache, {question.id: key for question, key in zip(questions, keys, strict=True)})
    missing = [at for at, question in enumerate(questions) if question.id not in answers.rows]
    on_answers(len(questions) - len(missing), 0)
    facts = dict(answers.facts)
    if missing:
        decoder = load_decoder(source, options)
        facts = decoder.facts
        tokens = 0
        for index, answer in decoder.answers([prompts[at] for at in missing], options.max_tokens):
            answers.add(questions[missing[index]].id, answer._asdict(), facts)
            tokens += answer.tokens
            on_answers(len(answers.rows), tokens)
    answers.finish([question.id for question in questions])
    truncated = sum(not row["stopped"] for row in answers.rows.values())
    facts |= _facts(source, weights) | {"max_tokens": options.max_tokens, "cut_off": truncated}
    return Predictions(answers.rows, source.name), facts


def load_decoder(source: ModelSource, options: DecodeOptions) -> Decoder:
    """Load a model.

    Raises:
        InputError: it cannot be loaded.
    """
    decoder = GgufDecoder if source.kind is ModelKind.GGUF else TorchDecoder
    return decoder(source, options.batch)


def prompt_of(question: Question) -> list[Segment]:
    """Return the prompt of a question, up to the header of the model's turn.

    Raises:
        InputError: the question cannot be rendered.
    """
    try:
        return segments(question.record(), generation_prompt=True)
    except RenderError as error:
        hint = error.hint or "try `afg-data clean` on the data"
        what = f"the record {question.id!r} cannot be rendered: {error.where}: {error.what}"
        raise InputError(what, hint=hint) from error


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
