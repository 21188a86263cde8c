"""Metrics of an evaluation, counted from verdicts: each with its count and a 95% interval."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from training.evaluate.equality_rules import RULES, EqualityRule
from training.evaluate.intervals import f1, f1_interval, wilson
from training.evaluate.scoring import ERRORS, ArgumentScore, Verdict

__all__ = [
    "GROUPS", "LOWER_IS_BETTER", "METRICS", "SHARES", "Facts", "Metric", "Metrics", "argument_metrics", "as_json",
    "error_counts", "facts_of", "grouped", "measure",
]  # fmt: skip

Metrics = dict[str, "Metric"]


class Metric(NamedTuple):
    """Value of one metric.

    Attributes:
        value: between 0 and 1; None if there is nothing to count.
        n: rows or arguments that were counted.
        hits: rows or arguments that count; None for F1.
        low: lower end of the 95% interval.
        high: upper end.
    """

    value: float | None
    n: int
    hits: int | None
    low: float
    high: float


METRICS = {
    "parsed": "rows whose output could be parsed, of all rows",
    "fn_acc": "rows that call exactly gold's tools, each as often, of all rows",
    "arg_em_raw": "rows with identical names and arguments, of the rows with gold calls",
    "arg_em_nfc": "the same, texts compared in Unicode NFC",
    "arg_em_numbers": "the same, numbers compared by value",
    "arg_em_fair": "the same, different spellings of a value equal",
    "key_f1": "F1 of argument names, over the rows with gold calls",
    "argument_acc": "arguments with the right value under the fair rule, of all gold arguments",
    "missed_calls": "rows without any call, of the rows with gold calls",
    "false_calls": "rows with a call, of the rows without gold calls",
}
"""Every metric with its definition."""

GROUPS: dict[str, Callable[[Verdict], Sequence[str]]] = {
    "dialect": lambda verdict: [verdict.dialect or "(none)"],
    "domain": lambda verdict: [verdict.domain or "(none)"],
    "tool": lambda verdict: verdict.tools or ["(no call)"],
}
"""Groups of rows; a row with calls of several tools belongs to each of them."""

SHARES = tuple(name for name in METRICS if name not in ("key_f1", "argument_acc"))
"""Metrics that are shares of rows."""

LOWER_IS_BETTER = frozenset({"missed_calls", "false_calls"})
"""Metrics that count errors."""


class Facts(NamedTuple):
    """Contribution of a verdict to the metrics.

    Attributes:
        outcomes: for each of :data:`SHARES`, True if the row counts, None if the metric does not apply to it.
        keys: number of argument names that are right, predicted, and gold; None without gold calls.
        right: number of gold arguments that are right under the fair rule.
        arguments: number of gold arguments.
    """

    outcomes: tuple[bool | None, ...]
    keys: tuple[int, int, int] | None
    right: int
    arguments: int


def facts_of(verdict: Verdict) -> Facts:
    """Return the contribution of a verdict to the metrics."""
    level, read = verdict.level, not verdict.problem
    called = bool(verdict.calls) or not read
    arguments = verdict.arguments
    right = sum(score.level <= EqualityRule.FAIR for score in arguments)
    if level is None:
        return Facts((read, verdict.named, *(None for _ in RULES), None, called), None, right, len(arguments))
    exact = [level <= rule for rule in RULES]
    return Facts((read, verdict.named, *exact, not called, None), verdict.keys, right, len(arguments))


def measure(facts: Sequence[Facts]) -> Metrics:
    """Return every metric over some rows."""
    columns = zip(*(fact.outcomes for fact in facts), strict=True) if facts else ((),) * len(SHARES)
    shares = {
        name: _share(column.count(True), column.count(False)) for name, column in zip(SHARES, columns, strict=True)
    }
    right, arguments = sum(fact.right for fact in facts), sum(fact.arguments for fact in facts)
    others = {
        "key_f1": _key_f1([fact.keys for fact in facts if fact.keys is not None]),
        "argument_acc": _share(right, arguments - right),
    }
    return {name: (shares | others)[name] for name in METRICS}


def as_json(metrics: Metrics) -> dict[str, dict[str, Any]]:
    """Return metrics as a JSON object."""
    return {name: metric._asdict() for name, metric in metrics.items()}


def grouped(verdicts: Sequence[Verdict], facts: Sequence[Facts], group: str) -> dict[str, Metrics]:
    """Return every metric for each value of a group, the most frequent first; ``facts`` belong to the verdicts."""
    members: dict[str, list[Facts]] = defaultdict(list)
    for verdict, fact in zip(verdicts, facts, strict=True):
        for name in GROUPS[group](verdict):
            members[name].append(fact)
    return {name: measure(members[name]) for name in sorted(members, key=lambda name: (-len(members[name]), name))}


def argument_metrics(verdicts: Iterable[Verdict], by: Callable[[ArgumentScore], str]) -> dict[str, Metrics]:
    """Return the share of right gold arguments under each rule, by the value of ``by``; the most frequent first."""
    levels: dict[str, Counter[int]] = defaultdict(Counter)
    for verdict in verdicts:
        for score in verdict.arguments:
            levels[by(score)][score.level] += 1
    ordered = sorted(levels, key=lambda name: (-levels[name].total(), name))
    return {name: dict(_by_rule(levels[name])) for name in ordered}


def error_counts(verdicts: Sequence[Verdict]) -> dict[str, dict[str, int]]:
    """Return the number of times and of rows, by class of error."""
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


def _share(hits: int, others: int) -> Metric:
    n = hits + others
    return Metric(hits / n if n else None, n, hits, *wilson(hits, n))


def _key_f1(counts: Sequence[tuple[int, int, int]]) -> Metric:
    right, predicted, gold = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0, 0)
    return Metric(f1(right, predicted, gold), len(counts), None, *f1_interval(counts))
