"""``afg card --check``: what is wrong with a card, found without a network: its metadata, structure and links.

Each check is a generator of problems; nothing is printed or raised here. Secrets and paths of this machine are looked
for by :mod:`publishing.scan.scan`.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import yaml

from dataset_tools.errors import InputError
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


class _Found(NamedTuple):
    """Something wrong: its line, what, and what to do."""

    line: int
    what: str
    hint: str


def lint(path: Path, part: str = "", *, gemma: bool | None = None) -> Iterator[ScanFinding]:
    """Everything that is wrong with a card.

    Args:
        path: the card.
        part: the part of a release that it belongs to, ``adapter``, ``merged``, ``gguf`` or ``dataset``, if known.
        gemma: whether it describes a Gemma derivative; told by its base where that is None.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        yield ScanFinding(str(path), f"it cannot be read: {error}", _AGAIN)
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
    """The front matter, and what is wrong with it as a block."""
    block = _BLOCK.match(text)
    if block is None:
        what = "it does not begin with a block of metadata between two lines '---'"
        return None, [_Found(1, what, "nothing may stand before it, not even a blank line or a byte order mark")]
    found = []
    if second := _SECOND.search(text, block.end()):
        line = text.count("\n", 0, second.start()) + 1
        found.append(_Found(line, "a second block of metadata", "the Hub reads the first alone: make them one"))
    try:
        metadata = yaml.safe_load(block[1])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return None, [*found, _Found(mark.line + 2 if mark else 1, f"no YAML: {_first_line(error)}", _AGAIN)]
    if not isinstance(metadata, dict):
        return None, [*found, _Found(1, "the metadata has no keys", _AGAIN)]
    return metadata, found


def _of_metadata(metadata: dict[str, Any], part: str, *, gemma: bool | None) -> Iterator[_Found]:
    yield from _license(metadata, part, gemma=gemma)
    yield from _languages(metadata)
    yield from _base(metadata, part)
    for key in ("datasets", "tags", "metrics"):
        value = metadata.get(key)
        if value is not None and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            yield _Found(1, f"{key}: a list of names is expected", _AGAIN)
    if "model-index" in metadata:
        yield from _model_index(metadata["model-index"])


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
        yield _Found(1, what, "license: gemma; its terms allow no other")
    elif license_id not in LICENSES:
        yield _Found(
            1, f"license: {license_id!r} is no id that the Hub knows", "such as gemma, apache-2.0, cc-by-4.0, other"
        )
    elif license_id == "other" and not (metadata.get("license_name") and metadata.get("license_link")):
        yield _Found(1, "license: other needs license_name and license_link", "name it and link to its text")


def _languages(metadata: dict[str, Any]) -> Iterator[_Found]:
    value = metadata.get("language")
    for code in value if isinstance(value, list) else [value] if value is not None else []:
        if not is_language(code):
            yield _Found(1, f"language: {code!r} is no code of ISO 639", "ar, and for dialects arz, apc, acm, afb, …")


def _base(metadata: dict[str, Any], part: str) -> Iterator[_Found]:
    bases, relation = metadata.get("base_model"), metadata.get("base_model_relation")
    for base in bases if isinstance(bases, list) else [bases] if bases is not None else []:
        if not isinstance(base, str) or not _NAME.fullmatch(base):
            yield _Found(1, f"base_model: {base!r} is no name on the Hub", "ORG/NAME")
    if relation is not None and relation not in (*RELATIONS.values(), "merge"):
        known = ", ".join([*RELATIONS.values(), "merge"])
        yield _Found(1, f"base_model_relation: {relation!r}", f"one of {known}")
    elif relation is not None and part in RELATIONS and relation != RELATIONS[part]:
        yield _Found(1, f"base_model_relation: {relation!r} for {part}/", f"base_model_relation: {RELATIONS[part]}")


def _model_index(found: object) -> Iterator[_Found]:
    """The structure that the Hub asks of results; one mistake hides them all."""
    if not isinstance(found, list) or not found:
        yield _Found(1, "model-index: a list is expected", _AGAIN)
        return
    for model in found:
        if not isinstance(model, dict) or not model.get("name") or not isinstance(model.get("results"), list):
            yield _Found(1, "model-index: each model needs a name and a list of results", _AGAIN)
            continue
        for number, result in enumerate(model["results"]):
            yield from _result(f"model-index: results[{number}]", result)


def _result(where: str, result: object) -> Iterator[_Found]:
    if not isinstance(result, dict):
        yield _Found(1, f"{where}: an object is expected", _AGAIN)
        return
    for key, inner in (("task", ("type",)), ("dataset", ("type", "name"))):
        value = result.get(key)
        lacking = [name for name in inner if not isinstance(value, dict) or not isinstance(value.get(name), str)]
        if lacking:
            yield _Found(1, f"{where}: {key} needs {' and '.join(lacking)}", _AGAIN)
    metrics = result.get("metrics")
    if not isinstance(metrics, list) or not metrics:
        yield _Found(1, f"{where}: a list of metrics is expected", _AGAIN)
        return
    for metric in metrics:
        if not isinstance(metric, dict) or not isinstance(metric.get("type"), str) or metric.get("value") is None:
            yield _Found(1, f"{where}: each metric needs type and value", _AGAIN)


def _links(text: str, folder: Path) -> Iterator[_Found]:
    """Links to files that are not beside the card, and links that nothing is fetched from safely."""
    plain = _CODE.sub(lambda code: "\n" * code[0].count("\n"), text)
    for match in _LINK.finditer(plain):
        target = match[1].split("#")[0].split("?")[0]
        line = plain.count("\n", 0, match.start()) + 1
        if re.match(r"https?://(localhost|127\.|0\.0\.0\.0|\[::1\])", target):
            yield _Found(line, f"a link to this machine, {target!r}", "link to a public page")
        elif re.match(r"(https?|mailto):", target) or not target:
            continue
        elif re.match(r"[a-z][a-z0-9+.-]*:", target) or PurePosixPath(target).is_absolute():
            yield _Found(
                line, f"a link that only works here, {target!r}", "link to a public page or a file beside the card"
            )
        elif ".." in PurePosixPath(target).parts or not (folder / target).exists():
            yield _Found(line, f"a link to a file that is not there, {target!r}", f"put it beside the {CARD}")


def _sections(text: str, path: Path) -> Iterator[_Found]:
    try:
        human_sections(text, str(path))
    except InputError as error:
        yield _Found(0, error.what, error.hint)


def _first_line(error: Exception) -> str:
    return " ".join(str(getattr(error, "problem", "") or error).split())
