"""A folder of parts while it is written: what is done is marked on disk, so that a killed run can be gone on with.

::

    out/part-00000.parquet              a part, under its name only when whole
    out/.unfinished/plan.json           what the run depends on
    out/.unfinished/00000.json          the part's counts and the hashes of its files; written last
    out/.unfinished/00000.rejects.jsonl its rejected rows, and likewise its trace
    out/manifest.json                   written when all parts are there; `.unfinished` goes

A part without a marker, or whose files are not as its marker says, is made again.
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
from dataset_tools.io.atomic_file import fail, remove_folder, remove_partials, sync_folder, write_file
from dataset_tools.io.checksums import describe_file
from dataset_tools.io.jsonl import dump_line
from dataset_tools.io.remote_path import RemotePath
from dataset_tools.io.run_lock import locked
from dataset_tools.pipeline.run_plan import require_resumable
from dataset_tools.pipeline.stage import RuleCount, ShardResult
from dataset_tools.readers.parts_manifest import MANIFEST, WORK, markers_in, read_manifest

__all__ = ["PIECES", "PartsFolder"]

PIECES = ("records", "rejects", "trace")
"""The files that a part may consist of."""

_PLAN = "plan.json"
_RESUME = "--resume goes on with it"


class PartsFolder:
    """The folder of a run, from an empty one to a whole one; a context manager, which one process at a time can enter.

    Args:
        path: the folder.
        endings: those of the parts, and of their rejects and trace.
        plan: all that the parts' bytes depend on.
        resume: whether to go on with what an earlier run has left.
        also: files of the run that may lie in the folder.

    Raises:
        InputError: it was begun with inputs that have changed.
        OutputError: it cannot be written.
        UsageError: it holds something else, or something unfinished or whole that is not to be gone on with.
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
        found = self._look()  # again: until now another run may have been at work here
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
            state = "holds a whole dataset" if self.manifest is not None else "was begun by a run that did not finish"
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
                what = f"the folder holds {entry.name}, which this command has not written"
                raise UsageError(what, where=str(self.path), hint="choose another folder with -o")

    def _take(self) -> None:
        """Keep others out; the system lets go of it when this process ends, however it does."""
        while not self._entered:
            self._work.mkdir(parents=True, exist_ok=True)
            if not isinstance(self._work, RemotePath):  # a store has no such lock
                with suppress(FileNotFoundError):  # a run that ends just now has taken the folder of the lock away
                    self._lock = locked(self._work / "lock", self.path)
            self._entered = self._lock is not None or isinstance(self._work, RemotePath)

    def file(self, number: int, piece: str) -> Path:
        """Return the path of a piece of a part."""
        if piece == "records":
            return self.path / f"part-{number:05d}{self._endings[piece]}"
        return self._work / f"{number:05d}.{piece}{self._endings[piece]}"

    def mark(self, number: int, part: ShardResult) -> None:
        """Write down that a part is whole, after its files are."""
        with _told(self.path):
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
        """Remove what there is of a part that is to be made again, so that no file of it is left that it lacks now."""
        with _told(self.path):
            for path in (self._marker(number), *(self.file(number, piece) for piece in PIECES)):
                path.unlink(missing_ok=True)

    def is_done(self, number: int) -> bool:
        """Return whether a part has a marker that matches its files."""
        marker = self._read(number)
        if marker is None:
            return False
        with _told(self.path):
            paths = {piece: self.file(number, piece) for piece in PIECES}
            found = {piece: describe_file(path) for piece, path in paths.items() if path.is_file()}
        return bool(found == marker["files"])

    def parts(self, count: int) -> Iterator[tuple[int, dict[str, Any], ShardResult]]:
        """The number, the files and the counts of each part."""
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
        """The files of one kind, of all parts that have one."""
        for number in range(count):
            with _told(self.path):
                there = (path := self.file(number, piece)).exists()
            if there:
                yield path

    def discard(self) -> None:
        """Let nothing be left of a run that has no result."""
        with _told(self.path):
            for marker in markers_in(self._work):
                marker.unlink()

    def _marker(self, number: int) -> Path:
        return self._work / f"{number:05d}.json"

    def _read(self, number: int) -> dict[str, Any] | None:
        with _told(self.path), suppress(FileNotFoundError, ValueError):
            found = json.loads(self._marker(number).read_bytes())
            return found if isinstance(found, dict) and found.keys() == {"files", "counts"} else None
        return None

    def finish(self, manifest: dict[str, Any]) -> None:
        """Make the folder whole: from here on it can be read."""
        text = json.dumps({**self.plan, **manifest}, ensure_ascii=False, indent=2, allow_nan=False)
        write_file(self.path / MANIFEST, text.encode() + b"\n")
        self.manifest = manifest

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        done = 0
        with suppress(OSError):  # what is being told is worth more
            done = len(markers_in(self._work))
        self._leave()
        if self.manifest is not None:
            return
        if done and isinstance(error, KeyboardInterrupt):
            raise InterruptionError("interrupted", where=str(self.path), hint=f"{_RESUME} after {done} parts") from None
        if done and isinstance(error, OutputError):
            error.hint = f"{error.hint}; {_RESUME} after {done} parts"

    def _leave(self) -> None:
        """Leave what can be gone on with, and let others in."""
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
        """Leave nothing of a run that has done nothing, and of another one everything."""
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
        """Remove what only an unfinished run needs, under another name first: half of it must never look like one."""
        if isinstance(self._work, RemotePath):  # a folder of a store has no other name
            remove_folder(self._work)
        elif self._work.is_dir():
            self._work.rename(self._work.with_name(f"{WORK}-{secrets.token_hex(8)}"))
        for left in self.path.glob(f"{WORK}-*"):
            remove_folder(left)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Let what the system refuses be told as an error of the output."""
    try:
        yield
    except OSError as error:
        fail(error, folder, 0)
