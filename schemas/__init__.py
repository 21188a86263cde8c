"""The shapes of the project's data, as JSON Schema files and as typed Python.

The schema files are the authority; :mod:`schemas.record` says the same in types. Nothing here imports another
package of the project, so every other package may import this one.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["load", "names"]

_FOLDER = Path(__file__).parent
_SUFFIX = ".schema.json"


def names() -> list[str]:
    """The names that :func:`load` knows, sorted."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in _FOLDER.glob(f"*{_SUFFIX}"))


@cache
def load(name: str) -> dict[str, Any]:
    """The JSON Schema (Draft 2020-12) of that name, for example ``record``.

    The object is shared between callers: treat it as read-only.

    Raises:
        KeyError: no schema has that name; the message lists those that exist.
    """
    path = _FOLDER / f"{name}{_SUFFIX}"
    if name not in names():
        message = f"no schema named {name!r}; there are: {', '.join(names())}"
        raise KeyError(message)
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema
