"""Manifest of a release: ``release.json``, which lists every file that the export wrote.

Publishing needs only ``files``. Cards and ``afg verify`` use the rest if it is there::

    {"name": "my-model",
     "files": {"merged/config.json": {"size": 1310, "sha256": "…"}, …},
     "base": {"name": "ORG/NAME", "revision": "…"},
     "run": the content of run.json,
     "gguf": {"my-model-Q8_0.gguf": {"size": 292154112, "cpu": "…", "peak_memory_mib": 412.5,
         "agreement": 0.98, "answers": 50, "types": {"Q8_0": 127, "F32": 109}, "speed": [
         {"threads": 1, "context": 1024, "prefill_tokens_per_second": 310.0, "decode_tokens_per_second": 41.0}, …]}},
     "proofs": {"merged": ["each tensor is …", …], …},
     "smoke": [{"prompt": "<bos>…", "output": "<start_of_turn>…"}, …],
     "versions": {"llama.cpp": "…", …}}

``prompt`` is the exact text given to the model, ``output`` the greedy answer without the token that ends it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from dataset_tools.errors import InputError
from dataset_tools.io.json_text import read_object

__all__ = ["CARD_FILES", "MANIFEST", "NOTICE", "Recorded", "Release", "read_release"]

MANIFEST = "release.json"
"""The file that lists all other files of a release."""

NOTICE = "NOTICE"
"""The file that the Gemma terms require."""

CARD_FILES = ("README.md", NOTICE)
"""The files that `afg card` adds to a part after the export."""

_FACTS: dict[str, type] = {"base": dict, "run": dict, "gguf": dict, "proofs": dict, "smoke": list, "versions": dict}


@dataclass(frozen=True, slots=True)
class Recorded:
    """Recorded size in bytes and SHA-256 of a file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Release:
    """A release on disk.

    Attributes:
        path: its folder.
        name: the name of the model; by default that of the folder.
        files: the record of each file, by its path in the folder.
        facts: the content of ``release.json``.
    """

    path: Path
    name: str
    files: Mapping[str, Recorded]
    facts: Mapping[str, Any] = field(default_factory=dict)


def read_release(path: Path) -> Release:
    """Read the manifest of a release, but none of its files.

    Raises:
        InputError: the folder is not a release, or the manifest is damaged.
    """
    where = path / MANIFEST
    if not where.is_file():
        raise InputError(f"no {MANIFEST} in it", where=str(path), hint="name a folder that `afg export` wrote")
    content = read_object(where, "export again")
    if not isinstance(content.get("files"), dict):
        raise InputError("'files' is missing or not an object", where=str(where), hint="export again")
    files = {name: _recorded(where, name, value) for name, value in content["files"].items()}
    _require_kinds(where, content)
    name = content.get("name")
    return Release(path, name if isinstance(name, str) and name else path.resolve().name, files, content)


def _require_kinds(where: Path, content: Mapping[str, Any]) -> None:
    """Check the types of the optional facts."""
    for key, kind in _FACTS.items():
        value = content.get(key)
        if value is not None and not isinstance(value, kind):
            what = f"{key!r} is not {'a list' if kind is list else 'an object'}"
            raise InputError(what, where=str(where), hint="export again")
    items = [*(content.get("smoke") or ()), *(content.get("gguf") or {}).values()]
    if not all(isinstance(item, dict) and isinstance(item.get("agreement", 1), int | float) for item in items):
        what = "'smoke' or 'gguf' has an invalid item"
        raise InputError(what, where=str(where), hint="export again")


def _recorded(where: Path, name: str, value: object) -> Recorded:
    pure = PurePosixPath(name)
    # Only the normal form: "gguf//etc/x" without "gguf/" is an absolute path.
    plain = pure.as_posix() == name and not pure.is_absolute() and ".." not in pure.parts
    if not plain or any(letter in name for letter in "\\:\0"):
        raise InputError(f"files: {name!r} leads out of the folder", where=str(where), hint="export again")
    size, digest = (value.get("size"), value.get("sha256")) if isinstance(value, dict) else (None, None)
    if not isinstance(size, int) or not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise InputError(f"files: {name!r} has no size and sha256", where=str(where), hint="export again")
    return Recorded(size, digest)
