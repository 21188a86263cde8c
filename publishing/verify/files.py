"""What can be checked of a release's files: checksums, headers of weights, the chat template inside of GGUF files.

Every check is a value with its result, made one after the other; nothing is printed or raised here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from dataset_tools.errors import InputError
from dataset_tools.io.checksums import sha256
from publishing.release.manifest import CARD_FILES, MANIFEST, Release
from publishing.release.repositories import SUFFIXES, entries
from publishing.release.weight_headers import read_gguf, read_safetensors

__all__ = ["Check", "Result", "verify_files"]


class Result(StrEnum):
    """How a check ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        what: what was checked: ``checksum``, ``header``, ``template``, ``load`` or ``smoke``.
        where: a file or a part of the release.
        result: how it ended.
        told: what was found, or why it was left out.
    """

    what: str
    where: str
    result: Result
    told: str = ""


def verify_files(release: Release) -> Iterator[Check]:
    """Checksums of all files and headers of all weights; parts that are not here are left out, but not all of them."""
    parts = [part for part in SUFFIXES if (release.path / part).is_dir()]
    yield from (Check("checksum", f"{part}/", Result.SKIPPED, "it is not here") for part in _absent(release, parts))
    found = False
    for name in sorted(release.files):
        part = name.split("/")[0]
        if part not in SUFFIXES:
            yield Check("checksum", name, Result.FAILED, "it is in no part of a release")
        elif part in parts and not name.endswith("/README.md"):
            check = _checksum(release, name)
            yield check
            if check.result is Result.OK:
                found = True
                yield from _header(release, name, release.path / name)
    yield from _unknown(release)
    if not found:
        yield Check("checksum", MANIFEST, Result.FAILED, "of the files that it lists none is here as recorded")


def _checksum(release: Release, name: str) -> Check:
    path, recorded = release.path / name, release.files[name]
    if not path.is_file():
        # Of several GGUF files it is usual to fetch one.
        optional = path.suffix == ".gguf" and any(
            PurePosixPath(other).suffix == ".gguf" and (release.path / other).exists() for other in release.files
        )
        return Check("checksum", name, Result.SKIPPED if optional else Result.FAILED, "it is not here")
    if path.stat().st_size != recorded.size:
        what = f"{path.stat().st_size:,} bytes instead of {recorded.size:,}"
        return Check("checksum", name, Result.FAILED, what)
    if sha256(path) != recorded.sha256:
        return Check("checksum", name, Result.FAILED, "another content than was recorded")
    return Check("checksum", name, Result.OK)


def _absent(release: Release, parts: list[str]) -> list[str]:
    recorded = {name.split("/")[0] for name in release.files}
    return [part for part in SUFFIXES if part in recorded and part not in parts]


def _header(release: Release, name: str, path: Path) -> Iterator[Check]:
    """What a file of weights says of itself."""
    try:
        if path.suffix == ".safetensors":
            yield Check("header", name, Result.OK, f"{len(read_safetensors(path)):,} tensors")
        elif path.suffix == ".gguf":
            header = read_gguf(path)
            yield Check("header", name, Result.OK, f"{len(header.tensors):,} tensors")
            yield _template(release, name, header.values.get("tokenizer.chat_template"))
    except InputError as error:
        yield Check("header", name, Result.FAILED, error.what)


def _template(release: Release, name: str, text: object) -> Check:
    """A GGUF file must carry the chat template that the release has beside its other parts."""
    recorded = [release.files.get(f"{part}/chat_template.jinja") for part in ("merged", "adapter")]
    known = {found.sha256 for found in recorded if found}
    if not isinstance(text, str):
        return Check("template", name, Result.FAILED, "it carries no chat template")
    if not known:
        return Check("template", name, Result.SKIPPED, "the release has none to compare it with")
    same = bool(known & {sha256(text.encode()), sha256(f"{text}\n".encode())})
    return Check("template", name, Result.OK if same else Result.FAILED, "" if same else "it carries another one")


def _unknown(release: Release) -> Iterator[Check]:
    """Files that nobody recorded: harmless where they are cards, worth a look otherwise."""
    cards = {f"{part}/{name}" for part in SUFFIXES for name in CARD_FILES}
    for path in entries(release.path):
        name = path.relative_to(release.path).as_posix()
        if name not in release.files and name not in cards and name != MANIFEST:
            yield Check("checksum", name, Result.FAILED, f"{MANIFEST} does not list it")
