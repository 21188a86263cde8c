"""``afg card --check``: problems in a card's metadata, structure and links, found without a network.

Each check is a generator of problems. :mod:`publishing.scan.scan` searches for secrets and local paths.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import yaml

from dataset_tools.errors import InputError
from dataset_tools.tool_schema.validator import Validator, dotted
from publishing.cards.hub_terms import LICENSES, RELATIONS, is_language
from publishing.cards.human_sections import human_sections
from publishing.release.repositories import CARD
from publishing.scan.scan import ScanFinding

__all__ = ["lint"]

_BLOCK = re.compile(r"\A---\r?\n(.*?)^---\r?$\n?", re.MULTILINE | re.DOTALL)
_SECOND = re.compile(r"^---\s*\n(?:[a-z][\w-]*:.*\n|- .*\n|  .*\n)+---\s*$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")
_GEMMA = re.compile(r"gemma", re.IGNORECASE)
_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)?")
_AGAIN = "write the card again with `afg card`"
_TEXT = {"type": "string"}
_METRIC = {
    "type": "object",
    "required": ["type", "value"],
    "properties": {"type": _TEXT, "value": {"not": {"const": None}}},
}
_RESULT = {
    "type": "object",
    "required": ["task", "dataset", "metrics"],
    "properties": {
        "task": {"type": "object", "required": ["type"], "properties": {"type": _TEXT}},
        "dataset": {"type": "object", "required": ["type", "name"], "properties": {"type": _TEXT, "name": _TEXT}},
        "metrics": {"type": "array", "minItems": 1, "items": _METRIC},
    },
}
_MODEL = {
    "type": "object",
    "required": ["name", "results"],
    "properties": {"name": _TEXT, "results": {"type": "array", "items": _RESULT}},
}
_STRUCTURE: dict[str, Any] = {
    **{key: {"type": ["array", "null"], "items": _TEXT} for key in ("datasets", "tags", "metrics")},
    "model-index": {"type": "array", "minItems": 1, "items": _MODEL},
}
"""Structure that the Hub requires; one mistake in the model index hides all results."""


class _Found(NamedTuple):
    """A problem: its line, what is wrong, and what to do."""

    line: int
    what: str
    hint: str


def lint(path: Path, part: str = "", *, gemma: bool | None = None) -> Iterator[ScanFinding]:
    """Yield the problems of a card.

    Args:
        path: the card.
        part: ``adapter``, ``merged``, ``gguf`` or ``dataset``; empty if unknown.
        gemma: whether it describes a Gemma derivative; None to guess from its base.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        yield ScanFinding(str(path), f"cannot be read: {error}", _AGAIN)
        return
    metadata, found = _metadata(text)
    yield from (_place(path, problem) for problem in found)
    if metadata is not None:
        for problem in _of_metadata(metadata, part, gemma=gemma):
            yield _place(path, problem)
    for problem in (*_links(text, path.parent), *_sections(text, path)):
        yield _place(path, problem)


def _place(path: Path, problem: _Found) -> ScanFinding:
    return ScanFinding(f"{path}:{problem.line}" if problem.line else str(path), problem.what, problem.hint)


def _metadata(text: str) -> tuple[dict[str, Any] | None, list[_Found]]:
    """Return the front matter, and the problems of its block."""
    block = _BLOCK.match(text)
    if block is None:
        what = "the card must begin with metadata between two lines '---'"
        return None, [_Found(1, what, "nothing may come before it, not even a blank line or a byte order mark")]
    found = []
    if second := _SECOND.search(text, block.end()):
        line = text.count("\n", 0, second.start()) + 1
        found.append(_Found(line, "a second block of metadata", "the Hub reads only the first: merge them"))
    try:
        metadata = yaml.safe_load(block[1])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = " ".join(str(getattr(error, "problem", "") or error).split())
        return None, [*found, _Found(mark.line + 2 if mark else 1, f"invalid YAML: {problem}", _AGAIN)]
    if not isinstance(metadata, dict):
        return None, [*found, _Found(1, "the metadata has no keys", _AGAIN)]
    return metadata, found


