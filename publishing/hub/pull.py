"""``afg pull``: a release fetched from the Hub as a consumer gets it, laid out as it was exported.

Each repository holds ``release.json``, so the parts can be seen to belong together, and every file is held against its
checksum. ``release.json`` is put there last: where it stands, the release is whole.
"""

import glob
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.atomic_file import AtomicFile, check_writable, remove_partials, write_file
from dataset_tools.io.checksums import sha256
from dataset_tools.io.hub_download import download
from publishing.release.manifest import CARD_FILES, MANIFEST, Recorded, Release, read_release
from publishing.release.repositories import SUFFIXES, check_name, entries, quant_of

__all__ = ["Pulled", "pull"]


@dataclass(frozen=True, slots=True)
class Pulled:
    """A release that was fetched.

    Attributes:
        release: the release.
        commits: the commit of each repository that it came from.
        written: how many files were written; the others were there already.
        absent: the parts that the release has not, or that were not asked for.
    """

    release: Release
    commits: dict[str, str]
    written: int
    absent: tuple[str, ...]


def pull(
    name: str,
    output: Path,
    *,
    tag: str = "",
    parts: Iterable[str] = (),
    quant: str = "",
    tell: Callable[[str], None] = lambda _: None,
) -> Pulled:
    """Fetch a release.

    Args:
        name: ``ORG/NAME``.
        output: the folder that it is laid out in.
        tag: a tag or commit of each repository; what is newest if empty.
        parts: the parts to fetch, ``adapter``, ``merged`` or ``gguf``; all that there are if empty.
        quant: of the GGUF files only the one of this type; without ``parts``, no other part.
        tell: is given a line for each repository.

    Raises:
        InputError: there is no such release, it cannot be reached, or a file is not what ``release.json`` says.
        OutputError: the folder cannot be written.
        UsageError: a name or part is none, or the folder holds files of another release.
    """
    check_name(name)
    wanted = _parts(parts, quant)
    folders = _manifests(name, tag, wanted)
    release = _one_release(name, folders)
    files = {part: _files(release, part, quant, name) for part in folders}
    content = (release.path / MANIFEST).read_bytes()
    check_writable(output / MANIFEST)
    _make_room(output, release, content)
    written = 0
    commits = {}
    for part, names in files.items():
        repository = name + SUFFIXES[part]
        source = _fetch(repository, folders[part].name, [*names, *CARD_FILES])  # what was newest may not be any more
        commits[repository] = source.name
        tell(f"{repository}: {len(names)} files at {source.name[:8]}")
        written += sum(_take(source / file, output / part / file, names.get(file)) for file in _present(source, names))
    write_file(output / MANIFEST, content)
    absent = tuple(part for part in SUFFIXES if part not in folders)
    return Pulled(read_release(output), commits, written, absent)


def _parts(parts: Iterable[str], quant: str) -> list[str]:
    """The parts that are asked for.

    Raises:
        UsageError: there is no such part.
    """
    asked = list(dict.fromkeys(parts)) or (["gguf"] if quant else list(SUFFIXES))
    for part in asked:
        if part not in SUFFIXES:
            raise UsageError(f"{part!r} is no part of a release", hint=f"--part {', '.join(SUFFIXES)}")
    return asked


def _manifests(name: str, tag: str, parts: list[str]) -> dict[str, Path]:
    """The folder with ``release.json`` of each part that there is.

    Raises:
        InputError: there is none of them.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    found: dict[str, Path] = {}
    missing: InputError | None = None
    for part in parts:
        try:
            found[part] = _fetch(name + SUFFIXES[part], tag, [MANIFEST])
        except InputError as error:
            # A release need not have every part; any other failure is one.
            if not isinstance(error.__cause__, RepositoryNotFoundError):
                raise
            missing = error
    if not found and missing is not None:
        raise missing
    return found


def _one_release(name: str, folders: dict[str, Path]) -> Release:
    """The release that all parts belong to.

    Raises:
        InputError: a repository holds no release, or they hold different ones.
    """
    for part, folder in folders.items():
        if not (folder / MANIFEST).is_file():
            what = f"no {MANIFEST} in it"
            raise InputError(what, where=name + SUFFIXES[part], hint="only what `afg publish` has put there is pulled")
    first, *others = folders
    for part in others:
        if (folders[part] / MANIFEST).read_bytes() != (folders[first] / MANIFEST).read_bytes():
            what = f"it is of another release than {name + SUFFIXES[first]}"
            raise InputError(what, where=name + SUFFIXES[part], hint="name a tag that both have: --tag v1.0.0")
    return read_release(folders[first])


def _make_room(output: Path, release: Release, content: bytes) -> None:
    """Make sure that the folder will hold one release, and no list while its files change.

    Raises:
        UsageError: there are files in it that this release has not.
    """
    for part in SUFFIXES:
        for folder, _, _ in os.walk(output / part):
            remove_partials(Path(folder))
    manifest = output / MANIFEST
    if manifest.is_file() and manifest.read_bytes() == content:
        return
    for part in SUFFIXES:
        for path in entries(output / part):
            name = path.relative_to(output).as_posix()
            recorded = release.files.get(name)
            if name.split("/", 1)[1] not in CARD_FILES and not _is_held(path, recorded):
                hint = "choose another folder with -o, or remove this one"
                raise UsageError("another release's file, or none of a release", where=str(path), hint=hint)
    manifest.unlink(missing_ok=True)


def _is_held(path: Path, recorded: Recorded | None) -> bool:
    if recorded is None or not path.is_file() or path.stat().st_size != recorded.size:
        return False
    return sha256(path) == recorded.sha256


def _files(release: Release, part: str, quant: str, name: str) -> dict[str, Recorded]:
    """The recorded files of a part, by their path in its repository.

    Raises:
        InputError: there is no GGUF file of the type.
    """
    found = {
        path.removeprefix(f"{part}/"): recorded
        for path, recorded in release.files.items()
        if path.startswith(f"{part}/") and not path.endswith("/README.md")  # cards change after the export
    }
    if part != "gguf" or not quant:
        return found
    types = {file: quant_of(file) for file in found if file.endswith(".gguf")}
    if quant.upper() not in types.values():
        known = ", ".join(sorted(types.values()))
        raise InputError(f"no GGUF file of the type {quant}", where=name + SUFFIXES[part], hint=f"there are {known}")
    return {file: recorded for file, recorded in found.items() if types.get(file, quant.upper()) == quant.upper()}


def _fetch(repository: str, tag: str, names: list[str]) -> Path:
    """The folder of the client's cache that holds files of a repository; what is there already is not sent again."""
    patterns = [glob.escape(name) for name in names]
    return download(repository, repository, "model", tag or None, patterns)


def _present(source: Path, names: Iterable[str]) -> list[str]:
    return [*names, *(name for name in CARD_FILES if name not in names and (source / name).is_file())]


def _take(source: Path, target: Path, recorded: Recorded | None) -> bool:
    """Put a file where it belongs, if it is not there already; tells whether it was written.

    Raises:
        InputError: it is missing or not the one that was recorded.
    """
    if not source.is_file():
        raise InputError(f"{MANIFEST} lists it, and the Hub has it not", where=str(target), hint="is the tag right?")
    digest = sha256(source)
    if recorded and digest != recorded.sha256:
        what = f"it is not the file that {MANIFEST} lists"
        raise InputError(what, where=str(target), hint="tell whoever published it; do not use it")
    if target.is_file() and sha256(target) == digest:
        return False
    check_writable(target)
    with AtomicFile(target) as stream, source.open("rb") as content:
        shutil.copyfileobj(content, stream, 1 << 20)
    return True
