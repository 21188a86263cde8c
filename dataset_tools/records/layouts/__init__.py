"""Layouts of public function-calling datasets, one module each.

A module of this package that defines ``LAYOUT`` is a layout: adding one needs no other change.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dataset_tools.errors import RowError, UsageError
from dataset_tools.records.layouts.base import Context, Draft, Layout

__all__ = ["Context", "Draft", "Layout", "all_layouts", "by_name", "companions_of", "recognise"]

_HINT = "`afg-data layouts` lists the layouts; --layout NAME selects one"


@cache
def all_layouts() -> tuple[Layout, ...]:
    """Return every layout, sorted by name."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    layouts = [module.LAYOUT for module in modules if hasattr(module, "LAYOUT")]
    return tuple(sorted(layouts, key=lambda layout: layout.name))


def by_name(name: str) -> Layout:
    """Return the layout of that name.

    Raises:
        UsageError: no layout has this name; the hint lists the existing ones.
    """
    for layout in all_layouts():
        if layout.name == name:
            return layout
    known = ", ".join(layout.name for layout in all_layouts())
    raise UsageError(f"there is no layout {name!r}", hint=f"layouts: {known}")


def companions_of(paths: Iterable[Path]) -> list[Path]:
    """Return the files that are read with data files, such as BFCL's accepted answers."""
    having = [layout.companions for layout in all_layouts() if layout.companions]
    return [found for path in paths for companions in having for found in companions(path)]


def recognise(row: Mapping[str, Any], last: Layout | None = None) -> Layout:
    """Return the layout of a row; ``last``, that of the row before, is tried first, because few files mix layouts.

    Raises:
        RowError: ``unknown-layout``, with the fields that the row has.
    """
    if last is not None and last.recognises(row):
        return last
    for layout in all_layouts():
        if layout.recognises(row):
            return layout
    fields = ", ".join(sorted(map(str, row))[:12]) or "none"
    raise RowError("unknown-layout", f"no known layout has these fields: {fields}", hint=_HINT)