def _of_metadata(metadata: dict[str, Any], part: str, *, gemma: bool | None) -> Iterator[_Found]:
    yield from _license(metadata, part, gemma=gemma)
    yield from _languages(metadata)
    yield from _base(metadata, part)
    present = {key: value for key, value in metadata.items() if key in _STRUCTURE}
    for error in Validator({"properties": _STRUCTURE}).errors(present):
        yield _Found(1, f"{dotted(error.path).removeprefix('.')}: {error.message}", _AGAIN)


def _license(metadata: dict[str, Any], part: str, *, gemma: bool | None) -> Iterator[_Found]:
    license_id = metadata.get("license")
    if gemma is None:
        bases = metadata.get("base_model") or ""
        gemma = part != "dataset" and bool(_GEMMA.search(" ".join(bases) if isinstance(bases, list) else str(bases)))
    if license_id is None:
        if part != "dataset" or gemma:
            yield _Found(1, "no licence", "license: gemma, for anything derived from Gemma")
        return
    if gemma and license_id != "gemma":
        what = f"license: {license_id!r} for a model derived from Gemma"
        yield _Found(1, what, "license: gemma, as its terms require")
    elif license_id not in LICENSES:
        yield _Found(1, f"license: {license_id!r} is not an id of the Hub", "gemma, apache-2.0, cc-by-4.0, other, …")
    elif license_id == "other" and not (metadata.get("license_name") and metadata.get("license_link")):
        yield _Found(1, "license: other needs license_name and license_link", "name it and link to its text")


def _languages(metadata: dict[str, Any]) -> Iterator[_Found]:
    value = metadata.get("language")
    for code in value if isinstance(value, list) else [value] if value is not None else []:
        if not is_language(code):
            yield _Found(1, f"language: {code!r} is not an ISO 639 code", "ar, and for dialects arz, apc, acm, afb, …")


def _base(metadata: dict[str, Any], part: str) -> Iterator[_Found]:
    bases, relation = metadata.get("base_model"), metadata.get("base_model_relation")
    for base in bases if isinstance(bases, list) else [bases] if bases is not None else []:
        if not isinstance(base, str) or not _NAME.fullmatch(base):
            yield _Found(1, f"base_model: {base!r} is not a name on the Hub", "ORG/NAME")
    if relation is not None and relation not in (*RELATIONS.values(), "merge"):
        known = ", ".join([*RELATIONS.values(), "merge"])
        yield _Found(1, f"base_model_relation: {relation!r}", f"one of {known}")
    elif relation is not None and part in RELATIONS and relation != RELATIONS[part]:
        yield _Found(1, f"base_model_relation: {relation!r} for {part}/", f"base_model_relation: {RELATIONS[part]}")


def _links(text: str, folder: Path) -> Iterator[_Found]:
    """Yield links to missing files and links that work only on this machine."""
    plain = _CODE.sub(lambda code: "\n" * code[0].count("\n"), text)
    for match in _LINK.finditer(plain):
        target = match[1].split("#")[0].split("?")[0]
        line = plain.count("\n", 0, match.start()) + 1
        if re.match(r"https?://(localhost|127\.|0\.0\.0\.0|\[::1\])", target):
            yield _Found(line, f"a link to this machine: {target!r}", "link to a public page")
        elif re.match(r"(https?|mailto):", target) or not target:
            continue
        elif re.match(r"[a-z][a-z0-9+.-]*:", target) or PurePosixPath(target).is_absolute():
            what = f"a link that works only on this machine: {target!r}"
            yield _Found(line, what, "link to a public page or a file next to the card")
        elif ".." in PurePosixPath(target).parts or not (folder / target).exists():
            yield _Found(line, f"a link to a missing file: {target!r}", f"put it next to the {CARD}")


def _sections(text: str, path: Path) -> Iterator[_Found]:
    try:
        human_sections(text, str(path))
    except InputError as error:
        yield _Found(0, error.what, error.hint)
