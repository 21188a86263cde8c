"""``afg evaluate`` as library calls: score a predictions file, or a model, against reference calls (gold)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError, RowError, UsageError
from dataset_tools.executor.run import seldom_collecting
from dataset_tools.io.atomic_file import check_writable, write_file
from dataset_tools.readers.row_reader import read_rows
from dataset_tools.readers.shards import plan, total_bytes
from dataset_tools.readers.sources import DataFile
from dataset_tools.records.converter import companions_of, find_data, require_valid
from dataset_tools.records.reading import Reading, require_rows
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

    reading: Reading = field(default_factory=Reading)
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
    files = find_data(sources)
    if output:
        _check_outputs([output, _page(output)], files, options, predictions)
    with seldom_collecting():
        answers = read_predictions(predictions)
        questions = _read(files, options, on_rows)
        asked = questions[: options.limit or None]
        answers.require_ids([question.id for question in asked], (question.id for question in questions))
        evaluation = score(asked, answers, _places(files))
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
    files = find_data(sources)
    cache = output.with_suffix(".predictions.jsonl")
    _check_outputs([output, _page(output), cache], files, options)
    source = find_model(model, base=decoding.base)
    with seldom_collecting():
        questions = _read(files, options)[: options.limit or None]
    count = len(questions)
    answers, facts = decode(
        source, questions, cache, decoding, on_answers=lambda done, tokens: on_answers(done, count, tokens)
    )
    with seldom_collecting():
        evaluation = score(questions, answers, _places(files), facts)
    _write(evaluation, output)
    return evaluation


def read_questions(sources: Sequence[str], options: GoldOptions | None = None) -> list[Question]:
    """Return every row of ``sources`` as a question.

    Raises:
        InputError: a source cannot be read, a row is not a record or has no gold, an id is repeated, or there are no
            rows.
        UsageError: an option is invalid.
    """
    return _read(find_data(sources), options or GoldOptions())


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


def _check_outputs(outputs: Sequence[Path], files: Sequence[DataFile], options: GoldOptions, *others: Path) -> None:
    """Check that the outputs can be written and that none of them is an input.

    Raises:
        OutputError: an output cannot be written.
        UsageError: an output is an input, or the result is not a ``.json`` file.
    """
    if outputs[0].suffix != ".json":
        raise UsageError(f"{outputs[0]}: the result is JSON", hint="use a name that ends in .json")
    inputs = [
        *(file.path for file in files),
        *companions_of(files),
        *filter(None, [options.reading.tools_file]),
        *others,
    ]
    for path in outputs:
        check_writable(path, inputs)


def _read(
    files: Sequence[DataFile],
    options: GoldOptions,
    on_rows: Callable[[int, int, int], None] = lambda _rows, _done, _all: None,
) -> list[Question]:
    """Return every row as a question; ids are distinct."""
    converter = options.reading.converter()
    questions: dict[str, Question] = {}
    done, total = 0, total_bytes(files)
    for shard in plan(files):
        for raw in read_rows(shard):
            where = f"{shard.file.place}:{raw.line}"
            try:
                record, _ = converter.read(raw, shard.file)
                require_valid(record)
            except RowError as error:
                hint = error.hint or "`afg-data validate` shows more"
                raise InputError(error.what, where=where, hint=hint) from error
            question = question_of(record)
            if question is None:
                what = f"the record {record['id']!r} has no gold: it ends before the assistant answers"
                raise InputError(what, where=where, hint="evaluate on records with answers")
            if question.id in questions:
                raise InputError(f"a second record has the id {question.id!r}", where=where, hint="use distinct ids")
            questions[question.id] = question
        done += shard.size
        on_rows(len(questions), done, total)
    require_rows(", ".join(_places(files)), len(questions), len(questions))
    return list(questions.values())


def _places(files: Sequence[DataFile]) -> list[str]:
    return [file.place for file in files]


def _page(output: Path) -> Path:
    return output.with_suffix(".html")


def _write(evaluation: Evaluation, output: Path) -> None:
    write_evaluation(output, evaluation)
    write_file(_page(output), evaluation_page(evaluation).encode())
