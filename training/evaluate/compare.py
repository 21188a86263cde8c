"""``afg compare`` as library calls: evaluations of the same rows, each against the first, the baseline."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError, UsageError
from training.answers.predictions import listed
from training.evaluate.eval_file import Evaluation, read_evaluation
from training.evaluate.intervals import MetricChange, mcnemar
from training.evaluate.metrics import SHARES, as_json, facts_of
from training.evaluate.scoring import Verdict

__all__ = ["Comparison", "Flip", "compare", "compare_files"]


@dataclass(frozen=True, slots=True)
class Flip:
    """A row that some evaluations have right under the fair rule, and some wrong."""

    id: str
    right: list[bool]
    verdicts: list[Verdict]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Evaluations side by side.

    Attributes:
        names: their names.
        evaluations: the evaluations, the baseline first.
        changes: for each other evaluation, metric to its change.
        flips: rows that flipped, in the order of the data.
    """

    names: list[str]
    evaluations: list[Evaluation]
    changes: list[dict[str, MetricChange]]
    flips: list[Flip]

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        metrics = [as_json(evaluation.metrics) for evaluation in self.evaluations]
        return {
            "names": self.names,
            "rows": len(self.evaluations[0].verdicts),
            "metrics": dict(zip(self.names, metrics, strict=True)),
            "changes": dict(zip(self.names[1:], self.changes, strict=True)),
            "flips": [{"id": flip.id, "right": dict(zip(self.names, flip.right, strict=True))} for flip in self.flips],
        }


def compare_files(paths: Sequence[Path]) -> Comparison:
    """Compare the evaluations in files; their names are the shortest that differ.

    Raises:
        InputError: a file is not an evaluation, or the rows or the gold differ.
        UsageError: there are fewer than two files, or one is repeated.
    """
    if len({path.resolve() for path in paths}) < max(len(paths), 2):
        raise UsageError("compare needs two or more different results of `afg evaluate`")
    return compare([read_evaluation(path) for path in paths], _names(paths))


def compare(evaluations: Sequence[Evaluation], names: Sequence[str]) -> Comparison:
    """Compare evaluations of the same rows, which are paired by id, or by question and gold if no id is in both.

    Raises:
        InputError: the rows or the gold differ.
    """
    first, *others = evaluations
    rows = [{verdict.id: verdict for verdict in found.verdicts} for found in evaluations]
    rows[1:] = [_under_ids_of(rows[0], other) for other in rows[1:]]
    for name, other in zip(names[1:], rows[1:], strict=True):
        _require_same(rows[0], other, names[0], name)
    changes = [_changes(first.verdicts, [found[v.id] for v in first.verdicts]) for found in rows[1:]]
    flips = []
    for identity in rows[0]:
        verdicts = [found[identity] for found in rows]
        right = [verdict.right for verdict in verdicts]
        if len(set(right)) > 1:
            flips.append(Flip(identity, right, verdicts))
    return Comparison(list(names), [first, *others], changes, flips)


def _changes(first: Sequence[Verdict], other: Sequence[Verdict]) -> dict[str, MetricChange]:
    """Return the change of each metric that is a share of rows."""
    pairs = [
        Counter(zip(one, two, strict=True))
        for one, two in zip(
            zip(*(facts_of(verdict).outcomes for verdict in first), strict=True),
            zip(*(facts_of(verdict).outcomes for verdict in other), strict=True),
            strict=True,
        )
    ]
    found = {}
    for name, counts in zip(SHARES, pairs, strict=True):
        found[name] = mcnemar(counts[False, True], counts[True, False], counts.total() - counts[None, None])
    return found


def _under_ids_of(first: dict[str, Verdict], other: dict[str, Verdict]) -> dict[str, Verdict]:
    """Return the rows of a copy of the data that has ids of its own, under the ids of the first."""
    ids, asked = (
        {(verdict.prompt, json.dumps(verdict.gold, sort_keys=True)): verdict for verdict in rows.values()}
        for rows in (first, other)
    )
    if first.keys() & other.keys() or ids.keys() != asked.keys() or len(ids) < len(first) or len(asked) < len(other):
        return other
    return {verdict.id: asked[key] for key, verdict in ids.items()}


def _require_same(first: dict[str, Verdict], other: dict[str, Verdict], name: str, other_name: str) -> None:
    """Check that two evaluations have the same rows and gold."""
    problems = []
    for one, two, where in ((first, other, other_name), (other, first, name)):
        missing = [identity for identity in one if identity not in two]
        if missing:
            problems.append(f"{where} lacks {len(missing):,} rows: {listed(missing)}")
    if problems:
        raise InputError("; ".join(problems), where=f"{name} and {other_name}", hint="evaluate both on the same data")
    changed = [identity for identity, verdict in first.items() if verdict.gold != other[identity].gold]
    if changed:
        what = f"the gold of {len(changed):,} rows differs: {listed(changed)}"
        raise InputError(what, where=f"{name} and {other_name}", hint="evaluate both on the same data")


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the stems if they differ, else the names of the folders, else the paths."""
    for names in ([path.stem for path in paths], [path.resolve().parent.name for path in paths]):
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]
