"""The models of a release, loaded as a consumer loads them, and asked what was recorded at the export.

Torch and transformers are imported here alone, when something is loaded.
"""

import gc
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from dataset_tools.errors import AfgError, ProofError
from publishing.cards.sources import base_of, base_revision_of
from publishing.export.reference_model import load_adapted, load_merged
from publishing.release.manifest import Release
from publishing.verify.files import Check, Result
from training.base.base import find_base

__all__ = ["load_checks"]

_ROOM = 32  # tokens that an answer may have beyond the recorded one before it is cut off


def load_checks(release: Release) -> Iterator[Check]:
    """Load each part that is here; ask each for the recorded answers."""
    prompts = [item for item in release.facts.get("smoke") or () if isinstance(item, dict)]
    for part, load in (("merged", _merged), ("adapter", _adapter)):
        if not (release.path / part).is_dir():
            continue
        reason = _lacking(part)
        if reason:
            yield Check("load", f"{part}/", Result.SKIPPED, reason)
            continue
        try:
            model = load(release)
        except ProofError as error:
            yield Check("load", f"{part}/", Result.FAILED, error.what)
        except AfgError as error:  # the base cannot be had: no fault of the release
            yield Check("load", f"{part}/", Result.SKIPPED, str(error))
        except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
            yield Check("load", f"{part}/", Result.FAILED, " ".join(str(error).split()) or type(error).__name__)
        else:
            yield Check("load", f"{part}/", Result.OK, f"{model.num_parameters():,} parameters")
            yield from _smoke(model, release, part, prompts)
            del model
            gc.collect()


def _lacking(part: str) -> str:
    """Why a part cannot be loaded on this machine."""
    wanted = ["torch", "transformers", *(["peft"] if part == "adapter" else [])]
    missing = [name for name in wanted if find_spec(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def _merged(release: Release) -> Any:  # noqa: ANN401 - a model

    return load_merged(release.path / "merged").model


def _adapter(release: Release) -> Any:  # noqa: ANN401
    """The adapter on its base, which is downloaded if it is not at hand."""
    base = find_base(base_of(release), base_revision_of(release))
    return load_adapted(base.folder, release.path / "adapter").model


def _smoke(model: Any, release: Release, part: str, prompts: Sequence[Mapping[str, Any]]) -> Iterator[Check]:  # noqa: ANN401
    """Ask the model the recorded prompts; each answer must be the recorded one."""
    from transformers import AutoTokenizer

    where = f"{part}/"
    if not prompts:
        yield Check("smoke", where, Result.SKIPPED, "the release has no recorded answers")
        return
    tokenizer = AutoTokenizer.from_pretrained(release.path / part, local_files_only=True)
    stops = _stops(model, release)
    for number, item in enumerate(prompts, 1):
        answer = _answer(model, tokenizer, str(item.get("prompt")), str(item.get("output")), stops)
        if answer == item.get("output"):
            yield Check("smoke", f"{where} prompt {number}", Result.OK)
        else:
            yield Check("smoke", f"{where} prompt {number}", Result.FAILED, f"it answers {answer!r}")


def _stops(model: Any, release: Release) -> list[int]:  # noqa: ANN401
    """The ids that end an answer: the merged model's, if it is here, for an adapter's base may know fewer."""
    from transformers import GenerationConfig

    found = model.generation_config.eos_token_id
    if (release.path / "merged" / "generation_config.json").is_file():
        found = GenerationConfig.from_pretrained(release.path / "merged", local_files_only=True).eos_token_id
    return found if isinstance(found, list) else [found]


def _answer(model: Any, tokenizer: Any, prompt: str, expected: str, stops: list[int]) -> str:  # noqa: ANN401
    """What follows a prompt greedily, without the token that ends it."""
    import torch

    inputs = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
    room = len(tokenizer(expected, add_special_tokens=False)["input_ids"]) + _ROOM
    with torch.inference_mode():
        output = model.generate(**inputs, max_new_tokens=room, do_sample=False, eos_token_id=stops)
    made = output[0, inputs["input_ids"].shape[1] :].tolist()
    if made and made[-1] in stops:
        made.pop()
    return str(tokenizer.decode(made, skip_special_tokens=False))
