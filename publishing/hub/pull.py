"""Download of a release from the Hub into the layout of the export.

Each repository has ``release.json``, which proves that the parts belong together, and every file is compared with its
checksum. ``release.json`` is written last: a folder that has it is complete.
"""

import glob
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dataset_tools.display.console import counted
from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.checksums import sha256
from dataset_tools.io.hub_download import download
from dataset_tools.io.output_paths import check_writable
from dataset_tools.io.writer import AtomicFile, remove_partials, write_file
from publishing.release.local_files import files_and_links
from publishing.release.manifest import CARD_FILES, MANIFEST, Recorded, Release, read_release
from publishing.release.repositories import SUFFIXES, check_name, quant_of

__all__ = ["Pulled", "pull"]


@dataclass(frozen=True, slots=True)
class Pulled:
    """A downloaded release.

    Attributes:
        release: the release.
        commits: the commit of each repository.
        written: the number of files written; the others existed already.
        absent: the parts that do not exist or were not requested.
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
    log: Callable[[str], None] = lambda _: None,
) -> Pulled:
    """Download a release.

    Args:
        name: ``ORG/NAME``.
        output: the folder for the parts.
        tag: a tag or commit of each repository; empty for the newest.
        parts: ``adapter``, ``merged`` or ``gguf``; empty for all that exist.
        quant: the type of the only GGUF file to download; without ``parts``, no other part.
        log: receives a line for each repository.

    Raises:
        InputError: the release does not exist or cannot be reached, or a file differs from ``release.json``.
        OutputError: the folder cannot be written.
        UsageError: a name or part is not valid, or the folder has files of another release.
    """
    check_name(name)
    folders = _manifests(name, tag, _parts(parts, quant))
    release = _one_release(name, folders)
    files = {part: _files(release, part, quant, name) for part in folders}
    content = (release.path / MANIFEST).read_bytes()
    check_writable(output / MANIFEST)
    _clear_folder(output, release, content)
    written, commits = 0, dict[str, str]()
    for part, names in files.items():
        repository = name + SUFFIXES[part]
        source = _fetch(repository, folders[part].name, [*names, *CARD_FILES])  # the newest may have changed
        commits[repository] = source.name
        log(f"{repository}: {counted(len(names), 'file')} at {source.name[:8]}")
        written += sum(_take(source / file, output / part / file, names.get(file)) for file in _present(source, names))
    write_file(output / MANIFEST, content)
    return Pulled(read_release(output), commits, written, tuple(part for part in SUFFIXES if part not in folders))


def _parts(parts: Iterable[str], quant: str) -> list[str]:
    """Return the requested parts."""
    wanted = list(dict.fromkeys(parts)) or (["gguf"] if quant else list(SUFFIXES))
    for part in wanted:
        if part not in SUFFIXES:
            raise UsageError(f"a release has no part {part!r}", hint=f"--part {', '.join(SUFFIXES)}")
    return wanted


def _manifests(name: str, tag: str, parts: list[str]) -> dict[str, Path]:
    """Return the folder with ``release.json`` of each existing part.

    Raises:
        InputError: no part exists, or one cannot be downloaded.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    found: dict[str, Path] = {}
    missing: InputError | None = None
    for part in parts:
        try:
            found[part] = _fetch(name + SUFFIXES[part], tag, [MANIFEST])
        except InputError as error:
            # A release may lack parts.
            if not isinstance(error.__cause__, RepositoryNotFoundError):
                raise
            missing = error
    if not found and missing is not None:
        raise missing
    return found


def _one_release(name: str, folders: dict[str, Path]) -> Release:
    """Return the release of all parts.

    Raises:
        InputError: a repository has no release, or another one.
    """
    for part, folder in folders.items():
        if not (folder / MANIFEST).is_file():
            what = f"no {MANIFEST} in it"
            raise InputError(what, where=name + SUFFIXES[part], hint="only releases of `afg publish` can be pulled")
    first, *others = folders
    for part in others:
        if (folders[part] / MANIFEST).read_bytes() != (folders[first] / MANIFEST).read_bytes():
            what = f"not the same release as {name + SUFFIXES[first]}"
            raise InputError(what, where=name + SUFFIXES[part], hint="choose a tag that both have: --tag v1.0.0")
    return read_release(folders[first])


def _clear_folder(output: Path, release: Release, content: bytes) -> None:
    """Prepare the folder: no unfinished files, no files of another release, no manifest while files change.

    Raises:
        UsageError: there are files that are not of this release.
    """
    for part in SUFFIXES:
        for folder, _, _ in os.walk(output / part):
            remove_partials(Path(folder))
    manifest = output / MANIFEST
    if manifest.is_file() and manifest.read_bytes() == content:
        return
    for part in SUFFIXES:
        for path in files_and_links(output / part):
            name = path.relative_to(output).as_posix()
            recorded = release.files.get(name)
            if name.split("/", 1)[1] not in CARD_FILES and not _is_recorded(path, recorded):
                hint = "choose another folder with -o, or remove this one"
                raise UsageError("the file is not of this release", where=str(path), hint=hint)
    manifest.unlink(missing_ok=True)


def _is_recorded(path: Path, recorded: Recorded | None) -> bool:
    if recorded is None or not path.is_file() or path.stat().st_size != recorded.size:
        return False
    return sha256(path) == recorded.sha256


def _files(release: Release, part: str, quant: str, name: str) -> dict[str, Recorded]:
    """Return the recorded files of a part, by path in its repository.

    Raises:
        InputError: no GGUF file has the type.
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
        raise InputError(f"no GGUF file of type {quant}", where=name + SUFFIXES[part], hint=f"available: {known}")
    return {file: recorded for file, recorded in found.items() if types.get(file, quant.upper()) == quant.upper()}


def _fetch(repository: str, tag: str, names: list[str]) -> Path:
    """Download files into the client's cache, unless they are there; return their folder."""
    patterns = [glob.escape(name) for name in names]
    return download(repository, repository, "model", tag or None, patterns)


def _present(source: Path, names: Iterable[str]) -> list[str]:
    return [*names, *(name for name in CARD_FILES if name not in names and (source / name).is_file())]


def _take(source: Path, target: Path, recorded: Recorded | None) -> bool:
    """Copy a file to the output unless it is there already; return whether it was written.

    Raises:
        InputError: the file is missing or differs from its record.
    """
    if not source.is_file():
        raise InputError(
            f"{MANIFEST} lists the file, but the Hub does not have it", where=str(target), hint="check the tag"
        )
    digest = sha256(source)
    if recorded and digest != recorded.sha256:
        what = f"the file differs from its checksum in {MANIFEST}"
        raise InputError(what, where=str(target), hint="do not use it, and report it to the publisher")
    if target.is_file() and sha256(target) == digest:
        return False
    check_writable(target)
    with AtomicFile(target) as stream, source.open("rb") as content:
        shutil.copyfileobj(content, stream, 1 << 20)
    return True
