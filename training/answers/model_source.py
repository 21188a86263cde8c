"""Models by name, checked before anything is loaded: a run, an adapter, a folder with weights, or a GGUF file."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.hub_download import download
from dataset_tools.io.json_text import read_object
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
_NAMED = (
    "use a run, an adapter, a folder with weights, a GGUF file, ORG/NAME[@REVISION][/FILE.gguf] on the Hub, or tiny"
)


class ModelKind(StrEnum):
    """Form of a model."""

    MERGED = "merged"
    ADAPTER = "adapter"
    GGUF = "gguf"


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model on disk.

    Attributes:
        name: the name that the user gave.
        revision: commit on the Hub; empty for a local model.
        kind: form of the model.
        path: its folder, or the GGUF file.
        base: base of an adapter; for merged weights, the model itself; None for GGUF.
        tokenizer: its tokenizer; None for GGUF, which contains its own.
    """

    name: str
    revision: str
    kind: ModelKind
    path: Path
    base: Base | None = None
    tokenizer: TokenizerFiles | None = None

    def adapter_sha256(self) -> str:
        """Return the hash of the adapter's own weights, which a release lists; empty for other forms."""
        return hash_files(sorted(self.path.glob("*.safetensors"))) if self.kind is ModelKind.ADAPTER else ""

    def sha256(self) -> str:
        """Return the hash of all weights: of an adapter and its base."""
        folders = {self.path, self.base.folder if self.base else self.path}
        files = [path for folder in sorted(folders) for path in sorted(folder.glob("*.safetensors"))]
        return hash_files([self.path] if self.kind is ModelKind.GGUF else files)


def find_model(name: str, *, base: str = "") -> ModelSource:
    """Find a model.

    Args:
        name: a run of ``afg train``, an adapter, a folder with merged weights, a GGUF file, one of these on the Hub,
            or the bundled ``tiny``.
        base: base of an adapter, if it is not found by the name in the adapter.

    Raises:
        InputError: the model is missing, incomplete, damaged, or not a FunctionGemma.
        UsageError: ``name`` is not a model.
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
        what = "a full model and an adapter are in one folder, so it is unclear which to load"
        raise InputError(what, where=name, hint=f"move {_ADAPTER_CONFIG} or the other weights away")
    if adapted:
        return _adapter(name, revision, path, base)
    if not merged:
        listed = sorted(file.name for file in path.glob(f"*{_GGUF}"))
        hint = f"name one of its files: {', '.join(listed)}" if listed else _NAMED
        raise InputError("no model in this folder", where=name, hint=hint)
    return _merged(name, str(path), revision)


def _merged(name: str, where: str, revision: str = "") -> ModelSource:
    found = find_base(where)
    _require(base_problems(found, 0), name)
    return ModelSource(name, revision, ModelKind.MERGED, found.folder, found, found.tokenizer)


def _downloaded(name: str) -> Path:
    """Download the folder or the GGUF file of a name on the Hub."""
    repo, file = name, ""
    if name.endswith(_GGUF):
        repo, _, file = name.rpartition("/")
    repo, _, revision = repo.partition("@")
    if repo.count("/") != 1 or name.startswith((".", "/", "~")):
        raise UsageError(f"{name!r} is not a model", hint=_NAMED)
    folder = download(name, repo, "model", revision or None, (file,) if file else _FILES)
    if file and not (folder / file).is_file():
        raise InputError(f"the repository has no {file}", where=name, hint="see the files on its page")
    return folder / file


def _gguf(name: str, revision: str, path: Path) -> ModelSource:
    if path.suffix != _GGUF:
        raise UsageError(f"{name!r} is not a model", hint=_NAMED)
    read_header(path).require_functiongemma(name)
    return ModelSource(name, revision, ModelKind.GGUF, path.resolve())


def _adapter_of(run: Path) -> Path:
    if not (run / ADAPTER / _ADAPTER_CONFIG).is_file():
        status = read_manifest(run).get("status")
        hint = "continue the run with `afg train --resume`"
        raise InputError(f"the run has no adapter yet; its status is {status!r}", where=str(run), hint=hint)
    return run / ADAPTER


def _adapter(name: str, revision: str, path: Path, base: str) -> ModelSource:
    if not (path / _ADAPTER_WEIGHTS).is_file():
        raise InputError("the adapter has no weights", where=name, hint=f"expected {_ADAPTER_WEIGHTS}")
    config = read_object(path / _ADAPTER_CONFIG, "save the adapter again")
    run = read_manifest(path.parent) if (path.parent / RUN).is_file() else {}
    recorded = run.get("base", {})
    wanted = base or recorded.get("name") or config.get("base_model_name_or_path") or ""
    revision_of_base = "" if base else recorded.get("revision") or config.get("revision") or ""
    found = _find_base(name, wanted, revision_of_base)
    _require(base_problems(found, 0), name)
    if recorded and recorded.get("weights_sha256") != hash_files(sorted(found.folder.glob("*.safetensors"))):
        what = f"{wanted} is not the base of the run: its weights differ"
        raise InputError(what, where=name, hint="name the right base with --base")
    tokenizer = find_tokenizer(str(path)) if (path / "tokenizer.json").is_file() else found.tokenizer
    require_functiongemma(tokenizer)
    return ModelSource(name, revision, ModelKind.ADAPTER, path.resolve(), found, tokenizer)


def _find_base(name: str, wanted: str, revision: str) -> Base:
    hint = "name it with --base: a folder, or ORG/NAME on the Hub"
    if not wanted:
        raise InputError("the adapter does not name its base", where=name, hint=hint)
    try:
        return find_base(wanted, revision)
    except UsageError as error:
        raise InputError(f"the base of the adapter, {wanted!r}, was not found", where=name, hint=hint) from error


def _require(problems: list[str], name: str) -> None:
    """Refuse a base with problems, under the name that the user gave."""
    if problems:
        raise InputError("; ".join(problems), where=name, hint="use FunctionGemma or a fine-tune of it")
