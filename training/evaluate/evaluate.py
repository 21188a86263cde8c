"""``afg evaluate`` as library calls: score a predictions file, or a model, against reference calls (gold)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError, RowError, UsageError
from dataset_tools.executor.run import infrequent_gc
from dataset_tools.io.output_paths import check_outputs
from dataset_tools.io.writer import write_file
from dataset_tools.readers.shards import plan_shards
from dataset_tools.records.reading import Inputs, ReadOptions, records_of
from training.answers.decode import DecodeOptions, decode
from training.answers.model_source import find_model
from training.answers.predictions import Predictions, read_predictions
from training.answers.questions import Question, question_of
from training.evaluate.eval_file import Evaluation, write_evaluation
from training.evaluate.evaluation_page import evaluation_page
from training.evaluate.metrics import GROUPS, argument_metrics, error_counts, facts_of, grouped, measure
from training.evaluate.scoring import judge

__all__ = ["GoldOptions", "evaluate", "evaluate_model", "read_questions", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldOptions:
    """Options for reading the reference data.

    Attributes:
        reading: options for reading rows.
        limit: number of rows to ask, from the first; 0 asks all.
    """

    reading: ReadOptions = field(default_factory=ReadOptions)
    limit: int = 0


def evaluate(
    sources: Sequence[str],
    predictions: Path,
    *,
    output: Path | None = None,
    options: GoldOptions | None = None,
    on_rows: Callable[[int, int, int], None] = lambda _rows, _done, _all: None,
) -> Evaluation:
    """Score a predictions file against the gold of ``sources``.

    Args:
        sources: records with gold, in any known layout.
        predictions: JSON Lines of ``id`` and ``text``, or of ``id`` and ``tool_calls``.
        output: JSON file for the result; the page goes next to it, with the ending ``.html``.
        options: how the records are read.
        on_rows: called with the number of rows read so far, of bytes read so far, and of all bytes.

    Raises:
        InputError: an input cannot be read, or the ids do not match.
        OutputError: an output cannot be written.
        UsageError: an output is an input, or an option is invalid.
    """
    options = options or GoldOptions()
    inputs = Inputs.of(sources, options.reading.tools_file, predictions)
    if output:
        _check_outputs(inputs, output, _page(output))
    with infrequent_gc():
        answers = read_predictions(predictions)
        questions = _read(inputs, options, on_rows)
        asked = questions[: options.limit or None]
        answers.require_ids([question.id for question in asked], (question.id for question in questions))
        evaluation = score(asked, answers, inputs.places)
    if output:
        _write(evaluation, output)
    return evaluation


def evaluate_model(
    sources: Sequence[str],
    model: str,
    output: Path,
    *,
    options: GoldOptions | None = None,
    decoding: DecodeOptions | None = None,
    on_answers: Callable[[int, int, int], None] = lambda _done, _all, _tokens: None,
) -> Evaluation:
    """Ask a model every question of ``sources`` and score its answers.

    The answers are cached next to ``output``, with the ending ``.predictions.jsonl``; a repeated call decodes only the
    missing ones.

    Args:
        sources: records with gold, in any known layout.
        model: a run, an adapter, a folder with weights, a GGUF file, or one of these on the Hub.
        output: JSON file for the result; the page goes next to it, with the ending ``.html``.
        options: how the records are read.
        decoding: how answers are decoded.
        on_answers: called with the number of answers so far, of all answers, and of tokens decoded by this call.

    Raises:
        InputError: a source or the model cannot be read, or a record cannot be rendered as a prompt.
        OutputError: an output cannot be written.
        TrainingError: out of memory, or a hardware failure; the answers so far are kept.
        UsageError: an output is an input, an option is invalid, or ``model`` is not a model.
    """
    options, decoding = options or GoldOptions(), decoding or DecodeOptions()
    inputs = Inputs.of(sources, options.reading.tools_file)
    cache = output.with_suffix(".predictions.jsonl")
    _check_outputs(inputs, output, _page(output), cache)
    source = find_model(model, base=decoding.base)
    with infrequent_gc():
        questions = _read(inputs, options)[: options.limit or None]
    count = len(questions)
    answers, facts = decode(
        source, questions, cache, decoding, on_answers=lambda done, tokens: on_answers(done, count, tokens)
    )
    with infrequent_gc():
        evaluation = score(questions, answers, inputs.places, facts)
    _write(evaluation, output)
    return evaluation


def read_questions(sources: Sequence[str], options: GoldOptions | None = None) -> list[Question]:
    """Return every row of ``sources`` as a question.

    Raises:
        InputError: a source cannot be read, a row is not a record or has no gold, an id is repeated, or there are no
            rows.
        UsageError: an option is invalid.
    """
    return _read(Inputs.of(sources), options or GoldOptions())


def score(
    questions: Sequence[Question], answers: Predictions, data: Sequence[str], decoding: Mapping[str, Any] | None = None
) -> Evaluation:
    """Return the evaluation of answers to questions; every question has an answer."""
    verdicts = [judge(question, answers.of(question.id, question.tools)) for question in questions]
    facts = [facts_of(verdict) for verdict in verdicts]
    groups = {group: grouped(verdicts, facts, group) for group in GROUPS}
    groups["argument type"] = argument_metrics(verdicts, lambda score: score.type)
    groups["parameter"] = argument_metrics(verdicts, lambda score: f"{score.tool}.{score.parameter}")
    return Evaluation(
        answers.name, list(data), measure(facts), groups, error_counts(verdicts), verdicts, dict(decoding or {})
    )


def _check_outputs(inputs: Inputs, output: Path, *others: Path) -> None:
    """Check that the outputs can be written and that none of them is an input."""
    if output.suffix != ".json":
        raise UsageError(f"{output}: the result is JSON", hint="use a name that ends in .json")
    check_outputs(inputs.stamps.paths, files=(output, *others))


def _read(
    inputs: Inputs,
    options: GoldOptions,
    on_rows: Callable[[int, int, int], None] = lambda _rows, _done, _all: None,
) -> list[Question]:
    """Return every row as a question; ids are distinct."""
    converter = options.reading.converter()
    questions: dict[str, Question] = {}
    done = 0
    for shard in plan_shards(inputs.files):
        for raw, record, _ in records_of(shard, converter):
            where = f"{shard.file.place}:{raw.line}"
            if isinstance(record, RowError):
                hint = record.hint or "`afg-data validate` shows more"
                raise InputError(record.what, where=where, hint=hint) from record
            question = question_of(record)
            if question is None:
                what = f"the record {record['id']!r} has no gold: it ends before the assistant answers"
                raise InputError(what, where=where, hint="evaluate on records with answers")
            if question.id in questions:
                raise InputError(f"a second record has the id {question.id!r}", where=where, hint="use distinct ids")
            questions[question.id] = question
        done += shard.size
        on_rows(len(questions), done, inputs.size)
    inputs.require_rows(len(questions), len(questions))
    return list(questions.values())


def _page(output: Path) -> Path:
    return output.with_suffix(".html")


def _write(evaluation: Evaluation, output: Path) -> None:
    write_evaluation(output, evaluation)
    write_file(_page(output), evaluation_page(evaluation).encode())
