"""What must not be published: secrets, pickles, links out of the folder, local paths, hidden files, odd names.

Each check is a generator of problems over the entries of one repository's folder; nothing is printed or raised here.
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
from publishing.release.repositories import Repository, entries
from publishing.release.weight_headers import SAFETENSORS_START
from publishing.scan.secret_patterns import find_secrets
from publishing.scan.text_blocks import texts

__all__ = ["ScanFinding", "scan", "scan_file"]

_PICKLE_NAMES = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".dill")
_PICKLE_START = re.compile(rb"\x80[\x02-\x05]")
_BAD_IN_NAMES = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]|^\s|\s$')
# Vocabularies hold pieces of paths as tokens.
_VOCABULARIES = ("tokenizer.json", "vocab.json", "added_tokens.json", "special_tokens_map.json")
_TEXTS = (".json", ".md", ".txt", ".jinja", ".yaml", ".yml", ".toml", "Modelfile")
_HOME = re.compile(r"(?:/home/|/Users/|[A-Za-z]:[\\/]+Users[\\/]+)[\w.-]+|(?<![\w/.])/root/[\w.-]+")
_ABSOLUTE = re.compile(r"/[\w.@ -]+(?:/[\w.@ -]+)+/?|[A-Za-z]:[\\/].*|file://.*|~/.*")


@dataclass(frozen=True, slots=True)
class ScanFinding:
    """Something that keeps a repository from being published: where, what, and what to do."""

    where: str
    what: str
    hint: str


def scan(repository: Repository, token: str = "") -> Iterator[ScanFinding]:
    """Everything in a repository's folder that must not be published.

    Args:
        repository: what is to be published.
        token: the user's own token, which must not stand in any file.
    """
    seen: dict[str, str] = {}
    for path in entries(repository.folder):
        name = path.relative_to(repository.folder).as_posix()
        yield from _odd_name(path, name)
        yield from _secret_name(repository.folder, name, token)
        twin = seen.setdefault(name.lower(), name)
        if twin != name:
            yield ScanFinding(
                str(path), f"only capitals tell it from {twin}", "rename one: some disks cannot hold both"
            )
        no_file = list(_no_file(repository.folder, path))
        yield from no_file
        if not no_file:
            # What a dataset's rows say of paths is data, not a path of ours.
            yield from scan_file(path, token, paths=repository.kind == "model" or path.suffix == ".md")
    yield from _adapter_beside_weights(repository)


def scan_file(path: Path, token: str = "", *, paths: bool = True) -> Iterator[ScanFinding]:
    """What a file's content holds that must not be published.

    Args:
        path: an ordinary file.
        token: the user's own token.
        paths: whether paths of this machine are looked for.
    """
    yield from _pickle(path)
    yield from _secret(path, token)
    if paths:
        yield from _local_path(path)


def _odd_name(path: Path, name: str) -> Iterator[ScanFinding]:
    if any(part.startswith(".") for part in name.split("/")):
        yield ScanFinding(str(path), "a hidden file", "remove it: it would be published without anybody seeing it")
    if any(_BAD_IN_NAMES.search(part) for part in name.split("/")):
        yield ScanFinding(str(path), f"a name that other systems cannot hold: {name!r}", "rename it")


def _secret_name(folder: Path, name: str, token: str) -> Iterator[ScanFinding]:
    for kind, _ in find_secrets([os.fsencode(name)], token):
        what = f"the name of a file or folder in it looks like {kind}"
        yield ScanFinding(str(folder), what, "rename it, and revoke the secret where it was issued")


def _no_file(folder: Path, path: Path) -> Iterator[ScanFinding]:
    """Links out of the folder or to nowhere, and what is neither a file nor a link to one."""
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        yield ScanFinding(str(path), "a link out of the folder", "put the file itself there")
    elif not path.exists():
        yield ScanFinding(str(path), "a link to nothing", "remove it")
    elif not stat.S_ISREG(path.stat().st_mode):
        yield ScanFinding(str(path), "no ordinary file", "remove it")


def _pickle(path: Path) -> Iterator[ScanFinding]:
    hint = "remove it: loading it runs code; weights belong into safetensors or GGUF"
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
    told: set[ScanFinding] = set()
    try:
        for which, blocks in texts(path):
            for kind, line in find_secrets(blocks, token):
                where = f"{path} ({which})" if which else f"{path}:{line}"
                found = ScanFinding(where, f"it looks like {kind}", "remove it, and revoke it where it was issued")
                if found not in told:  # a column may hold it in each of its rows
                    told.add(found)
                    yield found
    except InputError as error:
        yield ScanFinding(str(path), f"it cannot be looked into: {error.what}", error.hint)


def _local_path(path: Path) -> Iterator[ScanFinding]:
    """Paths of this machine in configurations and cards; a consumer has no such folder."""
    if not path.name.endswith(_TEXTS) or path.name in _VOCABULARIES:
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    hint = "replace it by a public name, or by a path inside the repository"
    found = None
    if path.suffix == ".json":
        try:
            found = next(_absolute_values(json.loads(text), ""), None)
        except (ValueError, RecursionError):
            yield ScanFinding(str(path), "it is no JSON", "export again")
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


def _adapter_beside_weights(repository: Repository) -> Iterator[ScanFinding]:
    path = repository.folder / "adapter_config.json"
    if repository.part == "merged" and path.exists():
        what = "an adapter's configuration beside merged weights: from_pretrained would load the base instead"
        yield ScanFinding(str(path), what, "remove it")
