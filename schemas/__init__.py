"""The data formats of the project, as JSON Schema files and as Python types.

The schema files are the authority; :mod:`schemas.record` has the same types in Python. This package imports no other
package of the project.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["load", "names"]

_FOLDER = Path(__file__).parent
_SUFFIX = ".schema.json"


def names() -> list[str]:
    """Return the names of all schemas, sorted."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in _FOLDER.glob(f"*{_SUFFIX}"))


@cache
def load(name: str) -> dict[str, Any]:
    """Return the JSON Schema (Draft 2020-12) of that name, for example ``record``.

    Callers share the object and must not change it.

    Raises:
        KeyError: no schema has that name; the message lists the existing ones.
    """
    path = _FOLDER / f"{name}{_SUFFIX}"
    if name not in names():
        message = f"no schema named {name!r}; schemas: {', '.join(names())}"
        raise KeyError(message)
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema
