"""The tables of a card: what was measured, as rows of text. What was not measured is no row."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from publishing.export.agreement import same_answers
from publishing.release.repositories import quant_of
from training.evaluate.metrics import METRICS
from training.evaluate.text import TITLES, percent, probability, span, verdict_of

if TYPE_CHECKING:
    from publishing.cards.sources import CardSources, DataFacts
    from training.evaluate.compare import Comparison
    from training.evaluate.eval_file import Evaluation

__all__ = [
    "cleaning_rows",
    "comparison_rows",
    "curve_rows",
    "dialect_rows",
    "evaluation_rows",
    "feature_rows",
    "gguf_rows",
    "left_out_rows",
    "measured_on",
    "plain_name",
    "reasons_of",
    "recipe_rows",
    "run_rows",
    "split_rows",
    "validation_rows",
    "version_rows",
]

Row = tuple[str, ...]

_REASONS = {
    "unreadable-row": "the row is no whole JSON object",
    "unknown-layout": "its fields belong to no known layout",
    "damaged-file": "the file is cut off or damaged from there on",
    "duplicate": "it asks and calls the same as a row that was kept",
    "conflicting-duplicate": "it asks the same as a kept row but calls otherwise, though both offer these tools",
    "near-duplicate": "it calls the same as a row that was kept and asks nearly the same",
    "templated-twin": "it makes the same calls as a row that was kept",
    "leaked-question": "it asks the same as a row of the evaluation data",
    "leaked-near": "it asks nearly the same as a row of the evaluation data",
    "leaked-call": "it makes a call of a row of the evaluation data",
}
"""Why a row was left out, for codes that do not say it themselves to whom they are new."""

_POINTS = 11  # rows of a curve: the first step, the last, and nine between


def plain_name(source: str) -> str:
    """A file's name without the folders of this machine; a Hub's name as it is."""
    return source if source.startswith("hf://") else PurePath(source).name


def evaluation_rows(evaluation: "Evaluation") -> list[Row]:
    """Metric, percent, interval, rows; a metric that nothing was counted for is left out."""
    return [
        (TITLES[name], percent(metric.value), span(metric), f"{metric.n:,}", METRICS[name])
        for name, metric in evaluation.metrics.items()
        if metric.value is not None
    ]


def dialect_rows(evaluation: "Evaluation") -> list[Row]:
    """Dialect, rows, FnAcc, ArgEM to the letter and fair, with the interval of the last."""
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
    """Metric, the base's percent, this model's, difference in points with interval, p, what it means."""
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


def cleaning_rows(data: "DataFacts") -> tuple[list[Row], list[Row]]:
    """Rule, rows, changes; and reason, rejected rows, of cleaning and of building."""
    cleaning, build = data.cleaning or {}, data.build or {}
    rules: list[Row] = [
        (name, f"{rule['rows']:,}", f"{rule['changes']:,}") for name, rule in cleaning.get("rules", {}).items()
    ]
    rejects: list[Row] = [
        (step, reason, f"{count:,}")
        for step, facts in (("cleaning", cleaning), ("building samples", build))
        for reason, count in facts.get("rejected", {}).items()
    ]
    return rules, rejects


def left_out_rows(data: "DataFacts") -> list[Row]:
    """Step, reason, rows that deduplicating and splitting left out."""
    split = data.split or {}
    steps = [("deduplication", report) for report in split.get("reports", ()) if report["command"] == "dedup"]
    return [
        (step, reason, f"{count:,}")
        for step, facts in (*steps, ("splitting", split))
        for reason, count in facts.get("rejected", {}).items()
    ]


def reasons_of(left_out: Sequence[Row]) -> list[Row]:
    """Code and meaning of the reasons in such rows, each once."""
    return [(code, _REASONS[code]) for code in dict.fromkeys(row[1] for row in left_out) if code in _REASONS]


def split_rows(data: "DataFacts") -> list[Row]:
    """Split, rows, percent of all, calls, rows without a call, distinct tools called, dialects."""
    return [
        (
            side,
            f"{found['rows']:,}",
            f"{100 * found['share']:.1f}",
            f"{found['calls']:,}",
            f"{found['negatives']:,}",
            f"{len(found['tools']):,}",
            ", ".join(f"{dialect} {rows:,}" for dialect, rows in found["dialects"].items() if dialect),
        )
        for side, found in (data.split or {}).get("splits", {}).items()
    ]


def feature_rows(data: "DataFacts") -> list[Row]:
    """Field and type, as `datasets` names them."""
    return [(name, _type(feature)) for name, feature in (data.split or {}).get("features", {}).items()]


def _type(feature: Mapping[str, Any]) -> str:
    kind = feature.get("_type")
    if kind == "List":
        return f"list of {_type(feature['feature'])}"
    if kind is None:
        return ", ".join(f"{name}: {_type(inner)}" for name, inner in feature.items())
    return str(feature["dtype"] if kind == "Value" else kind)


def recipe_rows(run: Mapping[str, Any]) -> list[Row]:
    """Every value of the recipe, by section and key."""
    return list(_flat(run["recipe"]["values"], ""))


def run_rows(sources: "CardSources") -> list[Row]:
    """What a run was and took."""
    run = sources.run or {}
    data, hardware, norm = run.get("data") or {}, run.get("hardware") or {}, run.get("gradient_norm") or {}
    rows: list[tuple[str, Any, str]] = [
        ("rows", data.get("rows"), "{:,}"),
        ("tokens in them", data.get("tokens"), "{:,}"),
        ("trained tokens in them", data.get("trained_tokens"), "{:,}"),
        ("steps", run.get("steps"), "{:,}"),
        ("tokens seen", run.get("tokens"), "{:,}"),
        ("seconds", run.get("training_seconds"), "{:,.0f}"),
        ("tokens per second", run.get("tokens_per_second"), "{:,.0f}"),
        ("peak memory, GiB", run.get("peak_memory_gib"), "{:.2f}"),
        ("hardware", hardware.get("gpu") or hardware.get("platform"), "{}"),
        ("computed in", hardware.get("number"), "{}"),
        *_losses(run),
        ("gradient norm, highest", norm.get("highest"), "{:.3f}"),
        ("steps whose gradient was clipped", _clipped(norm), "{}"),
        ("steps whose gradient was no number", norm.get("steps_not_finite"), "{:,}"),
    ]
    return [(name, form.format(value)) for name, value, form in rows if value not in (None, "")]


def curve_rows(steps: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Step, loss, learning rate and gradient norm at some steps of a run, evenly apart, the first and the last too."""
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
    """Step and validation loss, of a run that measured it."""
    lines = [line for line in steps if line.get("validation_loss") is not None]
    return [(f"{line['step']:,}", f"{line['validation_loss']:.4f}") for line in _spread(lines)]


