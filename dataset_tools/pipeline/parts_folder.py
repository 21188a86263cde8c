"""Folder of parts during a run, with markers of finished parts from which a killed run resumes.

::

    out/part-00000.parquet              a complete part
    out/.unfinished/plan.json           everything that the bytes of the parts depend on
    out/.unfinished/00000.json          marker: counts of the part and checksums of its files; written last
    out/.unfinished/00000.rejects.jsonl rejects of the part; a file of the same kind for its trace
    out/manifest.json                   written after the last part; then `.unfinished` is removed

A part without a marker, or whose files do not match its marker, is written again.
"""

import json
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self

from dataset_tools.errors import InterruptionError, OutputError, UsageError
from dataset_tools.io.atomic_folder import locked
from dataset_tools.io.checksums import describe_file
from dataset_tools.io.json_text import dump_line
from dataset_tools.io.output_paths import fail, remove_folder, sync_folder
from dataset_tools.io.remote_path import RemotePath
from dataset_tools.io.writer import remove_partials, write_file
from dataset_tools.pipeline.run_plan import require_resumable
from dataset_tools.pipeline.stage import RuleCount, ShardResult
from dataset_tools.readers.parts_manifest import MANIFEST, WORK, markers_in, read_manifest

__all__ = ["PIECES", "PartsFolder"]

PIECES = ("records", "rejects", "trace")
"""Files of a part; all are optional."""

_PLAN = "plan.json"
_RESUME = "--resume continues"


