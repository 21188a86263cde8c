"""Facts of ``split.json``: splits with files and contents, rows left out, provenance."""

import platform
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

from dataset_tools.dedup.keys import RowKey
from dataset_tools.errors import InputError
from dataset_tools.io.json_text import read_object
from dataset_tools.io.parquet_writer import FEATURES
from dataset_tools.readers.sources import DataFile
from dataset_tools.split.division import Division, SplitOptions

__all__ = ["public_name", "read_report", "split_facts"]

_REPORTS = ("import", "clean", "dedup")
_HINT = "`afg-data clean --report FILE` writes one"


def split_facts(
    options: SplitOptions, division: Division, rows_in: int, rejected: dict[str, int], files: Mapping[str, Any]
) -> dict[str, Any]:
    """Return all facts except the inputs: options, counts of each split, rejected rows."""
    groups = [group for found in division.splits.values() for group in found]
    rows_out = sum(len(group.rows) for group in groups)
    return {
        "command": "split",
        "version": version("arabic-functiongemma"),
        "python": platform.python_version(),
        "options": {
            "test": options.test,
            "validation": options.validation,
            "seed": options.seed,
            "by": list(options.by),
            "near": options.near,
        },
        "rows_in": rows_in,
        "rows_out": rows_out,
        "rejected": rejected,
        "groups": {"number": len(groups), "largest": max(len(group.rows) for group in groups)},
        "splits": {
            split: {"rows": len(rows), "share": round(len(rows) / rows_out, 6), "groups": len(division.splits[split])}
            | _made_of(rows)
            | {"file": files[split]}
            for split, rows in ((split, division.rows_of(split)) for split in division.splits)
        },
        "strata": _strata(division) if options.by else [],
        "removed": [
            {"id": division.rows[at].id, "line": division.rows[at].line, "code": code, "repeats": row.id}
            for at, code, row in division.leaks
        ],
        "features": FEATURES,
    }


def public_name(file: DataFile) -> str:
    """Return the name of a file without local folders."""
    return file.origin or file.name


def read_report(path: Path) -> dict[str, Any]:
    """Return the report of an earlier command, without local folders and samples of rows.

    Raises:
        InputError: it cannot be read, or is not such a report.
    """
    found = read_object(path, _HINT)
    if found.get("command") not in _REPORTS or "rows_in" not in found:
        raise InputError("not a report of import, clean or dedup", where=str(path), hint=_HINT)
    rules = {
        rule: {"rows": count["rows"], "changes": count["changes"]} for rule, count in found.get("rules", {}).items()
    }
    kept = {name: found.get(name) for name in ("command", "version", "python", "rows_in", "rows_out", "rejected")}
    inputs = [_plain(str(name)) for name in found.get("inputs", ())]
    options = {name: value for name, value in found.get("options", {}).items() if name != "tools_file"}
    return {
        **kept,
        "options": options,
        "inputs": inputs,
        "output": _plain(str(found.get("output", ""))),
        "rules": rules,
    }


def _plain(name: str) -> str:
    return name if name.startswith("hf://") else PurePath(name).name


def _made_of(rows: list[RowKey]) -> dict[str, Any]:
    tools = Counter(name for row in rows for name in row.called)
    return {
        "negatives": sum(not row.calls for row in rows),
        "calls": sum(len(row.calls) for row in rows),
        "tools": dict(sorted(tools.items(), key=lambda item: (-item[1], item[0]))),
        "dialects": _count(row.labels[0] for row in rows),
        "domains": _count(row.labels[1] for row in rows),
    }


def _count(values: Any) -> dict[str, int]:  # noqa: ANN401 - any iterable of texts
    found = Counter(values)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _strata(division: Division) -> list[dict[str, Any]]:
    counts: dict[tuple[str, ...], Counter[str]] = {}
    for split, groups in division.splits.items():
        for group in groups:
            counts.setdefault(division.stratum(group), Counter())[split] += len(group.rows)
    return [
        {"of": list(stratum), "rows": {split: count[split] for split in division.splits}}
        for stratum, count in sorted(counts.items())
    ]
