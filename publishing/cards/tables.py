"""Tables of a card: measured results as rows of text."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from publishing.export.agreement import same_answers
from publishing.release.repositories import quant_of
from training.evaluate.metrics import METRICS
from training.evaluate.text import TITLES, percent, probability, span, verdict_of
from training.recipe.recipe import flat_values

if TYPE_CHECKING:
    from publishing.cards.sources import CardSources, DataFacts
    from training.evaluate.compare import Comparison
    from training.evaluate.eval_file import Evaluation

__all__ = [
    "comparison_rows",
    "curve_rows",
    "dialect_rows",
    "evaluation_rows",
    "feature_rows",
    "gguf_rows",
    "measured_on",
    "plain_name",
    "reasons_of",
    "recipe_rows",
    "reject_rows",
    "rule_rows",
    "run_rows",
    "split_rows",
    "validation_rows",
    "version_rows",
]

Row = tuple[str, ...]

_REASONS = {
    "unreadable-row": "not a complete JSON object",
    "unknown-layout": "its fields match no known layout",
    "damaged-file": "the file is cut off or damaged from there on",
    "duplicate": "same question and calls as a kept row",
    "conflicting-duplicate": "same question as a kept row but other calls, although both offer these tools",
    "near-duplicate": "same calls and nearly the same question as a kept row",
    "templated-twin": "same calls as a kept row",
    "leaked-question": "same question as an evaluation row",
    "leaked-near": "nearly the same question as an evaluation row",
    "leaked-call": "same call as an evaluation row",
}
"""Meaning of the codes for dropped rows that a reader may not know."""

_POINTS = 11  # rows of a curve


def plain_name(source: str) -> str:
    """Return a file's name without its folders; a Hub path unchanged."""
    return source if source.startswith("hf://") else PurePath(source).name


def evaluation_rows(evaluation: "Evaluation") -> list[Row]:
    """Return metric, percent, interval, count, meaning; a metric without a value is left out."""
    return [
        (TITLES[name], percent(metric.value), span(metric), f"{metric.n:,}", METRICS[name])
        for name, metric in evaluation.metrics.items()
        if metric.value is not None
    ]


def dialect_rows(evaluation: "Evaluation") -> list[Row]:
    """Return dialect, rows, FnAcc, ArgEM raw and fair, interval of the last."""
    return [
        (
            dialect,
            f"{metrics['fn_acc'].n:,}",
            percent(metrics["fn_acc"].value),
            percent(metrics["arg_em_raw"].value),
            percent(metrics["arg_em_fair"].value),
            span(metrics["arg_em_fair"]),
        )
        for dialect, metrics in evaluation.groups["dialect"].items()
        if dialect != "(none)"
    ]


def comparison_rows(comparison: "Comparison") -> list[Row]:
    """Return metric, percent of base and of this model, difference in points with interval, p, verdict."""
    base, tuned = comparison.evaluations
    (changes,) = comparison.changes
    return [
        (
            TITLES[name],
            percent(base.metrics[name].value),
            percent(tuned.metrics[name].value),
            f"{100 * change.difference:+.1f} ({100 * change.low:+.1f} to {100 * change.high:+.1f})",
            probability(change.p),
            verdict_of(name, change),
        )
        for name, change in changes.items()
        if change.n
    ]


def rule_rows(data: "DataFacts") -> list[Row]:
    """Return rule, rows, changes."""
    rules = (data.cleaning or {}).get("rules", {})
    return [(name, f"{rule['rows']:,}", f"{rule['changes']:,}") for name, rule in rules.items()]


def reject_rows(data: "DataFacts") -> list[Row]:
    """Return step, reason, dropped rows."""
    split = data.split or {}
    dedup = [report for report in split.get("reports", ()) if report["command"] == "dedup"]
    steps = [("cleaning", data.cleaning), ("building samples", data.build), *(("deduplication", one) for one in dedup)]
    return [
        (step, reason, f"{count:,}")
        for step, facts in (*steps, ("splitting", split))
        for reason, count in (facts or {}).get("rejected", {}).items()
    ]


def reasons_of(rejects: Sequence[Row]) -> list[Row]:
    """Return code and meaning of each reason in the rows of :func:`reject_rows`."""
    return [(code, _REASONS[code]) for code in dict.fromkeys(row[1] for row in rejects) if code in _REASONS]


def split_rows(data: "DataFacts") -> list[Row]:
    """Return split, rows, percent of all, calls, rows without a call, distinct called tools, dialects."""
    return [
        (
            split,
            f"{found['rows']:,}",
            f"{100 * found['share']:.1f}",
            f"{found['calls']:,}",
            f"{found['negatives']:,}",
            f"{len(found['tools']):,}",
            ", ".join(f"{dialect} {rows:,}" for dialect, rows in found["dialects"].items() if dialect),
        )
        for split, found in (data.split or {}).get("splits", {}).items()
    ]


def feature_rows(data: "DataFacts") -> list[Row]:
    """Return field and type, as `datasets` names them."""
    return [(name, _type(feature)) for name, feature in (data.split or {}).get("features", {}).items()]


def _type(feature: Mapping[str, Any]) -> str:
    kind = feature.get("_type")
    if kind == "List":
        return f"list of {_type(feature['feature'])}"
    if kind is None:
        return ", ".join(f"{name}: {_type(inner)}" for name, inner in feature.items())
    return str(feature["dtype"] if kind == "Value" else kind)


