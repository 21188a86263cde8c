"""Checks of a release's files: checksums, headers of weights, and the chat template in GGUF files.

Each check is a value with its result. Nothing is printed, raised or loaded here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from dataset_tools.errors import InputError
from dataset_tools.io.checksums import sha256
from publishing.release.local_files import files_and_links
from publishing.release.manifest import CARD_FILES, MANIFEST, Release
from publishing.release.repositories import SUFFIXES
from training.base.gguf_header import read_header

__all__ = ["Result", "VerifyCheck", "safetensors_names", "verify_files"]


class Result(StrEnum):
    """Result of a check."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class VerifyCheck:
    """One check.

    Attributes:
        what: ``checksum``, ``header``, ``template``, ``load`` or ``smoke``.
        where: a file or a part of the release.
        result: the result.
        detail: what was found, or the reason for skipping.
    """

    what: str
    where: str
    result: Result
    detail: str = ""


def verify_files(release: Release) -> Iterator[VerifyCheck]:
    """Check the checksums of all files and the headers of all weights. Missing parts are skipped, but not all parts."""
    parts = [part for part in SUFFIXES if (release.path / part).is_dir()]
    yield from (VerifyCheck("checksum", f"{part}/", Result.SKIPPED, "not here") for part in _absent(release, parts))
    found = False
    for name in sorted(release.files):
        part = name.split("/")[0]
        if part not in SUFFIXES:
            yield VerifyCheck("checksum", name, Result.FAILED, "not in a part of the release")
        elif part in parts and not name.endswith("/README.md"):
            check = _checksum(release, name)
            yield check
            if check.result is Result.OK:
                found = True
                yield from _header(release, name, release.path / name)
    yield from _unknown(release)
    if not found:
        yield VerifyCheck("checksum", MANIFEST, Result.FAILED, "no file matches its record")


def safetensors_names(path: Path) -> list[str]:
    """Return the names of the tensors in a safetensors file; the library checks that they cover the file exactly.

    Raises:
        InputError: the file is damaged, or not safetensors.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return list(file.keys())
    except (SafetensorError, OSError) as error:
        raise InputError("not a complete safetensors file", where=str(path), hint="download it again") from error


def _checksum(release: Release, name: str) -> VerifyCheck:
    path, recorded = release.path / name, release.files[name]
    if not path.is_file():
        # Often only one of several GGUF files is downloaded.
        optional = path.suffix == ".gguf" and any(
            PurePosixPath(other).suffix == ".gguf" and (release.path / other).exists() for other in release.files
        )
        return VerifyCheck("checksum", name, Result.SKIPPED if optional else Result.FAILED, "not here")
    if path.stat().st_size != recorded.size:
        what = f"{path.stat().st_size:,} bytes instead of {recorded.size:,}"
        return VerifyCheck("checksum", name, Result.FAILED, what)
    if sha256(path) != recorded.sha256:
        return VerifyCheck("checksum", name, Result.FAILED, f"the SHA-256 differs from {MANIFEST}")
    return VerifyCheck("checksum", name, Result.OK)


def _absent(release: Release, parts: list[str]) -> list[str]:
    recorded = {name.split("/")[0] for name in release.files}
    return [part for part in SUFFIXES if part in recorded and part not in parts]


def _header(release: Release, name: str, path: Path) -> Iterator[VerifyCheck]:
    """Check the header of a weights file, and the chat template of a GGUF file."""
    try:
        if path.suffix == ".safetensors":
            yield VerifyCheck("header", name, Result.OK, f"{len(safetensors_names(path)):,} tensors")
        elif path.suffix == ".gguf":
            header = read_header(path, arrays=False)
            yield VerifyCheck("header", name, Result.OK, f"{len(header.tensors):,} tensors")
            yield _template(release, name, header.facts.get("tokenizer.chat_template"))
    except InputError as error:
        yield VerifyCheck("header", name, Result.FAILED, error.what)


def _template(release: Release, name: str, text: object) -> VerifyCheck:
    """Compare the chat template of a GGUF file with that of the other parts."""
    recorded = [release.files.get(f"{part}/chat_template.jinja") for part in ("merged", "adapter")]
    known = {found.sha256 for found in recorded if found}
    if not isinstance(text, str):
        return VerifyCheck("template", name, Result.FAILED, "no chat template in the file")
    if not known:
        return VerifyCheck("template", name, Result.SKIPPED, "no template in the release to compare with")
    same = bool(known & {sha256(text.encode()), sha256(f"{text}\n".encode())})
    return VerifyCheck(
        "template", name, Result.OK if same else Result.FAILED, "" if same else "the chat template differs"
    )


def _unknown(release: Release) -> Iterator[VerifyCheck]:
    """Fail each file that ``release.json`` does not list, except cards."""
    cards = {f"{part}/{name}" for part in SUFFIXES for name in CARD_FILES}
    for path in files_and_links(release.path):
        name = path.relative_to(release.path).as_posix()
        if name not in release.files and name not in cards and name != MANIFEST:
            yield VerifyCheck("checksum", name, Result.FAILED, f"not listed in {MANIFEST}")
