"""Cleaning of one row with this project's parts, for the loops of ``hand_written.py``."""

from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["clean_row", "clean_text"]


@cache
def _parts() -> tuple[Any, ...]:
    """Return converter, repairer and data file, created once per process."""
    from dataset_tools.cleaning.repairer import Repairer
    from dataset_tools.readers.sources import DataFile
    from dataset_tools.records.converter import Converter

    return Converter(), Repairer(), DataFile(Path("rows.jsonl"), "rows", "rows.jsonl", "jsonl", "")


def clean_row(line: str | bytes) -> bytes:
    """Read, convert, repair and validate one row; return its JSON line."""
    from dataset_tools.io.json_text import dump_line, parse_row
    from dataset_tools.readers.row_reader import RawRow
    from dataset_tools.records.converter import require_valid

    converter, repairer, file = _parts()
    raw = line.encode() if isinstance(line, str) else line.rstrip(b"\n")
    record, log = converter.read(RawRow(1, parse_row(raw), None, raw), file)
    record = repairer.repair(record, log)
    require_valid(record)
    return dump_line(record)


def clean_text(row: dict[str, str]) -> dict[str, str]:
    """Clean the column ``text`` of one row."""
    return {"text": clean_row(row["text"]).decode().rstrip("\n")}