class PartsFolder:
    """Folder of parts as a context manager with an exclusive lock.

    Args:
        path: the folder.
        endings: file ending of each piece of a part.
        plan: everything that the bytes of the parts depend on.
        resume: whether to resume an earlier run.
        also: files of the run that may be in the folder.

    Raises:
        InputError: an input has changed since the earlier run.
        OutputError: the folder cannot be written.
        UsageError: the folder holds other files, or another run that cannot or must not be resumed.
    """

    def __init__(
        self, path: Path, endings: Mapping[str, str], plan: Mapping[str, Any], *, resume: bool, also: list[Path]
    ) -> None:
        self.path = path
        self.plan: dict[str, Any] = json.loads(dump_line(plan))
        self.manifest: dict[str, Any] | None = None
        self._work = path / WORK
        self._endings = endings
        self._resume = resume
        self._also = {file.resolve() for file in also}
        self._made = False
        self._entered = False
        self._ours = False
        self._lock: BinaryIO | None = None

    def __enter__(self) -> Self:
        try:
            self._open()
        except OSError as error:
            self._leave()
            fail(error, self.path, 0)
        except BaseException:
            self._leave()
            raise
        return self

    def _open(self) -> None:
        if self._look() == "whole":
            return
        self._made = not self.path.is_dir()
        self._take()
        found = self._look()  # again: another run may have written before the lock was taken
        if found == "whole":
            return
        if found == "begun":
            require_resumable(json.loads((self._work / _PLAN).read_bytes()), self.plan, self.path)
        self._ours = True
        if found == "empty":
            write_file(self._work / _PLAN, dump_line(self.plan))
            sync_folder(self.path)
            sync_folder(self.path.resolve().parent)
        remove_partials(self.path)
        remove_partials(self._work)

    def _look(self) -> Literal["whole", "begun", "empty"]:
        """Inspect the folder; refuse one that cannot be resumed."""
        if self.path.exists() and not self.path.is_dir():
            raise OutputError("it is a file", where=str(self.path), hint="choose another folder with -o")
        begun = (self._work / _PLAN).is_file()
        self.manifest = read_manifest(self.path)
        if (self.manifest is not None or begun) and not self._resume:
            state = "holds a complete dataset" if self.manifest is not None else "holds an unfinished run"
            hint = "remove it, or choose another folder with -o"
            raise UsageError(
                f"the folder {state}", where=str(self.path), hint=hint if self.manifest else f"{_RESUME}; or {hint}"
            )
        if self.manifest is not None:
            require_resumable(self.manifest, self.plan, self.path)
            return "whole"
        if begun:
            return "begun"
        self._require_empty()
        return "empty"

    def _require_empty(self) -> None:
        if not self.path.is_dir():
            return
        for entry in sorted(self.path.iterdir()):
            if not entry.name.startswith(".") and entry.name != "lost+found" and entry.resolve() not in self._also:
                what = f"the folder holds {entry.name}, which this command did not write"
                raise UsageError(what, where=str(self.path), hint="choose another folder with -o")

    def _take(self) -> None:
        """Take the exclusive lock; the system releases it when this process ends."""
        while not self._entered:
            self._work.mkdir(parents=True, exist_ok=True)
            if not isinstance(self._work, RemotePath):  # a store has no lock
                with suppress(FileNotFoundError):  # another run has just finished and removed the folder of the lock
                    self._lock = locked(self._work / "lock", self.path)
            self._entered = self._lock is not None or isinstance(self._work, RemotePath)

    def file(self, number: int, piece: str) -> Path:
        """Return the path of a piece of a part."""
        if piece == "records":
            return self.path / f"part-{number:05d}{self._endings[piece]}"
        return self._work / f"{number:05d}.{piece}{self._endings[piece]}"

    def mark(self, number: int, part: ShardResult) -> None:
        """Write the marker of a part, after its files."""
        with _output_errors(self.path):
            files = {piece: describe_file(path) for piece in PIECES if (path := self.file(number, piece)).exists()}
        counts = {
            "rows": part.rows,
            "written": part.written,
            "rejected": part.rejected,
            "rules": {rule: asdict(count) for rule, count in part.rules.items()},
            "renamed": part.renamed,
            "first_reject": part.first_reject,
        }
        write_file(self._marker(number), dump_line({"files": files, "counts": counts}))

    def forget(self, number: int) -> None:
        """Remove all files of a part before it is written again; the new part may have fewer files."""
        with _output_errors(self.path):
            for path in (self._marker(number), *(self.file(number, piece) for piece in PIECES)):
                path.unlink(missing_ok=True)

    def is_done(self, number: int) -> bool:
        """Return whether a part has a marker that matches its files."""
        marker = self._read(number)
        if marker is None:
            return False
        with _output_errors(self.path):
            paths = {piece: self.file(number, piece) for piece in PIECES}
            found = {piece: describe_file(path) for piece, path in paths.items() if path.is_file()}
        return bool(found == marker["files"])

    def parts(self, count: int) -> Iterator[tuple[int, dict[str, Any], ShardResult]]:
        """Yield the number, the files and the counts of each part."""
        for number in range(count):
            marker = self._read(number)
            if marker is None:
                raise RuntimeError(f"part {number} is not done")
            counts = marker["counts"]
            rules = {rule: RuleCount(**count) for rule, count in counts["rules"].items()}
            yield (
                number,
                marker["files"],
                ShardResult(**{**counts, "rejected": Counter(counts["rejected"]), "rules": rules}),
            )

    def pieces(self, count: int, piece: str) -> Iterator[Path]:
        """Yield the existing files of one piece in all parts."""
        for number in range(count):
            with _output_errors(self.path):
                there = (path := self.file(number, piece)).exists()
            if there:
                yield path

    def discard(self) -> None:
        """Remove the markers of a run without a record, so that leaving the block removes its files."""
        with _output_errors(self.path):
            for marker in markers_in(self._work):
                marker.unlink()

    def _marker(self, number: int) -> Path:
        return self._work / f"{number:05d}.json"

    def _read(self, number: int) -> dict[str, Any] | None:
        with _output_errors(self.path), suppress(FileNotFoundError, ValueError):
            found = json.loads(self._marker(number).read_bytes())
            return found if isinstance(found, dict) and found.keys() == {"files", "counts"} else None
        return None

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest; from then on the folder is complete and readable."""
        text = json.dumps({**self.plan, **manifest}, ensure_ascii=False, indent=2, allow_nan=False)
        write_file(self.path / MANIFEST, text.encode() + b"\n")
        self.manifest = manifest

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        done = 0
        with suppress(OSError):  # must not hide the error that ends the block
            done = len(markers_in(self._work))
        self._leave()
        if self.manifest is not None:
            return
        if done and isinstance(error, KeyboardInterrupt):
            raise InterruptionError("interrupted", where=str(self.path), hint=f"{_RESUME} after {done} parts") from None
        if done and isinstance(error, OutputError):
            error.hint = f"{error.hint}; {_RESUME} after {done} parts"

    def _leave(self) -> None:
        """Keep what a resumed run can use, and release the lock."""
        with suppress(OSError):
            if self.manifest is not None:
                self._clear()
            elif self._entered:
                self._undo()
        self._entered = False
        if self._lock:
            self._lock.close()
            self._lock = None

    def _undo(self) -> None:
        """Remove the files of this run if it finished no part; keep those of any other run."""
        if markers_in(self._work) or (not self._ours and (self._work / _PLAN).is_file()):
            return
        if self._ours:
            remove_partials(self.path)
            for unmarked in self.path.glob(f"part-*{self._endings['records']}"):
                unmarked.unlink()
        self._clear()
        if self._made and not any(self.path.iterdir()):
            self.path.rmdir()

    def _clear(self) -> None:
        """Remove the work folder after a rename, so that a half-removed one never looks like an unfinished run."""
        if isinstance(self._work, RemotePath):  # a store cannot rename a folder
            remove_folder(self._work)
        elif self._work.is_dir():
            self._work.rename(self._work.with_name(f"{WORK}-{secrets.token_hex(8)}"))
        for left in self.path.glob(f"{WORK}-*"):
            remove_folder(left)


@contextmanager
def _output_errors(folder: Path) -> Iterator[None]:
    """Raise an OSError of the block as an OutputError."""
    try:
        yield
    except OSError as error:
        fail(error, folder, 0)
