"""Scan for content that must not be published: secrets, pickles, links, local paths, hidden files and bad names.

Each check is a generator of findings. Nothing is printed or raised here.
"""

import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dataset_tools.errors import InputError
from publishing.release.local_files import files_and_links
from publishing.release.repositories import Repository
from publishing.scan.secret_patterns import find_secrets
from publishing.scan.text_blocks import SAFETENSORS_START, text_blocks

__all__ = ["ScanFinding", "scan", "scan_file"]

_PICKLE_NAMES = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".dill")
_PICKLE_START = re.compile(rb"\x80[\x02-\x05]")
_BAD_IN_NAMES = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]|^\s|\s$')
# Vocabularies have pieces of paths as tokens.
_VOCABULARIES = ("tokenizer.json", "vocab.json", "added_tokens.json", "special_tokens_map.json")
_TEXTS = (".json", ".md", ".txt", ".jinja", ".yaml", ".yml", ".toml", "Modelfile")
_HOME = re.compile(r"(?:/home/|/Users/|[A-Za-z]:[\\/]+Users[\\/]+)[\w.-]+|(?<![\w/.])/root/[\w.-]+")
_ABSOLUTE = re.compile(r"/[\w.@ -]+(?:/[\w.@ -]+)+/?|[A-Za-z]:[\\/].*|file://.*|~/.*")


@dataclass(frozen=True, slots=True)
class ScanFinding:
    """A reason against publishing: where it is, what it is, and what to do."""

    where: str
    what: str
    hint: str


def scan(repository: Repository, token: str = "") -> Iterator[ScanFinding]:
    """Yield the findings in a repository's folder.

    Args:
        repository: the content to publish.
        token: the user's own token, which no file may contain.
    """
    seen: dict[str, str] = {}
    for path in files_and_links(repository.folder):
        name = path.relative_to(repository.folder).as_posix()
        yield from _bad_name(path, name)
        yield from _secret_name(repository.folder, name, token)
        twin = seen.setdefault(name.lower(), name)
        if twin != name:
            what, hint = f"the name differs from {twin} only in case", "rename one: some file systems cannot store both"
            yield ScanFinding(str(path), what, hint)
        irregular = list(_irregular_file(repository.folder, path))
        yield from irregular
        if not irregular:
            # Paths in the rows of a dataset are data, not paths of this machine.
            yield from scan_file(path, token, paths=repository.kind == "model" or path.suffix == ".md")
    yield from _adapter_config_with_weights(repository)


def scan_file(path: Path, token: str = "", *, paths: bool = True) -> Iterator[ScanFinding]:
    """Yield the findings in the content of a file.

    Args:
        path: a regular file.
        token: the user's own token.
        paths: whether to look for paths of this machine.
    """
    yield from _pickle(path)
    yield from _secret(path, token)
    if paths:
        yield from _local_path(path)


def _bad_name(path: Path, name: str) -> Iterator[ScanFinding]:
    if any(part.startswith(".") for part in name.split("/")):
        yield ScanFinding(str(path), "a hidden file", "remove it: it would be published unnoticed")
    if any(_BAD_IN_NAMES.search(part) for part in name.split("/")):
        yield ScanFinding(str(path), f"a name that other systems cannot store: {name!r}", "rename it")


def _secret_name(folder: Path, name: str, token: str) -> Iterator[ScanFinding]:
    for kind, _ in find_secrets([os.fsencode(name)], token):
        what = f"the name of a file or folder in it looks like {kind}"
        yield ScanFinding(str(folder), what, "rename it, and revoke the secret where it was issued")


def _irregular_file(folder: Path, path: Path) -> Iterator[ScanFinding]:
    """Find links out of the folder, broken links and special files."""
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        yield ScanFinding(str(path), "a link out of the folder", "copy the file itself")
    elif not path.exists():
        yield ScanFinding(str(path), "a broken link", "remove it")
    elif not stat.S_ISREG(path.stat().st_mode):
        yield ScanFinding(str(path), "not a regular file", "remove it")


def _pickle(path: Path) -> Iterator[ScanFinding]:
    hint = "remove it: loading it runs code; use safetensors or GGUF for weights"
    if path.suffix.lower() in _PICKLE_NAMES:
        yield ScanFinding(str(path), "a pickle, by its name", hint)
        return
    with path.open("rb") as stream:
        start = stream.read(9)
    if _PICKLE_START.match(start) and not SAFETENSORS_START.match(start):
        yield ScanFinding(str(path), "a pickle, by its content", hint)
    elif start.startswith(b"PK\x03\x04") and any(name.endswith(".pkl") for name in _names_in_zip(path)):
        yield ScanFinding(str(path), "a pickle in an archive, as torch.save writes it", hint)


def _names_in_zip(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return []


def _secret(path: Path, token: str) -> Iterator[ScanFinding]:
    found: dict[ScanFinding, None] = {}  # each once: a column may have a secret in every row
    try:
        for text, blocks in text_blocks(path):
            for kind, line in find_secrets(blocks, token):
                where = f"{path} ({text})" if text else f"{path}:{line}"
                found[ScanFinding(where, f"it looks like {kind}", "remove it, and revoke it where it was issued")] = (
                    None
                )
    except InputError as error:
        found[ScanFinding(str(path), f"cannot be scanned: {error.what}", error.hint)] = None
    yield from found


def _local_path(path: Path) -> Iterator[ScanFinding]:
    """Find paths of this machine in configurations and cards."""
    if not path.name.endswith(_TEXTS) or path.name in _VOCABULARIES:
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    hint = "replace it by a public name, or by a path inside the repository"
    found = None
    if path.suffix == ".json":
        try:
            found = next(_absolute_values(json.loads(text), ""), None)
        except (ValueError, RecursionError):
            yield ScanFinding(str(path), "not valid JSON", "export again")
            return
    if found:
        yield ScanFinding(str(path), f"{found[0]}: an absolute path, {found[1]!r}", hint)
        return
    home = _HOME.search(text)
    if home:
        line = text.count("\n", 0, home.start()) + 1
        yield ScanFinding(f"{path}:{line}", f"a path of this machine, {home[0]!r}", hint)


def _absolute_values(value: object, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _absolute_values(inner, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _absolute_values(inner, f"{place}[{number}]")
    elif isinstance(value, str) and _ABSOLUTE.fullmatch(value):
        yield place, value


def _adapter_config_with_weights(repository: Repository) -> Iterator[ScanFinding]:
    path = repository.folder / "adapter_config.json"
    if repository.part == "merged" and path.exists():
        what = "an adapter's configuration next to merged weights: from_pretrained would load the base instead"
        yield ScanFinding(str(path), what, "remove it")
