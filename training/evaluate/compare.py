"""``afg compare``: evaluations of the same rows, the first against each other, and the rows that flipped."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError, UsageError
from training.evaluate.eval_file import Evaluation, read_evaluation
from training.evaluate.intervals import mcnemar
from training.evaluate.metrics import SHARES, facts_of
from training.evaluate.scoring import Verdict

__all__ = ["Comparison", "Flip", "MetricChange", "compare", "compare_files"]

_SHOWN = 10  # ids that an error lists


@dataclass(frozen=True, slots=True)
class MetricChange:
    """How one metric differs between the first evaluation and another, on the same rows.

    Attributes:
        n: rows that the metric asks.
        gained: rows that count in the other alone.
        lost: rows that count in the first alone.
        difference: the other's share less the first's.
        low: lower end of the difference's 95% interval.
        high: its upper end.
        p: of McNemar's exact test.
    """

    n: int
    gained: int
    lost: int
    difference: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Flip:
    """A row that not all evaluations have right, nor all wrong, under the fair rule: its verdicts, in their order."""

    id: str
    right: list[bool]
    verdicts: list[Verdict]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Evaluations side by side.

    Attributes:
        names: what each is called.
        evaluations: the evaluations, the first being what the others are held against.
        changes: for each other evaluation, metric to its change.
        flips: the rows that flipped, in the order of the data.
    """

    names: list[str]
    evaluations: list[Evaluation]
    changes: list[dict[str, MetricChange]]
    flips: list[Flip]

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        metrics = [{name: m._asdict() for name, m in found.metrics.items()} for found in self.evaluations]
        return {
            "names": self.names,
            "rows": len(self.evaluations[0].verdicts),
            "metrics": dict(zip(self.names, metrics, strict=True)),
            "changes": dict(zip(self.names[1:], self.changes, strict=True)),
            "flips": [{"id": flip.id, "right": dict(zip(self.names, flip.right, strict=True))} for flip in self.flips],
        }


def compare_files(paths: Sequence[Path]) -> Comparison:
    """Compare the evaluations in files; each is called by its file, as briefly as tells them apart.

    Raises:
        InputError: a file is no evaluation, or they are not of the same rows and gold.
        UsageError: fewer than two files, or one twice.
    """
    if len({path.resolve() for path in paths}) < max(len(paths), 2):
        raise UsageError("a comparison needs two or more different results of `afg evaluate`")
    return compare([read_evaluation(path) for path in paths], _names(paths))


def compare(evaluations: Sequence[Evaluation], names: Sequence[str]) -> Comparison:
    """Compare evaluations of the same rows.

    Raises:
        InputError: they are not of the same rows and gold.
    """
    first, *others = evaluations
    rows = [{verdict.id: verdict for verdict in found.verdicts} for found in evaluations]
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
    """Every metric that says yes or no to a row, the other against the first."""
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
        n = counts.total() - counts[None, None]
        gained, lost = counts[False, True], counts[True, False]
        found[name] = MetricChange(n, gained, lost, *mcnemar(gained, lost, n))
    return found


def _require_same(first: dict[str, Verdict], other: dict[str, Verdict], name: str, other_name: str) -> None:
    """Make sure that two evaluations asked the same questions.

    Raises:
        InputError: they did not; both lists of ids are told, or the rows whose gold differs.
    """
    told = []
    for one, two, where in ((first, other, other_name), (other, first, name)):
        lacking = [identity for identity in one if identity not in two]
        if lacking:
            told.append(f"{where} lacks {len(lacking):,} rows: {_listed(lacking)}")
    if told:
        raise InputError("; ".join(told), where=f"{name} and {other_name}", hint="evaluate both on the same data")
    changed = [identity for identity, verdict in first.items() if verdict.gold != other[identity].gold]
    if changed:
        what = f"the gold of {len(changed):,} rows differs: {_listed(changed)}"
        raise InputError(what, where=f"{name} and {other_name}", hint="evaluate both on the same data")


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
    return ", ".join(ids[:_SHOWN]) + more


def _names(paths: Sequence[Path]) -> list[str]:
    """Stems where they differ, else names of the folders, else the paths."""
    for names in ([path.stem for path in paths], [path.resolve().parent.name for path in paths]):
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]