def recipe_rows(run: Mapping[str, Any]) -> list[Row]:
    """Return key and value of the recipe, with the section in the key."""
    return [(key, str(value)) for key, value in flat_values(run["recipe"]["values"]).items()]


def run_rows(sources: "CardSources") -> list[Row]:
    """Return name and value of a run's measurements."""
    run = sources.run or {}
    data, hardware, norm = run.get("data") or {}, run.get("hardware") or {}, run.get("gradient_norm") or {}
    rows: list[tuple[str, Any, str]] = [
        ("rows", data.get("rows"), "{:,}"),
        ("tokens", data.get("tokens"), "{:,}"),
        ("trained tokens", data.get("trained_tokens"), "{:,}"),
        ("steps", run.get("steps"), "{:,}"),
        ("tokens in all steps", run.get("tokens"), "{:,}"),
        ("training seconds", run.get("training_seconds"), "{:,.0f}"),
        ("tokens per second", run.get("tokens_per_second"), "{:,.0f}"),
        ("peak memory in GiB", run.get("peak_memory_gib"), "{:.2f}"),
        ("hardware", hardware.get("gpu") or hardware.get("platform"), "{}"),
        ("compute dtype", hardware.get("number"), "{}"),
        *_losses(run),
        ("highest gradient norm", norm.get("highest"), "{:.3f}"),
        ("steps with clipped gradient", _clipped(norm), "{}"),
        ("steps with NaN gradient", norm.get("steps_not_finite"), "{:,}"),
    ]
    return [(name, form.format(value)) for name, value, form in rows if value not in (None, "")]


def curve_rows(steps: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return step, loss, learning rate, gradient norm at evenly spaced steps, with the first and the last."""
    lines = [line for line in steps if line.get("gradient_norm") is not None and line.get("loss") is not None]
    return [
        (
            f"{line['step']:,}",
            f"{line['loss']:.4f}",
            f"{line['learning_rate']:.2e}" if line.get("learning_rate") is not None else "",
            f"{line['gradient_norm']:.3f}",
        )
        for line in _spread(lines)
    ]


def validation_rows(steps: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return step and validation loss at evenly spaced evaluations."""
    lines = [line for line in steps if line.get("validation_loss") is not None]
    return [(f"{line['step']:,}", f"{line['validation_loss']:.4f}") for line in _spread(lines)]


def gguf_rows(sources: "CardSources") -> list[Row]:
    """Return file, type, size, memory, speed by threads, same answers, checksum of each GGUF file."""
    rows: list[Row] = []
    for path, recorded in sorted(sources.release.files.items(), key=lambda item: -item[1].size):
        name = path.removeprefix("gguf/")
        if path.startswith("gguf/") and name.endswith(".gguf"):
            facts = gguf_facts(sources, name)
            memory = facts.get("peak_memory_mib")
            rows.append(
                (
                    name,
                    quant_of(name),
                    f"{recorded.size / 1e6:,.1f} MB",
                    f"{memory:,.0f} MiB" if memory is not None else "",
                    _speed(facts),
                    same_answers(facts),
                    recorded.sha256,
                )
            )
    return rows


def measured_on(sources: "CardSources") -> list[str]:
    """Return the CPUs on which the speed of GGUF files was measured."""
    found = [gguf_facts(sources, path.removeprefix("gguf/")) for path in sorted(sources.release.files)]
    return list(dict.fromkeys(str(facts["cpu"]) for facts in found if facts.get("speed") and facts.get("cpu")))


def extra_stops(sources: "CardSources") -> list[Row]:
    """Return text and id of each token that llama.cpp takes for a stop token by its text."""
    found: dict[str, str] = {}
    for path in sources.release.files:
        found |= gguf_facts(sources, path.removeprefix("gguf/")).get("extra_stops") or {}
    return [(text, token) for token, text in found.items()]


def gguf_facts(sources: "CardSources", name: str) -> Mapping[str, Any]:
    """Return the export's measurements of a GGUF file."""
    found = sources.release.facts.get("gguf")
    facts = found.get(name) if isinstance(found, dict) else None
    return facts if isinstance(facts, dict) else {}


def version_rows(sources: "CardSources") -> list[Row]:
    """Return package and version of a run and an export."""
    found = {**((sources.run or {}).get("versions") or {}), **(sources.release.facts.get("versions") or {})}
    return sorted((name, str(version)) for name, version in found.items())


def _speed(facts: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{item['threads']} thread{'' if item['threads'] == 1 else 's'}: "
        f"{item['prefill_tokens_per_second']:,.0f} / {item['decode_tokens_per_second']:,.0f}"
        for item in facts.get("speed") or ()
    )


def _losses(run: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    for key, name in (("loss", "loss"), ("validation_loss", "validation loss")):
        if found := run.get(key):
            yield f"last {name}", found["final"], "{:.4f}"
            yield f"best {name}", f"{found['best']:.4f} at step {found['best_step']:,}", "{}"


def _clipped(norm: Mapping[str, Any]) -> str:
    if not norm.get("steps"):
        return ""
    return f"{norm['steps_above']:,} of {norm['steps']:,}, clipped to {norm['limit']:g}"


def _spread(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    last = len(lines) - 1
    wanted = sorted({round(at * last / (_POINTS - 1)) for at in range(_POINTS)}) if lines else []
    return [lines[at] for at in wanted]
