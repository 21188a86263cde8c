"""The run that is exported: found, and held against what a release needs, before anything is loaded."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_tools.errors import InputError, UsageError
from training.base.base import BUNDLED, Base, base_problems, find_base
from training.fit.run_manifest import hash_files, read_manifest
from training.fit.train import ADAPTER

__all__ = ["ADAPTER_CONFIG", "TEMPLATE", "TOKENIZER_MODEL", "ExportedRun", "find_run"]

ADAPTER_CONFIG = "adapter_config.json"
TOKENIZER_MODEL = "tokenizer.model"
"""The SentencePiece model, which llama.cpp's converter reads and transformers does not always save."""
TEMPLATE = "chat_template.jinja"

_PUBLIC = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class ExportedRun:
    """A finished run with its base.

    Attributes:
        path: the run's folder.
        manifest: what ``run.json`` holds.
        base: the base that was adapted.
        base_id: the name under which others find the base: ``ORG/NAME``, or ``tiny``.
        base_revision: its commit; empty where it has none.
    """

    path: Path
    manifest: dict[str, Any]
    base: Base
    base_id: str
    base_revision: str

    @property
    def adapter(self) -> Path:
        """The folder with the adapter as training wrote it."""
        return self.path / ADAPTER

    @property
    def tokenizer_model(self) -> Path:
        """The base's SentencePiece model."""
        return self.base.tokenizer.folder / TOKENIZER_MODEL

    @property
    def template(self) -> Path:
        """The chat template that the model was trained with."""
        return self.adapter / TEMPLATE

    def public_manifest(self) -> dict[str, Any]:
        """``run.json`` without the paths of this machine."""
        shown: dict[str, Any] = _without_paths(self.manifest)
        shown["base"] = {**shown.get("base", {}), "name": self.base_id, "revision": self.base_revision}
        return shown


def find_run(path: Path, *, base: str = "", base_id: str = "") -> ExportedRun:
    """The run in a folder, with its base.

    Args:
        path: the folder that `afg train` wrote.
        base: where the base lies, if not where the run found it.
        base_id: ``ORG/NAME[@REVISION]`` of the base, where it was trained from a folder.

    Raises:
        InputError: the run is not complete, or a part of it or of its base is missing or another one.
        UsageError: it is no run, or its base has no public name.
    """
    manifest = read_manifest(path)
    if manifest.get("status") != "complete":
        what = f"the run is not complete, its status is {manifest.get('status')!r}"
        raise InputError(what, where=str(path), hint="`afg train` with --resume goes on with it")
    for name in (ADAPTER_CONFIG, "adapter_model.safetensors", "tokenizer.json", TEMPLATE):
        if not (path / ADAPTER / name).is_file():
            raise InputError(f"the run has no {ADAPTER}/{name}", where=str(path), hint="train again")
    told = manifest.get("base", {})
    public, revision = _public_name(told, base_id)
    found = find_base(base or str(told.get("name", "")), "" if base else str(told.get("revision", "")))
    where = str(found.folder)
    if told.get("weights_sha256") != hash_files(sorted(found.folder.glob("*.safetensors"))):
        raise InputError(
            "not the base that was trained on: its weights differ", where=where, hint="name it with --base"
        )
    if problems := base_problems(found, 0):
        raise InputError("; ".join(problems), where=where, hint="FunctionGemma and its fine-tunes can be exported")
    run = ExportedRun(path, manifest, found, public, revision)
    if not run.tokenizer_model.is_file():
        hint = f"download the base again, with its {TOKENIZER_MODEL}"
        raise InputError(f"the base has no {TOKENIZER_MODEL}, which llama.cpp needs", where=where, hint=hint)
    return run


def _public_name(told: dict[str, Any], base_id: str) -> tuple[str, str]:
    """The base's name and revision for others; a folder is nothing that they have."""
    if base_id:
        name, _, revision = base_id.partition("@")
        if not _PUBLIC.fullmatch(name):
            raise UsageError(f"{base_id!r} is no name on the Hub", hint="--base-id ORG/NAME@REVISION")
        return name, revision
    name, revision = str(told.get("name", "")), str(told.get("revision", ""))
    if name != BUNDLED and not (revision and _PUBLIC.fullmatch(name)):
        what = f"the base was trained from the folder {name!r}, which others do not have"
        raise UsageError(what, hint="say with --base-id ORG/NAME@REVISION what it is on the Hub")
    return name, revision


def _without_paths(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _without_paths(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_paths(inner) for inner in value]
    if isinstance(value, str) and (Path(value).is_absolute() or value.startswith("~")):
        return Path(value).name
    return value
