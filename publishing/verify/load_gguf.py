"""Checks that load the GGUF files with llama.cpp, and repeat the answers recorded at the export.

A lossless file must give the recorded answers of the merged model. If the export found that quantization changes some
answers of a file, a different answer is reported as skipped.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dataset_tools.errors import AfgError
from dataset_tools.prompt.render import Kind, Segment
from publishing.export.agreement import same_answers
from publishing.release.manifest import Release
from publishing.verify.files import Result, VerifyCheck
from training.answers.llama_cpp_decoder import GgufDecoder
from training.answers.model_source import find_model

__all__ = ["load_gguf_checks"]

_LONGEST = 160  # tokens; recorded answers have fewer than 128


def load_gguf_checks(release: Release) -> Iterator[VerifyCheck]:
    """Load each GGUF file that is here, and compare its answers with the recorded ones."""
    prompts = [item for item in release.facts.get("smoke") or () if isinstance(item, dict)]
    names = [name for name in sorted(release.files) if name.endswith(".gguf") and (release.path / name).is_file()]
    for name in names:
        if find_spec("xllamacpp") is None:
            yield VerifyCheck("load", name, Result.SKIPPED, "not installed: xllamacpp")
            continue
        try:
            backend, answers = _answers(release.path / name, [str(item.get("prompt")) for item in prompts])
        except AfgError as error:
            yield VerifyCheck("load", name, Result.FAILED, error.what)
        else:
            yield VerifyCheck("load", name, Result.OK, backend)
            yield from _smoke(release, name, prompts, answers)


def _answers(path: Path, texts: Sequence[str]) -> tuple[str, list[str]]:
    """Return the backend that runs a file, and its answers."""
    decoder = GgufDecoder(find_model(str(path)), batch=1)
    prompts = [[Segment(text, Kind.USER)] for text in texts or [""]]
    found = dict(decoder.answers(prompts, _LONGEST if texts else 1))
    return str(decoder.facts["backend"]), [found[at].text for at in range(len(texts))]


def _smoke(
    release: Release, name: str, prompts: Sequence[Mapping[str, Any]], answers: Sequence[str]
) -> Iterator[VerifyCheck]:
    if not prompts:
        yield VerifyCheck("smoke", name, Result.SKIPPED, "no recorded answers in the release")
    measured = (release.facts.get("gguf") or {}).get(name.removeprefix("gguf/")) or {}
    agreement = measured.get("agreement", 1)
    for number, (item, answer) in enumerate(zip(prompts, answers, strict=True), 1):
        where = f"{name} prompt {number}"
        if answer == item.get("output"):
            yield VerifyCheck("smoke", where, Result.OK)
        elif agreement < 1:
            agreed = f"{same_answers(measured) or 'not all'} answers agreed at the export"
            yield VerifyCheck("smoke", where, Result.SKIPPED, f"quantized, the answer is {answer!r}; {agreed}")
        else:
            yield VerifyCheck("smoke", where, Result.FAILED, f"the answer is {answer!r}")