def gguf_rows(sources: "CardSources") -> list[Row]:
    """File, type, size, memory, speed by threads, same answers, checksum, of each GGUF file."""
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
    """The processors that the speed of GGUF files was measured on."""
    found = [gguf_facts(sources, path.removeprefix("gguf/")) for path in sorted(sources.release.files)]
    return list(dict.fromkeys(str(facts["cpu"]) for facts in found if facts.get("speed") and facts.get("cpu")))


def gguf_facts(sources: "CardSources", name: str) -> Mapping[str, Any]:
    """What the export measured of a GGUF file."""
    found = sources.release.facts.get("gguf")
    facts = found.get(name) if isinstance(found, dict) else None
    return facts if isinstance(facts, dict) else {}


def version_rows(sources: "CardSources") -> list[Row]:
    """The versions that a run and an export were made with."""
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
            yield f"{name}, last", found["final"], "{:.4f}"
            yield f"{name}, best", f"{found['best']:.4f} at step {found['best_step']:,}", "{}"


def _clipped(norm: Mapping[str, Any]) -> str:
    if not norm.get("steps"):
        return ""
    return f"{norm['steps_above']:,} of {norm['steps']:,}, clipped to {norm['limit']:g}"


def _spread(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    last = len(lines) - 1
    wanted = sorted({round(at * last / (_POINTS - 1)) for at in range(_POINTS)}) if lines else []
    return [lines[at] for at in wanted]


def _flat(values: Mapping[str, Any], before: str) -> Iterator[Row]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", ", ".join(map(str, value)) if isinstance(value, list) else str(value)
