"""Verification of a release: checksums and headers first, then the models, which repeat the recorded answers.

A lossless GGUF file must give the recorded answers of the merged model. If the export found that quantization changes
some answers of a file, a different answer is reported as skipped.
"""

import gc
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any, TypeAlias

from dataset_tools.errors import AfgError, ProofError
from dataset_tools.prompt.render import Kind, Segment
from publishing.cards.sources import base_of, base_revision_of
from publishing.export.agreement import same_answers
from publishing.export.reference_model import load_adapted, load_merged
from publishing.release.manifest import MANIFEST, Release
from publishing.verify.files import Result, VerifyCheck, verify_files
from training.answers.llama_cpp_decoder import GgufDecoder
from training.answers.model_source import find_model
from training.base.base import find_base

__all__ = ["verify"]

_EXTRA = 32  # tokens that an answer may be longer than the recorded one
_LONGEST = 160  # tokens of an answer of a GGUF file; recorded answers have fewer than 128
_PACKAGES = {"merged": ("torch", "transformers"), "adapter": ("torch", "transformers", "peft"), "gguf": ("xllamacpp",)}

_Prompts: TypeAlias = Sequence[dict[str, Any]]  # each with the recorded output


def verify(release: Release, *, load: bool = True) -> Iterator[VerifyCheck]:
    """Check a release, or the parts of it that were pulled.

    Args:
        release: the release.
        load: whether to load the models and repeat the recorded answers.
    """
    failed = False
    for check in verify_files(release):
        failed = failed or check.result is Result.FAILED
        yield check
    if not load:
        return
    if failed:
        yield VerifyCheck("load", MANIFEST, Result.SKIPPED, "files are not loaded if a check has failed")
        return
    prompts = [item for item in release.facts.get("smoke") or () if isinstance(item, dict)]
    for part in ("merged", "adapter"):
        if (release.path / part).is_dir():
            yield from _check_part(release, part, prompts)
            gc.collect()
    for name in sorted(release.files):
        if name.endswith(".gguf") and (release.path / name).is_file():
            yield from _check_gguf(release, name, prompts)


def _check_part(release: Release, part: str, prompts: _Prompts) -> Iterator[VerifyCheck]:
    """Load the merged model, or the adapter on its base, which is downloaded if needed."""
    where, folder = f"{part}/", release.path / part
    if reason := _missing_packages(part):
        yield VerifyCheck("load", where, Result.SKIPPED, reason)
        return
    try:
        if part == "merged":
            model = load_merged(folder).model
        else:
            model = load_adapted(find_base(base_of(release), base_revision_of(release)).folder, folder).model
    except ProofError as error:
        yield VerifyCheck("load", where, Result.FAILED, error.what)
    except AfgError as error:  # the base is not available
        yield VerifyCheck("load", where, Result.SKIPPED, str(error))
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        yield VerifyCheck("load", where, Result.FAILED, " ".join(str(error).split()) or type(error).__name__)
    else:
        yield VerifyCheck("load", where, Result.OK, f"{model.num_parameters():,} parameters")
        yield from _smoke(where, prompts, _part_answers(model, release, part, prompts))


def _check_gguf(release: Release, name: str, prompts: _Prompts) -> Iterator[VerifyCheck]:
    """Load a GGUF file with llama.cpp."""
    if reason := _missing_packages("gguf"):
        yield VerifyCheck("load", name, Result.SKIPPED, reason)
        return
    try:
        decoder = GgufDecoder(find_model(str(release.path / name)), batch=1)
        texts = [[Segment(str(item.get("prompt")), Kind.USER)] for item in prompts] or [[Segment("", Kind.USER)]]
        found = dict(decoder.answers(texts, _LONGEST if prompts else 1))
    except AfgError as error:
        yield VerifyCheck("load", name, Result.FAILED, error.what)
        return
    yield VerifyCheck("load", name, Result.OK, str(decoder.facts["backend"]))
    measured = (release.facts.get("gguf") or {}).get(name.removeprefix("gguf/")) or {}
    agreed = f"{same_answers(measured) or 'not all'} answers agreed at the export"
    excuse = agreed if measured.get("agreement", 1) < 1 else ""
    yield from _smoke(name, prompts, [found[at].text for at in range(len(prompts))], excuse)


def _missing_packages(part: str) -> str:
    """Return the packages that are missing to load a part, as a reason for skipping it."""
    missing = [name for name in _PACKAGES[part] if find_spec(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def _smoke(where: str, prompts: _Prompts, answers: Iterable[str], excuse: str = "") -> Iterator[VerifyCheck]:
    """Compare the answer to each recorded prompt with the recorded one; ``excuse`` says why it may differ."""
    if not prompts:
        yield VerifyCheck("smoke", where, Result.SKIPPED, "no recorded answers in the release")
        return
    for number, (item, answer) in enumerate(zip(prompts, answers, strict=True), 1):
        place = f"{where} prompt {number}"
        if answer == item.get("output"):
            yield VerifyCheck("smoke", place, Result.OK)
        elif excuse:
            yield VerifyCheck("smoke", place, Result.SKIPPED, f"quantized, the answer is {answer!r}; {excuse}")
        else:
            yield VerifyCheck("smoke", place, Result.FAILED, f"the answer is {answer!r}")


def _part_answers(model: Any, release: Release, part: str, prompts: _Prompts) -> Iterator[str]:  # noqa: ANN401 - a model
    """Yield the greedy answer to each prompt, without the token that ends it."""
    import torch
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(release.path / part, local_files_only=True)
    stops = _stops(model, release)
    for item in prompts:
        inputs = tokenizer(str(item.get("prompt")), add_special_tokens=False, return_tensors="pt")
        most = len(tokenizer(str(item.get("output")), add_special_tokens=False)["input_ids"]) + _EXTRA
        with torch.inference_mode():
            output = model.generate(**inputs, max_new_tokens=most, do_sample=False, eos_token_id=stops)
        answer = output[0, inputs["input_ids"].shape[1] :].tolist()
        if answer and answer[-1] in stops:
            answer.pop()
        yield str(tokenizer.decode(answer, skip_special_tokens=False))


def _stops(model: Any, release: Release) -> list[int]:  # noqa: ANN401
    """Return the ids that end an answer: the merged model's if it is here, as an adapter's base may have fewer."""
    from transformers import GenerationConfig

    found = model.generation_config.eos_token_id
    if (release.path / "merged" / "generation_config.json").is_file():
        found = GenerationConfig.from_pretrained(release.path / "merged", local_files_only=True).eos_token_id
    return found if isinstance(found, list) else [found]
