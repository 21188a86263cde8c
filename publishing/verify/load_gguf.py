"""The GGUF files of a release, loaded with llama.cpp as a consumer loads them, and asked what was recorded.

A file without loss must give the recorded answers, which are the merged model's. A quantised one may differ where the
export found that it does; so such an answer is told, but it is no mistake.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dataset_tools.errors import AfgError
from dataset_tools.prompt.render import Kind, Segment
from publishing.export.agreement import same_answers
from publishing.release.manifest import Release
from publishing.verify.files import Check, Result
from training.answers.llama_cpp_decoder import GgufDecoder
from training.answers.model_source import find_model

__all__ = ["load_gguf_checks"]

_MOST = 160  # tokens; what the export recorded has fewer than 128


def load_gguf_checks(release: Release) -> Iterator[Check]:
    """Load each GGUF file that is here; ask each for the recorded answers."""
    prompts = [item for item in release.facts.get("smoke") or () if isinstance(item, dict)]
    names = [name for name in sorted(release.files) if name.endswith(".gguf") and (release.path / name).is_file()]
    for name in names:
        if find_spec("xllamacpp") is None:
            yield Check("load", name, Result.SKIPPED, "not installed: xllamacpp")
            continue
        try:
            told, answers = _answers(release.path / name, [str(item.get("prompt")) for item in prompts])
        except AfgError as error:
            yield Check("load", name, Result.FAILED, error.what)
        else:
            yield Check("load", name, Result.OK, told)
            yield from _smoke(release, name, prompts, answers)


def _answers(path: Path, texts: Sequence[str]) -> tuple[str, list[str]]:
    """What runs a file, and what it answers."""
    decoder = GgufDecoder(find_model(str(path)), batch=1)
    prompts = [[Segment(text, Kind.USER)] for text in texts or [""]]
    found = dict(decoder.answers(prompts, _MOST if texts else 1))
    return str(decoder.facts["backend"]), [found[at].text for at in range(len(texts))]


def _smoke(
    release: Release, name: str, prompts: Sequence[Mapping[str, Any]], answers: Sequence[str]
) -> Iterator[Check]:
    if not prompts:
        yield Check("smoke", name, Result.SKIPPED, "the release has no recorded answers")
    measured = (release.facts.get("gguf") or {}).get(name.removeprefix("gguf/")) or {}
    agreement = measured.get("agreement", 1)
    for number, (item, answer) in enumerate(zip(prompts, answers, strict=True), 1):
        where = f"{name} prompt {number}"
        if answer == item.get("output"):
            yield Check("smoke", where, Result.OK)
        elif agreement < 1:
            told = f"quantised, it answers {answer!r}; {same_answers(measured) or 'not all'} were the merged model's"
            yield Check("smoke", where, Result.SKIPPED, told)
        else:
            yield Check("smoke", where, Result.FAILED, f"it answers {answer!r}")
