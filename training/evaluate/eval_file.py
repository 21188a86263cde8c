"""``eval.json``: the numbers of an evaluation first, then every row on a line of its own; written and read again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from dataset_tools.errors import InputError
from dataset_tools.executor.run import seldom_collecting
from dataset_tools.io.jsonl import read_object
from dataset_tools.io.writer import write_file
from training.evaluate.metrics import Metric, Metrics
from training.evaluate.scoring import ArgumentScore, Mistake, Verdict

__all__ = ["FORMAT", "Evaluation", "read_evaluation", "write_evaluation"]

FORMAT = 1
"""The version of the file's shape; a file of another version is refused."""

_HINT = "write it again with `afg evaluate`"


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


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write an evaluation, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    head = orjson.dumps({"format": FORMAT, **evaluation.summary()}, option=orjson.OPT_INDENT_2)
    with seldom_collecting():
        rows = b",\n".join(b"    " + orjson.dumps(item) for item in evaluation.items())
    write_file(path, head.removesuffix(b"\n}") + b',\n  "items": [\n' + rows + b"\n  ]\n}\n")


def read_evaluation(path: Path) -> Evaluation:
    """The evaluation that a file holds.

    Raises:
        InputError: it cannot be read, or is no evaluation of this version.
    """
    found = read_object(path, _HINT)
    if "items" not in found or "metrics" not in found:
        raise InputError("not the result of an evaluation", where=str(path), hint=_HINT)
    if found.get("format") != FORMAT:
        what = f"its format is {found.get('format')!r}, and this version reads {FORMAT}"
        raise InputError(what, where=str(path), hint=_HINT)
    try:
        return _evaluation(found)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"not the result of an evaluation: {error!r}", where=str(path), hint=_HINT) from error


def _evaluation(found: Mapping[str, Any]) -> Evaluation:
    return Evaluation(
        name=found["name"],
        data=found["data"],
        metrics=_metrics(found["metrics"]),
        groups={
            group: {value: _metrics(metrics) for value, metrics in values.items()}
            for group, values in found["groups"].items()
        },
        errors=found["errors"],
        verdicts=[_verdict(item) for item in found["items"]],
        decoding=found.get("decoding", {}),
    )


def _metrics(found: Mapping[str, Any]) -> dict[str, Metric]:
    return {name: Metric(**metric) for name, metric in found.items()}


def _verdict(item: Mapping[str, Any]) -> Verdict:
    verdict = Verdict(**item)
    right, predicted, gold = verdict.keys
    verdict.keys = (right, predicted, gold)
    verdict.pairs = [(at, other, levels) for at, other, levels in item["pairs"]]
    verdict.arguments = [ArgumentScore(*score) for score in item["arguments"]]
    verdict.mistakes = [Mistake(*mistake) for mistake in item["mistakes"]]
    return verdict
