"""The run to export, checked before anything is loaded."""

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
"""SentencePiece model; llama.cpp's converter needs it, and transformers does not always save it."""
TEMPLATE = "chat_template.jinja"

_PUBLIC = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class ExportedRun:
    """A complete run with its base.

    Attributes:
        path: folder of the run.
        manifest: content of ``run.json``.
        base: the base on this machine.
        base_id: public name of the base: ``ORG/NAME``, or ``tiny``.
        base_revision: commit of the base; empty if unknown.
    """

    path: Path
    manifest: dict[str, Any]
    base: Base
    base_id: str
    base_revision: str

    @property
    def adapter(self) -> Path:
        """Folder of the trained adapter."""
        return self.path / ADAPTER

    @property
    def tokenizer_model(self) -> Path:
        """SentencePiece model of the base."""
        return self.base.tokenizer.folder / TOKENIZER_MODEL

    @property
    def template(self) -> Path:
        """Chat template of the training."""
        return self.adapter / TEMPLATE

    def public_manifest(self) -> dict[str, Any]:
        """Return ``run.json`` without local paths."""
        shown: dict[str, Any] = _without_paths(self.manifest)
        shown["base"] = {**shown.get("base", {}), "name": self.base_id, "revision": self.base_revision}
        return shown


def find_run(path: Path, *, base: str = "", base_id: str = "") -> ExportedRun:
    """Find a run and its base.

    Args:
        path: folder that `afg train` wrote.
        base: path or id of the base, if it is not where the run found it.
        base_id: ``ORG/NAME[@REVISION]`` of the base, if the run was trained from a folder.

    Raises:
        InputError: the run is not complete, a file of it or of its base is missing, or the base has other weights.
        UsageError: the folder is not a run, or its base has no public name.
    """
    manifest = read_manifest(path)
    if manifest.get("status") != "complete":
        what = f"the run is not complete, its status is {manifest.get('status')!r}"
        raise InputError(what, where=str(path), hint="`afg train --resume` continues it")
    for name in (ADAPTER_CONFIG, "adapter_model.safetensors", "tokenizer.json", TEMPLATE):
        if not (path / ADAPTER / name).is_file():
            raise InputError(f"the run has no {ADAPTER}/{name}", where=str(path), hint="train again")
    recorded = manifest.get("base", {})
    public, revision = _public_name(recorded, base_id)
    found = find_base(base or str(recorded.get("name", "")), "" if base else str(recorded.get("revision", "")))
    where = str(found.folder)
    if recorded.get("weights_sha256") != hash_files(sorted(found.folder.glob("*.safetensors"))):
        raise InputError("its weights are not those of the run's base", where=where, hint="name the base with --base")
    if problems := base_problems(found, 0):
        raise InputError("; ".join(problems), where=where, hint="FunctionGemma and its fine-tunes can be exported")
    run = ExportedRun(path, manifest, found, public, revision)
    if not run.tokenizer_model.is_file():
        hint = f"download the base again, with its {TOKENIZER_MODEL}"
        raise InputError(f"the base has no {TOKENIZER_MODEL}, which llama.cpp needs", where=where, hint=hint)
    return run


def _public_name(recorded: dict[str, Any], base_id: str) -> tuple[str, str]:
    """Return the public name and revision of the base."""
    if base_id:
        name, _, revision = base_id.partition("@")
        if not _PUBLIC.fullmatch(name):
            raise UsageError(f"{base_id!r} is not a name on the Hub", hint="--base-id ORG/NAME@REVISION")
        return name, revision
    name, revision = str(recorded.get("name", "")), str(recorded.get("revision", ""))
    if name != BUNDLED and not (revision and _PUBLIC.fullmatch(name)):
        what = f"the base of the run is the local folder {name!r}"
        raise UsageError(what, hint="name it on the Hub with --base-id ORG/NAME@REVISION")
    return name, revision


def _without_paths(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _without_paths(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_paths(inner) for inner in value]
    if isinstance(value, str) and (Path(value).is_absolute() or value.startswith("~")):
        return Path(value).name
    return value
