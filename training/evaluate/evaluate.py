"""``afg evaluate``: answers held against gold, as one library call that returns numbers.

Answers come from a file (:func:`evaluate`) or from a model (:func:`evaluate_model`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError, RowError
from dataset_tools.executor.run import run, seldom_collecting
from dataset_tools.readers.row_reader import read_rows
from dataset_tools.readers.shards import Shard, plan
from dataset_tools.readers.sources import DataFile
from dataset_tools.records.converter import Converter, find_data, names_of, require_valid
from dataset_tools.records.reading import Reading, require_rows
from training.answers.decode import DecodeOptions, decode
from training.answers.model_source import find_model
from training.answers.predictions import Predictions, read_predictions
from training.answers.questions import Question, question_of
from training.evaluate.metrics import GROUPS, Metrics, argument_metrics, error_counts, facts_of, grouped, measure
from training.evaluate.scoring import Verdict, judge

__all__ = ["Evaluation", "GoldOptions", "evaluate", "evaluate_model", "read_questions", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldOptions:
    """How the data with the gold is read.

    Attributes:
        reading: how rows are read.
        limit: how many rows are asked, from the first on; all for 0.
    """

    reading: Reading = field(default_factory=Reading)
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        name: what was evaluated: a model or a file of predictions.
        data: the sources of the gold.
        metrics: every metric over all rows.
        groups: group to its values to their metrics: dialect, domain, tool, argument type, parameter.
        errors: error to how often it occurs and in how many rows.
        verdicts: the verdict on every row.
        decoding: the model that answered, what it ran on, and how many answers were cut off; empty for a file.
    """

    name: str
    data: list[str]
    metrics: Metrics
    groups: dict[str, dict[str, Metrics]]
    errors: dict[str, dict[str, int]]
    verdicts: list[Verdict]
    decoding: dict[str, Any] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """The numbers as a JSON object, without the rows."""
        return {
            "name": self.name,
            "data": self.data,
            "decoding": self.decoding,
            "rows": len(self.verdicts),
            "metrics": {name: metric._asdict() for name, metric in self.metrics.items()},
            "groups": {
                group: {value: {name: m._asdict() for name, m in found.items()} for value, found in values.items()}
                for group, values in self.groups.items()
            },
            "errors": self.errors,
        }

    def items(self) -> Iterator[dict[str, Any]]:
        """Every row as a JSON object."""
        return (verdict.as_json() for verdict in self.verdicts)


@dataclass(slots=True)
class _Part:
    """What one shard holds."""

    rows: int
    questions: list[Question]


class _Stage:
    """Reads one shard: a pure function of the shard."""

    def __init__(self, converter: Converter) -> None:
        self._converter = converter

    def __call__(self, shard: Shard) -> _Part:
        """The questions of one shard.

        Raises:
            InputError: a row is no record or has no gold, with file and line.
        """
        found: list[Question] = []
        for raw in read_rows(shard):
            where = f"{shard.file.place}:{raw.line}"
            try:
                record, _ = self._converter.read(raw, shard.file)
                require_valid(record)
            except RowError as error:
                raise InputError(
                    error.what, where=where, hint=error.hint or "`afg-data validate` shows more"
                ) from error
            question = question_of(record)
            if question is None:
                what = f"the record {record['id']!r} has no gold: it ends before the assistant answers"
                raise InputError(what, where=where, hint="evaluate on records with answers")
            found.append(question)
        return _Part(len(found), found)


def evaluate(
    sources: Sequence[str] | Sequence[DataFile],
    predictions: Path,
    options: GoldOptions | None = None,
    *,
    on_shard: Callable[[Shard, Any], None] | None = None,
) -> Evaluation:
    """Hold a file of predictions against the gold of ``sources``.

    Raises:
        InputError: a source or the file cannot be read, or their ids do not match.
        UsageError: an option makes no sense.
    """
    options = options or GoldOptions()
    with seldom_collecting():
        answers = read_predictions(predictions)
        questions = read_questions(sources, options, on_shard=on_shard)
        asked = questions[: options.limit or None]
        answers.require_ids([question.id for question in asked], (question.id for question in questions))
        return score(asked, answers, names_of(sources))


def evaluate_model(
    sources: Sequence[str] | Sequence[DataFile],
    model: str,
    kept: Path,
    options: GoldOptions | None = None,
    decoding: DecodeOptions | None = None,
    *,
    on_answers: Callable[[int, int, int], None] = lambda _done, _all, _tokens: None,
) -> Evaluation:
    """Ask a model what ``sources`` ask, and hold its answers against their gold.

    Args:
        sources: records with gold.
        model: a run, an adapter, a folder with weights, a GGUF file, or one of these on the Hub.
        kept: where the answers are kept, as JSON Lines; those that it has already are not made again.
        options: how the records are read.
        decoding: how answers are made.
        on_answers: is told of the answers that are there, of how many there will be, and of the tokens made so far.

    Raises:
        InputError: a source or the model cannot be read, or a record is no prompt.
        OutputError: the answers cannot be kept.
        TrainingError: memory or hardware do not let it go on; the answers so far are kept.
        UsageError: an option makes no sense, or ``model`` is none.
    """
    options, decoding = options or GoldOptions(), decoding or DecodeOptions()
    source = find_model(model, base=decoding.base)
    with seldom_collecting():
        questions = read_questions(sources, options)[: options.limit or None]
    count = len(questions)
    made = decode(source, questions, kept, decoding, on_answers=lambda done, tokens: on_answers(done, count, tokens))
    with seldom_collecting():
        return score(questions, made.predictions, names_of(sources), made.facts)


def read_questions(
    sources: Sequence[str] | Sequence[DataFile],
    options: GoldOptions | None = None,
    *,
    on_shard: Callable[[Shard, Any], None] | None = None,
) -> list[Question]:
    """Every row of ``sources`` as a question.

    Raises:
        InputError: a source cannot be read, a row is no record or has no gold, an id stands twice, or there is no row.
        UsageError: an option makes no sense.
    """
    options = options or GoldOptions()
    converter = options.reading.converter()
    found: list[Question] = []
    with closing(run(_Stage(converter), plan(find_data(sources)), on_done=on_shard)) as parts:
        for part in parts:
            found.extend(part.questions)
    where = ", ".join(names_of(sources))
    require_rows(where, len(found), len(found))
    seen: set[str] = set()
    for question in found:
        if question.id in seen:
            raise InputError(f"two records have the id {question.id!r}", where=where, hint="give each an id of its own")
        seen.add(question.id)
    return found


def score(
    questions: Sequence[Question], answers: Predictions, data: Sequence[str], decoding: Mapping[str, Any] | None = None
) -> Evaluation:
    """The numbers of answers to questions; every question has an answer."""
    verdicts = [judge(question, answers.of(question.id, question.tools)) for question in questions]
    facts = [facts_of(verdict) for verdict in verdicts]
    groups = {group: grouped(verdicts, facts, group) for group in GROUPS}
    groups["argument type"] = argument_metrics(verdicts, lambda score: score.type)
    groups["parameter"] = argument_metrics(verdicts, lambda score: f"{score.tool}.{score.parameter}")
    return Evaluation(
        answers.name, list(data), measure(facts), groups, error_counts(verdicts), verdicts, dict(decoding or {})
    )
