"""``afg card``: model cards of a release from measured results; each card lists what was not measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import InputError
from dataset_tools.io.writer import write_file
from dataset_tools.prompt.render import render
from publishing.cards import tables
from publishing.cards.hub_terms import GEMMA_NOTICE, GEMMA_TERMS, is_gemma, public_model
from publishing.cards.human_sections import human_section, keep_human_sections
from publishing.cards.metadata import front_matter, model_metadata
from publishing.cards.sources import CardSources
from publishing.release.manifest import NOTICE
from publishing.release.repositories import CARD, SUFFIXES

if TYPE_CHECKING:
    import jinja2

__all__ = ["Card", "make_cards", "old_card", "template", "write_card"]

_KINDS = {
    "adapter": "This is a LoRA adapter for",
    "merged": "This is a fine-tuned copy of",
    "gguf": "These are GGUF files, for llama.cpp and Ollama, of a fine-tuned copy of",
}
_CITY = {"type": "string", "description": "المدينة"}
_PARAMETERS = {"type": "object", "properties": {"city": _CITY}, "required": ["city"]}
_WEATHER = {"name": "get_weather", "description": "حالة الطقس في مدينة", "parameters": _PARAMETERS}
_CALL = {"name": "get_weather", "arguments": {"city": "جدة"}}
_EXAMPLE: dict[str, Any] = {
    "messages": [
        {"role": "developer", "content": "You are a model that can do function calling with the following functions"},
        {"role": "user", "content": "كيف الطقس في جدة؟"},
        {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": _CALL}]},
    ],
    "tools": [{"type": "function", "function": _WEATHER}],
}


@dataclass(frozen=True, slots=True)
class Card:
    """A card.

    Attributes:
        part: the part of the release, or ``dataset``.
        text: the card with its metadata.
        missing: what was not measured, each with the option that adds it.
        notice: text of the NOTICE that the base's terms require; empty if they require none.
    """

    part: str
    text: str
    missing: tuple[str, ...] = ()
    notice: str = ""


def make_cards(sources: CardSources) -> list[Card]:
    """Return a card for each exported part of a release.

    Raises:
        InputError: the release has no part.
    """
    parts = [part for part in SUFFIXES if (sources.release.path / part).is_dir()]
    if not parts:
        raise InputError("there is neither adapter/ nor merged/ nor gguf/", where=str(sources.release.path))
    return [_card(sources, part) for part in parts]


def write_card(card: Card, folder: Path) -> bool:
    """Write a card into a folder, with the hand-written sections of the old card; return whether it changed.

    Raises:
        InputError: the marks of hand-written sections in the old card are damaged.
        OutputError: the card cannot be written.
    """
    path = folder / CARD
    old = old_card(path)
    text = keep_human_sections(card.text, old, str(path)) if old else card.text
    if card.notice and not (folder / NOTICE).exists():
        write_file(folder / NOTICE, card.notice.encode())
    if text == old:
        return False
    write_file(path, text.encode())
    return True


def old_card(path: Path) -> str:
    """Return the text of a card; empty if there is none.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from error


@cache
def template(name: str) -> "jinja2.Template":
    """Return a template of this package, for which an undefined name is an error."""
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 - Markdown; values from data go through `cell`
        loader=jinja2.PackageLoader("publishing.cards", "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = _cell
    environment.globals["human"] = human_section
    return environment.get_template(name)


def _cell(value: str) -> str:
    """Escape text for a table cell: no markup, no new column, no new line."""
    text = " ".join(str(value).split())
    for character, plain in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "'")):
        text = text.replace(character, plain)
    return text


def _card(sources: CardSources, part: str) -> Card:
    missing = tuple(_missing(sources, part))
    known = _context(sources, part) | {"missing": missing}
    text = front_matter(model_metadata(sources, part)) + template("model.md.jinja").render(known)
    return Card(part, text, missing, GEMMA_NOTICE if is_gemma(sources.base) else "")


def _context(sources: CardSources, part: str) -> dict[str, Any]:
    """Return the values of the template."""
    release, run, evaluation = sources.release, sources.run, sources.evaluation
    return {
        "part": part,
        "kind": _KINDS[part],
        "name": release.name + SUFFIXES[part],
        "repository": (sources.hub or f"ORG/{release.name}") + SUFFIXES[part],
        "merged_repository": sources.hub or f"ORG/{release.name}",
        "base": public_model(sources.base),
        "tiny": sources.base == "tiny",
        "base_revision": sources.base_revision,
        "gemma": is_gemma(sources.base),
        "terms": GEMMA_TERMS,
        "prompt": render(_EXAMPLE),
        "template_sha256": _recorded_template(sources),
        "cleaning": sources.data.cleaning,
        "build": sources.data.build,
        "dialects": sources.data.dialects,
        "datasets": sources.data.datasets,
        "rules": tables.rule_rows(sources.data),
        "rejects": tables.reject_rows(sources.data),
        "run": run,
        "run_rows": tables.run_rows(sources),
        "recipe": tables.recipe_rows(run) if run else [],
        "curve": tables.curve_rows(sources.steps),
        "validation": tables.validation_rows(sources.steps),
        "evaluated": tables.plain_name(evaluation.name) if evaluation else "",
        "evaluated_on": ", ".join(tables.plain_name(name) for name in evaluation.data) if evaluation else "",
        "evaluation": tables.evaluation_rows(evaluation) if evaluation else [],
        "by_dialect": tables.dialect_rows(evaluation) if evaluation else [],
        "comparison": tables.comparison_rows(sources.comparison) if sources.comparison else [],
        "example": _shipped_example(sources, part),
        "gguf": tables.gguf_rows(sources),
        "extra_stops": tables.extra_stops(sources),
        "measured_on": ", ".join(tables.measured_on(sources)),
        "files": _files(sources, part),
        "versions": tables.version_rows(sources),
    }


def _shipped_example(sources: CardSources, part: str) -> str:
    """Return the shipped ``example.py``; empty if there is none."""
    name = f"{part}/example.py"
    if name not in sources.release.files:
        return ""
    path = sources.release.path / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), hint="export again") from error


def _recorded_template(sources: CardSources) -> str:
    found = (sources.release.files.get(f"{part}/chat_template.jinja") for part in ("merged", "adapter"))
    return next((recorded.sha256 for recorded in found if recorded), "")


def _files(sources: CardSources, part: str) -> list[tuple[str, ...]]:
    return [
        (path.removeprefix(f"{part}/"), f"{recorded.size:,}", recorded.sha256)
        for path, recorded in sorted(sources.release.files.items())
        if path.startswith(f"{part}/")
    ]


def _missing(sources: CardSources, part: str) -> Iterator[str]:
    """Yield what was not measured, with the option that adds it."""
    known: Mapping[str, object] = {
        "the name on the Hub (`--hub ORG/NAME`)": sources.hub,
        "the base model (`--run RUN`)": sources.base,
        "how it was trained (`--run RUN`)": sources.run,
        "learning curves (`--run RUN`, the folder)": sources.steps,
        "an evaluation (`--eval eval.json`)": sources.evaluation,
        "a comparison with the base model (`--compare base-eval.json`)": sources.comparison,
        "how the data was cleaned (`--data report.json`)": sources.data.cleaning,
        "how the samples were built (`--data build.json`)": sources.data.build,
        "the dialects of the data (`--data stats.json`)": sources.data.dialects,
    }
    yield from (what for what, value in known.items() if not value)
    if part == "gguf":
        for name, _, _, memory, speed, *_ in tables.gguf_rows(sources):
            if not memory or not speed:
                yield f"speed and memory of `{name}` (measured by the export)"
