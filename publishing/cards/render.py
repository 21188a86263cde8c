"""``afg card``: model cards of a release, from what was measured. What was not is listed as missing, never made up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import InputError
from dataset_tools.io.atomic_file import write_file
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
_EXAMPLE: dict[str, Any] = {
    "messages": [
        {"role": "developer", "content": "You are a model that can do function calling with the following functions"},
        {"role": "user", "content": "كيف الطقس في جدة؟"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"type": "function", "function": {"name": "get_weather", "arguments": {"city": "جدة"}}}],
        },
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "حالة الطقس في مدينة",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string", "description": "المدينة"}},
                    "required": ["city"],
                },
            },
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Card:
    """A card.

    Attributes:
        part: the part of the release that it describes, or ``dataset``.
        text: the card.
        missing: what nobody has measured, each with the option that brings it.
        notice: the text of the notice that must stand beside the model; empty where there is no such duty.
    """

    part: str
    text: str
    missing: tuple[str, ...] = ()
    notice: str = ""


def make_cards(sources: CardSources) -> list[Card]:
    """The cards of a release's parts, as far as they were exported.

    Raises:
        InputError: the release has no part.
    """
    parts = [part for part in SUFFIXES if (sources.release.path / part).is_dir()]
    if not parts:
        raise InputError(
            "nothing to write a card for: neither adapter/ nor merged/ nor gguf/", where=str(sources.release.path)
        )
    return [_card(sources, part) for part in parts]


def write_card(card: Card, folder: Path) -> bool:
    """Write a card into a folder; what a person wrote in the card that is there stays. Tells whether it changed.

    Raises:
        InputError: the marks of human sections in the old card are damaged.
        OutputError: it cannot be written.
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
    """The card that stands there; nothing if there is none.

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
    """A template of this package. A name that it does not get is an error."""
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 - Markdown; what comes from data goes through `cell`
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
    """Text inside of a table or a line: no markup, no new column, no new line."""
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
    """What the template is given: plain values and rows of text."""
    release, run, evaluation = sources.release, sources.run, sources.evaluation
    rules, rejects = tables.cleaning_rows(sources.data)
    rejects += tables.left_out_rows(sources.data)
    example = render(_EXAMPLE)
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
        "prompt": example,
        "template_sha256": _recorded_template(sources),
        "cleaning": sources.data.cleaning,
        "build": sources.data.build,
        "dialects": sources.data.dialects,
        "datasets": sources.data.datasets,
        "rules": rules,
        "rejects": rejects,
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
        "measured_on": ", ".join(tables.measured_on(sources)),
        "files": _files(sources, part),
        "versions": tables.version_rows(sources),
    }


def _shipped_example(sources: CardSources, part: str) -> str:
    """The example that lies beside the card: what a reader sees is what they run. Nothing if none was shipped."""
    name = f"{part}/example.py"
    if name not in sources.release.files:
        return ""
    try:
        return (sources.release.path / name).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=str(sources.release.path / name), hint="export again"
        ) from error


def _recorded_template(sources: CardSources) -> str:
    for part in ("merged", "adapter"):
        if recorded := sources.release.files.get(f"{part}/chat_template.jinja"):
            return recorded.sha256
    return ""


def _files(sources: CardSources, part: str) -> list[tuple[str, ...]]:
    return [
        (path.removeprefix(f"{part}/"), f"{recorded.size:,}", recorded.sha256)
        for path, recorded in sorted(sources.release.files.items())
        if path.startswith(f"{part}/")
    ]


def _missing(sources: CardSources, part: str) -> Iterator[str]:
    """What the card would say if somebody had measured it, each with what brings it."""
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
