"""Checks that the inputs of a card belong to its release: the exported run, its model and its base.

Only recorded facts are compared. Answers from a file and a release without its run record no weights, and are accepted.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tools.errors import InputError
from dataset_tools.io.checksums import combined_sha256
from publishing.release.manifest import Release

if TYPE_CHECKING:
    from training.evaluate.eval_file import Evaluation

__all__ = ["require_base_evaluation", "require_evaluation", "require_run"]

Facts = Mapping[str, Any]

_RUN = {
    "recipe": ("recipe", "fingerprint"),
    "base": ("base", "weights_sha256"),
    "data": ("data", "sha256"),
    "training time": ("training_seconds",),
}
"""Facts that differ between runs; two runs with the same recipe and data take different times."""


def require_run(run: Facts, release: Release, where: Path) -> None:
    """Require the run that a release was made from.

    Raises:
        InputError: the file is not of a run, or of another one.
    """
    hint = "--run with the folder of the exported run"
    if run.get("command") != "train" or not isinstance(_at(run, "recipe", "values"), dict):
        raise InputError("not what `afg train` writes", where=str(where), hint=hint)
    for word, path in _RUN.items():
        found, known = _at(run, *path), _at(release.facts.get("run"), *path)
        if found is not None and known is not None and found != known:
            raise InputError(f"not the exported run: the {word} differs", where=str(where), hint=hint)


def require_evaluation(evaluation: "Evaluation", release: Release, run: Facts | None, where: Path) -> None:
    """Require an evaluation of the adapter or of the merged weights of a release.

    Raises:
        InputError: it evaluates other weights.
    """
    hint = "--eval with the evaluation of the run, its adapter or its merged weights"
    decoding = evaluation.decoding
    kind, weights = decoding.get("kind"), decoding.get("weights_sha256")
    if kind == "gguf":
        raise InputError("it evaluates a GGUF file, which may answer differently", where=str(where), hint=hint)
    if kind == "merged" and weights and weights == _base_weights(release, run):
        raise InputError("it evaluates the base, not this model", where=str(where), hint=hint)
    found = decoding.get("adapter_sha256") if kind == "adapter" else weights
    known = _weights(release, kind) if isinstance(kind, str) else ""
    if found and known and found != known:
        raise InputError("it evaluates another model: its weights differ", where=str(where), hint=hint)


def require_base_evaluation(evaluation: "Evaluation", release: Release, run: Facts | None, where: Path) -> None:
    """Require an evaluation of a release's base.

    Raises:
        InputError: it evaluates other weights.
    """
    hint = "--compare with the evaluation of the base model"
    decoding = evaluation.decoding
    kind, weights = decoding.get("kind"), decoding.get("weights_sha256")
    if kind == "adapter":
        raise InputError("it evaluates an adapter, not the base", where=str(where), hint=hint)
    known = _base_weights(release, run)
    if kind == "merged" and weights and known and weights != known:
        raise InputError("it evaluates another base: its weights differ", where=str(where), hint=hint)


def _base_weights(release: Release, run: Facts | None) -> str:
    """Return the hash of the base's weights, as an evaluation records it; empty if unknown."""
    found = (_at(facts, "base", "weights_sha256") for facts in (run, release.facts.get("run")))
    return next((str(digest) for digest in found if digest), "")


def _weights(release: Release, part: str) -> str:
    """Return the hash of a part's weights, as an evaluation records it; empty if the release has none."""
    names = sorted(name for name in release.files if name.startswith(f"{part}/") and name.endswith(".safetensors"))
    return combined_sha256(release.files[name].sha256 for name in names) if names else ""


def _at(facts: object, *path: str) -> Any:  # noqa: ANN401 - JSON
    """Return the value at a path of keys; None if there is none."""
    for key in path:
        facts = facts.get(key) if isinstance(facts, dict) else None
    return facts
