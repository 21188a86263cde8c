"""Front matter of a card: the metadata that the Hub filters and links by."""

from typing import TYPE_CHECKING, Any

import yaml

from publishing.cards.hub_terms import DIALECTS, GEMMA_TERMS, RELATIONS, is_gemma, public_dataset, public_model
from publishing.cards.tables import plain_name
from training.evaluate.text import TITLES

if TYPE_CHECKING:
    from publishing.cards.sources import CardSources
    from training.evaluate.metrics import Metric

__all__ = ["front_matter", "languages", "model_metadata"]

_LIBRARIES = {"adapter": "peft", "merged": "transformers", "gguf": "gguf"}
_TAGS = ("function-calling", "tool-use", "arabic", "functiongemma")
_PART_TAGS = {"adapter": ("lora",), "merged": (), "gguf": ("llama.cpp", "ollama")}
_REPORTED = ("fn_acc", "arg_em_raw", "arg_em_nfc", "arg_em_numbers", "arg_em_fair")
_TINY_LICENSE = "apache-2.0"  # the bundled base is part of this project


def front_matter(metadata: dict[str, Any]) -> str:
    """Return metadata as the first block of a card."""
    text = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1000)
    return f"---\n{text}---\n"


def model_metadata(sources: "CardSources", part: str) -> dict[str, Any]:
    """Return the known metadata of one part (``adapter``, ``merged`` or ``gguf``)."""
    dialects = list(sources.data.dialects)
    if sources.evaluation:
        dialects += [name for name in sources.evaluation.groups["dialect"] if name not in dialects]
    found: dict[str, Any] = {"language": languages(dialects), **_license(sources.base), **_base(sources, part)}
    found["library_name"] = _LIBRARIES[part]
    found["pipeline_tag"] = "text-generation"
    found["datasets"] = sources.data.datasets
    found["metrics"] = ["accuracy", "f1"] if sources.evaluation else []
    found["tags"] = [*_TAGS, *_PART_TAGS[part]]
    # GGUF files are not the evaluated ones.
    if sources.evaluation and part != "gguf":
        found["model-index"] = _model_index(sources)
    return {key: value for key, value in found.items() if value}


def languages(dialects: list[str]) -> list[str]:
    """Return the code of Arabic and those of the dialects that have one."""
    return ["ar", *sorted({DIALECTS[name] for name in dialects if name in DIALECTS})]


def _license(base: str) -> dict[str, str]:
    if is_gemma(base):
        return {"license": "gemma", "license_name": "gemma", "license_link": GEMMA_TERMS}
    return {"license": _TINY_LICENSE}


def _base(sources: "CardSources", part: str) -> dict[str, str]:
    """Return base and relation; the base of a GGUF file is the merged model, if its name is known."""
    base = sources.hub if part == "gguf" and sources.hub else public_model(sources.base)
    return {"base_model": base, "base_model_relation": RELATIONS[part]} if base else {}


def _model_index(sources: "CardSources") -> list[dict[str, Any]]:
    evaluation = sources.evaluation
    if evaluation is None:
        return []
    name = ", ".join(plain_name(source) for source in evaluation.data)
    of = {public_dataset(source) for source in evaluation.data}
    kind = of.pop() if len(of) == 1 else ""
    results = [_result(name, kind, "", evaluation.metrics)]
    results += [
        _result(name, kind, dialect, metrics)
        for dialect, metrics in evaluation.groups["dialect"].items()
        if dialect != "(none)"
    ]
    return [{"name": sources.release.name, "results": results}]


def _result(name: str, kind: str, dialect: str, metrics: "dict[str, Metric]") -> dict[str, Any]:
    dataset = {"type": kind or "custom", "name": name}
    if dialect:
        dataset |= {"name": f"{name} ({dialect})", "config": dialect}
    return {
        "task": {"type": "text-generation", "name": "Function calling"},
        "dataset": dataset,
        "metrics": [
            {
                "type": key,
                "name": TITLES[key],
                "value": round(metric.value, 4),
                "args": {"n": metric.n, "low": round(metric.low, 4), "high": round(metric.high, 4)},
            }
            for key in _REPORTED
            if (metric := metrics.get(key)) and metric.value is not None
        ],
    }
