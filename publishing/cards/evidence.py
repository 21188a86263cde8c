"""Whether what a card is made from is of its release: the run that was exported, the model and the base evaluated.

Held against each other is what both sides have recorded. Answers from a file, or a release that knows nothing of its
run, say nothing about weights, and are taken at the user's word.
"""

from collections.abc import Iterable, Mapping
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
    "time": ("training_seconds",),
}
"""What tells runs apart, and in what words it is told; two runs of one recipe take different times."""


def require_run(run: Facts, release: Release, where: Path) -> None:
    """Refuse what is no run, or not the run that a release was made from.

    Raises:
        InputError: it is not.
    """
    hint = "--run with the folder of the run that was exported"
    if run.get("command") != "train" or not isinstance(_at(run, ("recipe", "values")), dict):
        raise InputError("not what `afg train` writes", where=str(where), hint=hint)
    known = release.facts.get("run")
    for word, path in _RUN.items():
        one, other = _at(run, path), _at(known, path)
        if one is not None and other is not None and one != other:
            what = f"another run than the one that was exported: the {word} of its training differs"
            raise InputError(what, where=str(where), hint=hint)


def require_evaluation(evaluation: "Evaluation", release: Release, run: Facts | None, where: Path) -> None:
    """Refuse an evaluation of other weights than the adapter's or the merged ones of a release.

    Raises:
        InputError: it is one.
    """
    hint = "--eval with the evaluation of the run, its adapter or its merged weights"
    decoding = evaluation.decoding
    kind, weights = decoding.get("kind"), decoding.get("weights_sha256")
    if kind == "gguf":
        raise InputError("it evaluates a GGUF file, whose answers may be others", where=str(where), hint=hint)
    if kind == "merged" and weights and weights == _base_weights(release, run):
        raise InputError("it evaluates the base, not this model", where=str(where), hint=hint)
    found = decoding.get("adapter_sha256") if kind == "adapter" else weights
    known = _weights(release, kind) if isinstance(kind, str) else ""
    if found and known and found != known:
        raise InputError("it evaluates another model: its weights are not the release's", where=str(where), hint=hint)


def require_base_evaluation(evaluation: "Evaluation", release: Release, run: Facts | None, where: Path) -> None:
    """Refuse an evaluation of other weights than those of a release's base.

    Raises:
        InputError: it is one.
    """
    hint = "--compare with the evaluation of the base model"
    decoding = evaluation.decoding
    kind, weights = decoding.get("kind"), decoding.get("weights_sha256")
    if kind == "adapter":
        raise InputError("it evaluates an adapter, not the base", where=str(where), hint=hint)
    known = _base_weights(release, run)
    if kind == "merged" and weights and known and weights != known:
        what = "it evaluates another model than the base that was trained on: its weights differ"
        raise InputError(what, where=str(where), hint=hint)


def _base_weights(release: Release, run: Facts | None) -> str:
    """The hash of the base's weights, as evaluating it finds; empty if nobody wrote it down."""
    found = (_at(facts, ("base", "weights_sha256")) for facts in (run, release.facts.get("run")))
    return next((str(digest) for digest in found if digest), "")


def _weights(release: Release, part: str) -> str:
    """The hash of a part's weights, as evaluating it finds; empty if the release has none.

    It is that of the files' hashes, one after the other: :func:`dataset_tools.io.checksums.combined_sha256`.
    """
    names = sorted(name for name in release.files if name.startswith(f"{part}/") and name.endswith(".safetensors"))
    return combined_sha256(release.files[name].sha256 for name in names) if names else ""


def _at(facts: object, path: Iterable[str]) -> Any:  # noqa: ANN401 - JSON
    """What stands at a place of facts; nothing where the way to it ends."""
    for key in path:
        facts = facts.get(key) if isinstance(facts, dict) else None
    return facts
