"""Versions of the packages that determine the output bytes."""

import platform
from importlib.metadata import version

__all__ = ["all_versions", "versions"]

_COMPUTING = ("numpy", "tokenizers")
_PACKAGES = ("arabic-functiongemma", "camel-tools", "ftfy", "jsonschema-rs", "orjson", "pyarrow", "zstandard")


def versions() -> dict[str, str]:
    """Return the versions of Python and of each package that reads, repairs or writes rows."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def all_versions() -> dict[str, str]:
    """Return :func:`versions` and those of packages that count and encode; all machines of a cluster must have them."""
    return versions() | {name: version(name) for name in _COMPUTING}
