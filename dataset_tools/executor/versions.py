"""The versions of what makes the bytes of a result: only with the same ones are they the same."""

import platform
from importlib.metadata import version

__all__ = ["all_versions", "versions"]

_COMPUTING = ("numpy", "tokenizers")
_PACKAGES = ("arabic-functiongemma", "camel-tools", "ftfy", "jsonschema-rs", "orjson", "pyarrow", "zstandard")


def versions() -> dict[str, str]:
    """Python and each package that reads, repairs or writes rows, with its version."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def all_versions() -> dict[str, str]:
    """The same, with the packages that only count and encode: what machines must share that work for one command."""
    return versions() | {name: version(name) for name in _COMPUTING}
