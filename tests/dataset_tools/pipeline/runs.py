"""Corpus of many small shards, and runs over it into folders of parts."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from dataset_tools.cleaning.clean import CleanOptions, clean
from dataset_tools.executor.run import Work
from dataset_tools.pipeline.stage import RunReport
from dataset_tools.pipeline.to_parts import FolderOutputs

ROOT = Path(__file__).parents[3]
SHARD_BYTES, PART_BYTES = 20_000, 60_000
"""Sizes that cut the corpus into many shards and several parts."""


def write_corpus(path: Path, dirty: list[str], rows: int = 480) -> Path:
    """Write rows with every known defect, some unreadable, and blank lines between them."""
    lines = [line + "\n" * (1 + (number % 50 == 0)) for number, line in enumerate(dirty[:rows])]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def outputs_in(folder: Path, *, resume: bool = False, ending: str = ".parquet", **more: Any) -> FolderOutputs:
    """Return the outputs of a folder of small parts, with report and trace."""
    return FolderOutputs(
        folder / "out",
        ending,
        report=folder / "report.json",
        trace=folder / "trace.jsonl.gz",
        resume=resume,
        part_bytes=PART_BYTES,
        shard_bytes=SHARD_BYTES,
        **more,
    )


def clean_into(source: Path, folder: Path, *, workers: int = 1, resume: bool = False, **more: Any) -> RunReport:
    """Clean a file into a folder of small parts."""
    return clean([str(source)], outputs_in(folder, resume=resume, **more), CleanOptions(work=Work(workers=workers)))


def contents(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder, hidden files included; the folder's name is masked."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes().replace(str(folder).encode(), b"FOLDER")
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


COMMAND = f"""
from dataclasses import dataclass
from dataset_tools.cli.main import main
from dataset_tools.pipeline import to_parts
@dataclass(frozen=True, slots=True)
class SmallParts(to_parts.FolderOutputs):
    part_bytes: int = {PART_BYTES}
    shard_bytes: int = {SHARD_BYTES}
to_parts.FolderOutputs = SmallParts
if __name__ == "__main__":
    main()
"""


def start_clean(folder: Path, source: Path, *options: str) -> subprocess.Popen[str]:
    """Start the command in its own process group, with small parts."""
    script = folder.parent / "command.py"
    script.write_text(COMMAND)
    command = [sys.executable, script, "clean", source, "-o", "out/", "--report", "report.json", "--quiet"]
    return subprocess.Popen(
        [*map(str, command), "--trace", "trace.jsonl.gz", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
