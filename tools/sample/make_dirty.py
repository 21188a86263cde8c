"""Maker of ``dirty.jsonl`` and ``defects.json``: ``python -m tools.sample.make_dirty``.

A damaged row has exactly one defect; all others are unchanged, byte for byte. The choice only depends on the text of
the sample, so the same sample gives the same files.
"""

import json
import random
from typing import Any, NamedTuple

from dataset_tools.bundled import defects_path, dirty_path, sample_path
from schemas.record import JsonObject, Record
from tools.sample.defects import DEFECTS, LINE_DEFECTS, DefectKind, damage_line

__all__ = ["make"]

_SEED = 20_250_115
_ROWS = 8


class _Damaged(NamedTuple):
    line: str
    path: str


def make(sample: str) -> tuple[str, str]:
    """Return the texts of the dirty sample and of the list of its defects."""
    lines = sample.splitlines()
    free = random.Random(_SEED).sample(range(len(lines)), len(lines))
    entries: list[JsonObject] = []
    for defect, fits in _scarce_first(lines):
        for index in [index for index in free if index in fits][:_ROWS]:
            free.remove(index)
            entries.append(_entry(lines[index], index, defect.name, defect.check, defect.rule, fits[index].path))
            lines[index] = fits[index].line
    for name, check in LINE_DEFECTS.items():
        for index in free[:_ROWS]:
            entries.append(_entry(lines[index], index, name, check, None, ""))
            lines[index] = damage_line(name, lines[index], random.Random(f"{name}:{index}"))
        del free[:_ROWS]
    entries += _repeat_queries(lines, free)
    entries += _encode_results(lines, free)
    entries.sort(key=lambda entry: (entry["line"], entry["defect"]))
    listed = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    return "".join(line + "\n" for line in lines), f"[\n{listed}\n]\n"


def _scarce_first(lines: list[str]) -> list[tuple[DefectKind, dict[int, _Damaged]]]:
    """Return each defect with the rows that it fits, fewest first, so that each gets enough rows."""
    fits = [(defect, _fitting(defect, lines)) for defect in DEFECTS]
    return sorted(fits, key=lambda item: len(item[1]))


def _fitting(defect: DefectKind, lines: list[str]) -> dict[int, _Damaged]:
    fitting = {}
    for index, line in enumerate(lines):
        record: Record = json.loads(line)
        path = defect.damage(record, random.Random(f"{defect.name}:{index}"))
        if path is not None:
            fitting[index] = _Damaged(_dump(record), path)
    return fitting


def _repeat_queries(lines: list[str], free: list[int]) -> list[JsonObject]:
    """Replace later rows by copies of undamaged conversations, and keep the later ids."""
    entries = []
    singles = [index for index in sorted(free) if json.loads(lines[index])["meta"]["kind"] == "single"]
    for source, target in zip(singles[:_ROWS], singles[-_ROWS:], strict=True):
        copy, row = json.loads(lines[source]), json.loads(lines[target])
        copy["id"], copy["source"] = row["id"], row["source"]
        entries.append(_entry(lines[target], target, "duplicate-query", "duplicate-query", None, "messages[1].content"))
        lines[target] = _dump(copy)
    return entries


def _encode_results(lines: list[str], free: list[int]) -> list[JsonObject]:
    """Encode the first result of undamaged rows as JSON text; last, so that no other choice depends on it."""
    entries = []
    for index in [index for index in sorted(free) if json.loads(lines[index])["meta"]["kind"] == "multi-turn"][:_ROWS]:
        row = json.loads(lines[index])
        at = next(at for at, message in enumerate(row["messages"]) if message["role"] == "tool")
        row["messages"][at]["content"] = json.dumps(row["messages"][at]["content"], ensure_ascii=False)
        path = f"messages[{at}].content"
        entries.append(_entry(lines[index], index, "result-json", "result-encoded", "decode-result", path))
        lines[index] = _dump(row)
    return entries


def _entry(line: str, index: int, name: str, check: str, rule: str | None, path: str) -> JsonObject:
    return {
        "line": index + 1,
        "id": json.loads(line)["id"],
        "defect": name,
        "repairable": rule is not None,
        "path": path,
        "check": check,
        "rule": rule,
    }


def _dump(record: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    dirty, defects = make(sample_path().read_text(encoding="utf-8"))
    dirty_path().write_text(dirty, encoding="utf-8", newline="\n")
    defects_path().write_text(defects, encoding="utf-8", newline="\n")
