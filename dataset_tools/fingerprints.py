"""What a file is known again by."""

import hashlib
from pathlib import Path
from typing import Any

__all__ = ["fingerprint"]


def fingerprint(path: Path, name: str = "") -> dict[str, Any]:
    """A file's name, size and SHA-256."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"name": name or path.name, "bytes": path.stat().st_size, "sha256": digest}
