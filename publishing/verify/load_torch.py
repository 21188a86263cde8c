"""Checks that load the merged model and the adapter, and repeat the answers recorded at the export."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from dataset_tools.errors import AfgError, ProofError
from publishing.cards.sources import base_of, base_revision_of
from publishing.export.reference_model import load_adapted, load_merged
from publishing.release.manifest import Release
from publishing.verify.files import Result, VerifyCheck
from training.base.base import find_base

__all__ = ["load_checks"]

_EXTRA = 32  # tokens that an answer may be longer than the recorded one


def load_checks(release: Release) -> Iterator[VerifyCheck]:
    """Load each part that is here, and compare its answers with the recorded ones."""
    prompts = [item for item in release.facts.get("smoke") or () if isinstance(item, dict)]
    for part, load in (("merged", _merged), ("adapter", _adapter)):
        if not (release.path / part).is_dir():
            continue
        if reason := _missing_packages(part):
            yield VerifyCheck("load", f"{part}/", Result.SKIPPED, reason)
            continue
        try:
            model = load(release)
        except ProofError as error:
            yield VerifyCheck("load", f"{part}/", Result.FAILED, error.what)
        except AfgError as error:  # the base is not available
            yield VerifyCheck("load", f"{part}/", Result.SKIPPED, str(error))
        except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
            yield VerifyCheck("load", f"{part}/", Result.FAILED, " ".join(str(error).split()) or type(error).__name__)
        else:
            yield VerifyCheck("load", f"{part}/", Result.OK, f"{model.num_parameters():,} parameters")
            yield from _smoke(model, release, part, prompts)
            del model
            gc.collect()


def _missing_packages(part: str) -> str:
    """Return the packages that are missing to load a part, as a reason for skipping it."""
    wanted = ["torch", "transformers", *(["peft"] if part == "adapter" else [])]
    missing = [name for name in wanted if find_spec(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def _merged(release: Release) -> Any:  # noqa: ANN401 - a model
    return load_merged(release.path / "merged").model


def _adapter(release: Release) -> Any:  # noqa: ANN401
    """Load the adapter on its base, which is downloaded if needed."""
    base = find_base(base_of(release), base_revision_of(release))
    return load_adapted(base.folder, release.path / "adapter").model


def _smoke(model: Any, release: Release, part: str, prompts: Sequence[Mapping[str, Any]]) -> Iterator[VerifyCheck]:  # noqa: ANN401
    """Compare the answer to each recorded prompt with the recorded one."""
    from transformers import AutoTokenizer

    where = f"{part}/"
    if not prompts:
        yield VerifyCheck("smoke", where, Result.SKIPPED, "no recorded answers in the release")
        return
    tokenizer = AutoTokenizer.from_pretrained(release.path / part, local_files_only=True)
    stops = _stops(model, release)
    for number, item in enumerate(prompts, 1):
        answer = _answer(model, tokenizer, str(item.get("prompt")), str(item.get("output")), stops)
        if answer == item.get("output"):
            yield VerifyCheck("smoke", f"{where} prompt {number}", Result.OK)
        else:
            yield VerifyCheck("smoke", f"{where} prompt {number}", Result.FAILED, f"the answer is {answer!r}")


def _stops(model: Any, release: Release) -> list[int]:  # noqa: ANN401
    """Return the ids that end an answer: the merged model's if it is here, as an adapter's base may have fewer."""
    from transformers import GenerationConfig

    found = model.generation_config.eos_token_id
    if (release.path / "merged" / "generation_config.json").is_file():
        found = GenerationConfig.from_pretrained(release.path / "merged", local_files_only=True).eos_token_id
    return found if isinstance(found, list) else [found]


def _answer(model: Any, tokenizer: Any, prompt: str, expected: str, stops: list[int]) -> str:  # noqa: ANN401
    """Return the greedy answer to a prompt, without the token that ends it."""
    import torch

    inputs = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
    most = len(tokenizer(expected, add_special_tokens=False)["input_ids"]) + _EXTRA
    with torch.inference_mode():
        output = model.generate(**inputs, max_new_tokens=most, do_sample=False, eos_token_id=stops)
    answer = output[0, inputs["input_ids"].shape[1] :].tolist()
    if answer and answer[-1] in stops:
        answer.pop()
    return str(tokenizer.decode(answer, skip_special_tokens=False))
