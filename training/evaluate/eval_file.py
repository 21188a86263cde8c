"""An evaluation, and its file ``eval.json``: the metrics first, then one row per line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from dataset_tools.errors import InputError
from dataset_tools.executor.run import infrequent_gc
from dataset_tools.io.json_text import read_object
from dataset_tools.io.writer import write_file
from training.evaluate.metrics import Metric, Metrics, as_json
from training.evaluate.scoring import ArgumentScore, Mistake, Verdict

__all__ = ["FORMAT", "Evaluation", "read_evaluation", "write_evaluation"]

FORMAT = 1
"""Version of the file format; other versions are refused."""

_HINT = "run `afg evaluate` again"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        name: name of the model or of the predictions file.
        data: the sources of the gold.
        metrics: every metric over all rows.
        groups: metrics by group and value; the groups are dialect, domain, tool, argument type and parameter.
        errors: number of times and of rows, by class of error.
        verdicts: the verdict on every row.
        decoding: model, backend, device, and number of truncated answers; empty for a predictions file.
    """

    name: str
    data: list[str]
    metrics: Metrics
    groups: dict[str, dict[str, Metrics]]
    errors: dict[str, dict[str, int]]
    verdicts: list[Verdict]
    decoding: dict[str, Any] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """Return the metrics as a JSON object, without the rows."""
        return {
            "name": self.name,
            "data": self.data,
            "decoding": self.decoding,
            "rows": len(self.verdicts),
            "metrics": as_json(self.metrics),
            "groups": {
                group: {value: as_json(metrics) for value, metrics in values.items()}
                for group, values in self.groups.items()
            },
            "errors": self.errors,
        }


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write an evaluation atomically.

    Raises:
        OutputError: it cannot be written.
    """
    head = orjson.dumps({"format": FORMAT, **evaluation.summary()}, option=orjson.OPT_INDENT_2)
    with infrequent_gc():
        rows = b",\n".join(b"    " + orjson.dumps(verdict.as_json()) for verdict in evaluation.verdicts)
    write_file(path, head.removesuffix(b"\n}") + b',\n  "items": [\n' + rows + b"\n  ]\n}\n")


def read_evaluation(path: Path) -> Evaluation:
    """Read an evaluation.

    Raises:
        InputError: the file cannot be read, or is not an evaluation of this version.
    """
    found = read_object(path, _HINT)
    if "items" not in found or "metrics" not in found:
        raise InputError("not the result of an evaluation", where=str(path), hint=_HINT)
    if found.get("format") != FORMAT:
        what = f"its format is {found.get('format')!r}; this version reads {FORMAT}"
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
