"""The model that is evaluated: found by what was named, and held against what decoding needs before it is loaded.

A run, an adapter, a folder with merged weights, a GGUF file, or a repository on the Hub that holds one of them.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.hub_download import download
from dataset_tools.io.jsonl import read_object
from dataset_tools.samples.tokenizer import TokenizerFiles, find_tokenizer, require_functiongemma
from training.base.base import BUNDLED, Base, base_problems, find_base
from training.base.gguf_header import read_header
from training.fit.run_manifest import NAME as RUN
from training.fit.run_manifest import hash_files, read_manifest
from training.fit.train import ADAPTER

__all__ = ["ModelKind", "ModelSource", "find_model"]

_FILES = ("*.json", "*.safetensors", "tokenizer.model", "chat_template.jinja")
_GGUF = ".gguf"
_ADAPTER_CONFIG, _ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_NAMED = "a run, an adapter, a folder with weights, a GGUF file, or ORG/NAME[@REVISION][/FILE.gguf] on the Hub, or tiny"


class ModelKind(StrEnum):
    """What a model consists of."""

    MERGED = "merged"
    ADAPTER = "adapter"
    GGUF = "gguf"


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model on disk.

    Attributes:
        name: what was named.
        revision: the commit on the Hub; empty for what lies on this machine.
        kind: what it consists of.
        path: its folder, or the GGUF file.
        base: the model that an adapter adapts; for merged weights, they themselves; none for GGUF.
        tokenizer: its tokenizer; none for GGUF, which holds its own.
    """

    name: str
    revision: str
    kind: ModelKind
    path: Path
    base: Base | None = None
    tokenizer: TokenizerFiles | None = None

    def adapter_sha256(self) -> str:
        """The hash of the adapter's own weights, which a release lists; nothing for another kind."""
        return hash_files(sorted(self.path.glob("*.safetensors"))) if self.kind is ModelKind.ADAPTER else ""

    def sha256(self) -> str:
        """The hash of all weights that decode: an adapter's and its base's."""
        folders = {self.path, self.base.folder if self.base else self.path}
        files = [path for folder in sorted(folders) for path in sorted(folder.glob("*.safetensors"))]
        return hash_files([self.path] if self.kind is ModelKind.GGUF else files)


def find_model(name: str, *, base: str = "") -> ModelSource:
    """The model that ``name`` means.

    Args:
        name: a run of ``afg train``, an adapter, a folder with merged weights, a GGUF file, one on the Hub, or the
            bundled ``tiny``.
        base: the base of an adapter, where it is not found by the name that the adapter tells.

    Raises:
        InputError: there is none, a part of it is missing or damaged, or it is no FunctionGemma.
        UsageError: ``name`` is none of these.
    """
    if name == BUNDLED:
        return _merged(name, name)
    path = Path(name)
    revision = ""
    if not path.exists():
        path = _downloaded(name)
        revision = path.name if path.is_dir() else path.parent.name
    if path.is_file():
        return _gguf(name, revision, path)
    if (path / RUN).is_file():
        path = _adapter_of(path)
    merged, adapted = (path / "config.json").is_file(), (path / _ADAPTER_CONFIG).is_file()
    if adapted and any(file.name != _ADAPTER_WEIGHTS for file in path.glob("*.safetensors")):
        what = "a whole model and an adapter lie in one folder, so that either could be loaded in place of the other"
        raise InputError(what, where=name, hint=f"move {_ADAPTER_CONFIG} or the other weights away")
    if adapted:
        return _adapter(name, revision, path, base)
    if not merged:
        listed = sorted(file.name for file in path.glob(f"*{_GGUF}"))
        hint = f"name one of its files: {', '.join(listed)}" if listed else f"name {_NAMED}"
        raise InputError("no model in this folder", where=name, hint=hint)
    return _merged(name, str(path), revision)


def _merged(name: str, where: str, revision: str = "") -> ModelSource:
    found = find_base(where)
    _require(base_problems(found, 0), name)
    return ModelSource(name, revision, ModelKind.MERGED, found.folder, found, found.tokenizer)


def _downloaded(name: str) -> Path:
    """The folder or the GGUF file that a name on the Hub means."""
    repo, file = name, ""
    if name.endswith(_GGUF):
        repo, _, file = name.rpartition("/")
    repo, _, revision = repo.partition("@")
    if repo.count("/") != 1 or name.startswith((".", "/", "~")):
        raise UsageError(f"{name!r} is no model", hint=_NAMED)
    folder = download(name, repo, "model", revision or None, (file,) if file else _FILES)
    if file and not (folder / file).is_file():
        raise InputError(f"the repository has no {file}", where=name, hint="its page lists its files")
    return folder / file


def _gguf(name: str, revision: str, path: Path) -> ModelSource:
    if path.suffix != _GGUF:
        raise UsageError(f"{name!r} is no model", hint=_NAMED)
    read_header(path).require_functiongemma(name)
    return ModelSource(name, revision, ModelKind.GGUF, path.resolve())


def _adapter_of(run: Path) -> Path:
    if not (run / ADAPTER / _ADAPTER_CONFIG).is_file():
        status = read_manifest(run).get("status")
        hint = "`afg train` with --resume goes on with it"
        raise InputError(f"the run has no adapter yet, its status is {status!r}", where=str(run), hint=hint)
    return run / ADAPTER


def _adapter(name: str, revision: str, path: Path, base: str) -> ModelSource:
    if not (path / _ADAPTER_WEIGHTS).is_file():
        raise InputError("the adapter has no weights", where=name, hint=f"it holds {_ADAPTER_WEIGHTS}")
    config = read_object(path / _ADAPTER_CONFIG, "save the adapter again")
    run = read_manifest(path.parent) if (path.parent / RUN).is_file() else {}
    told = run.get("base", {})
    wanted = base or told.get("name") or config.get("base_model_name_or_path") or ""
    revision_of_base = "" if base else told.get("revision") or config.get("revision") or ""
    found = _find_base(name, wanted, revision_of_base)
    _require(base_problems(found, 0), name)
    if told and told.get("weights_sha256") != hash_files(sorted(found.folder.glob("*.safetensors"))):
        what = f"{wanted} is not the base that the run adapted: its weights differ"
        raise InputError(what, where=name, hint="name the right one with --base")
    tokenizer = find_tokenizer(str(path)) if (path / "tokenizer.json").is_file() else found.tokenizer
    require_functiongemma(tokenizer)
    return ModelSource(name, revision, ModelKind.ADAPTER, path.resolve(), found, tokenizer)


def _find_base(name: str, wanted: str, revision: str) -> Base:
    hint = "name it with --base: a folder, or ORG/NAME on the Hub"
    if not wanted:
        raise InputError("the adapter names no base", where=name, hint=hint)
    try:
        return find_base(wanted, revision)
    except UsageError as error:
        raise InputError(f"the base of the adapter, {wanted!r}, is not there", where=name, hint=hint) from error


def _require(problems: list[str], name: str) -> None:
    """Refuse a base that has problems; as a model, not as a base, since that is what the user named."""
    if problems:
        raise InputError("; ".join(problems), where=name, hint="FunctionGemma and its fine-tunes can be evaluated")
