"""The numbers of an evaluation, counted from verdicts: each with how many it was counted over and a 95% interval."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from training.intervals import f1, f1_interval, wilson
from training.rules import RULES, Rule
from training.scoring import ERRORS, ArgumentScore, Verdict

__all__ = [
    "GROUPS",
    "METRICS",
    "Metric",
    "Metrics",
    "argument_metrics",
    "error_counts",
    "grouped",
    "measure",
    "outcome",
]

Metrics = dict[str, "Metric"]


class Metric(NamedTuple):
    """One number.

    Attributes:
        value: between 0 and 1; None where there is nothing to count.
        n: how many rows or arguments it was counted over.
        hits: how many of them count; None for F1, which is no share.
        low: lower end of the 95% interval.
        high: its upper end.
    """

    value: float | None
    n: int
    hits: int | None
    low: float
    high: float


METRICS = {
    "parsed": "outputs that could be read, of all rows",
    "fn_acc": "rows whose tools are called exactly as often as gold calls them, of all rows",
    "arg_em_raw": "rows whose calls are all right to the letter, of the rows with gold calls",
    "arg_em_nfc": "the same, texts compared in Unicode's composed form",
    "arg_em_numbers": "the same, numbers compared by what they count",
    "arg_em_fair": "the same, different writings of one value equal",
    "key_f1": "F1 of the names of arguments, over the rows with gold calls",
    "argument_acc": "gold arguments with the right value under the fair rule, of all gold arguments",
    "missed_calls": "rows without any call, of the rows with gold calls",
    "false_calls": "rows with a call, of the rows without gold calls",
}
"""Name of every metric, with its meaning."""

GROUPS: dict[str, Callable[[Verdict], Sequence[str]]] = {
    "dialect": lambda verdict: [verdict.dialect or "(none)"],
    "domain": lambda verdict: [verdict.domain or "(none)"],
    "tool": lambda verdict: verdict.tools or ["(no call)"],
}
"""How rows are grouped; a row with calls of several tools belongs to each of them."""

_WORSE = frozenset({"missed_calls", "false_calls"})


def outcome(verdict: Verdict, metric: str) -> bool | None:
    """Whether a row counts for a metric that is a share of rows; None where the row is not asked."""
    positive = verdict.level is not None
    called = bool(verdict.calls) or bool(verdict.problem)
    if metric == "parsed":
        return not verdict.problem
    if metric == "fn_acc":
        return verdict.named
    if metric == "missed_calls":
        return not called if positive else None
    if metric == "false_calls":
        return None if positive else called
    rule = Rule[metric.removeprefix("arg_em_").upper()]
    return None if verdict.level is None else verdict.level <= rule


def is_better_high(metric: str) -> bool:
    """Whether more of a metric is better."""
    return metric not in _WORSE


def measure(verdicts: Sequence[Verdict]) -> Metrics:
    """Every metric over some rows."""
    found: Metrics = {}
    for name in METRICS:
        if name == "key_f1":
            found[name] = _key_f1([verdict.keys for verdict in verdicts if verdict.level is not None])
        elif name == "argument_acc":
            found[name] = _share(score.level <= Rule.FAIR for verdict in verdicts for score in verdict.arguments)
        else:
            found[name] = _share(hit for verdict in verdicts if (hit := outcome(verdict, name)) is not None)
    return found


def grouped(verdicts: Iterable[Verdict], group: str) -> dict[str, Metrics]:
    """Every metric for each value of a group, the largest first."""
    members: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        for name in GROUPS[group](verdict):
            members[name].append(verdict)
    return {name: measure(members[name]) for name in sorted(members, key=lambda name: (-len(members[name]), name))}


def argument_metrics(verdicts: Iterable[Verdict], by: Callable[[ArgumentScore], str]) -> dict[str, Metrics]:
    """The share of gold arguments that are right, under each rule, for each value of ``by``; the largest first."""
    levels: dict[str, Counter[int]] = defaultdict(Counter)
    for verdict in verdicts:
        for score in verdict.arguments:
            levels[by(score)][score.level] += 1
    ordered = sorted(levels, key=lambda name: (-levels[name].total(), name))
    return {name: dict(_by_rule(levels[name])) for name in ordered}


def error_counts(verdicts: Sequence[Verdict]) -> dict[str, dict[str, int]]:
    """How often each error occurs, and in how many rows."""
    times: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    for verdict in verdicts:
        errors = [mistake.error for mistake in verdict.mistakes]
        times.update(errors)
        rows.update(set(errors))
    return {error: {"times": times[error], "rows": rows[error]} for error in ERRORS}


def _by_rule(levels: Counter[int]) -> Iterator[tuple[str, Metric]]:
    n, hits = levels.total(), 0
    for rule in RULES:
        hits += levels[rule]
        yield rule.name.lower(), Metric(hits / n, n, hits, *wilson(hits, n))


def _share(outcomes: Iterable[bool]) -> Metric:
    counted = Counter(outcomes)
    n, hits = counted.total(), counted[True]
    return Metric(hits / n if n else None, n, hits, *wilson(hits, n))


def _key_f1(counts: Sequence[tuple[int, int, int]]) -> Metric:
    right, predicted, gold = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0, 0)
    return Metric(f1(right, predicted, gold), len(counts), None, *f1_interval(counts))
