"""A release while it is made: steps that are done or not, files that appear only when they are proven.

What a step writes lies in a hidden folder until it has been proven; then its files take their names one by one, and the
step is written down with their checksums. A run that was killed anywhere goes on with the first step that is not down.
As long as anything is missing there is no ``release.json``, so that nothing unfinished can be published.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from dataset_tools.errors import InputError, OutputError, UsageError
from dataset_tools.io.atomic_file import fail, remove_partials, sync_folder, write_file
from dataset_tools.io.checksums import sha256
from publishing.release.manifest import MANIFEST

__all__ = ["ReleaseFolder", "check_space", "step_key"]

_PROGRESS = ".export.json"
_STAGING = ".export"
_FORMAT = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS


def step_key(*facts: Any) -> str:  # noqa: ANN401 - anything that JSON can hold
    """One hash over what a step is made from."""
    return sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS))


class ReleaseFolder:
    """The folder of a release on its way; no other run may be at work in it.

    Attributes:
        path: the folder.
        steps: what is done, by the step's name: its key, its files, its facts.

    Raises:
        InputError: what an earlier export wrote down is damaged.
        UsageError: the folder holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in (_PROGRESS, MANIFEST):
            remove_partials(path, name)
        done, going = path / MANIFEST, path / _PROGRESS
        self.complete = done.is_file() and not going.is_file()
        if path.is_dir() and not done.is_file() and not going.is_file() and any(path.iterdir()):
            raise UsageError("the folder is not empty", where=str(path), hint="choose another folder with -o")
        source = going if going.is_file() else done
        self.steps: dict[str, dict[str, Any]] = _read_steps(source) if source.is_file() else {}

    def is_done(self, step: str, key: str) -> bool:
        """Whether a step was done from the same things, and its files are still what they were."""
        found = self.steps.get(step)
        return found is not None and found["key"] == key and self.is_whole(step)

    def is_whole(self, step: str) -> bool:
        """Whether a step was done, from whatever, and its files are still what they were."""
        found = self.steps.get(step)
        return found is not None and all(self._is_whole(name, facts) for name, facts in found["files"].items())

    def facts(self, step: str) -> dict[str, Any]:
        """What a step that is done has found."""
        facts: dict[str, Any] = self.steps[step]["facts"]
        return facts

    def held(self) -> int:
        """Bytes of what is kept already."""
        return sum(int(file["size"]) for step in self.steps.values() for file in step["files"].values())

    @contextmanager
    def making(self, step: str) -> Iterator[Path]:
        """An empty folder for what a step writes; gone afterwards, whatever happens.

        Raises:
            InputError: what the step is made from cannot be read.
            OutputError: it cannot be written.
        """
        staging = self.path / _STAGING / step
        try:
            self._reopen()
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(parents=True)
            yield staging
        except OSError as error:
            if (other := self._outside(error.filename)) is not None:
                what = f"cannot be read: {error.strerror}"
                raise InputError(what, where=other, hint="the run and its base must be whole") from error
            fail(error, self.path, 0)
        finally:
            shutil.rmtree(self.path / _STAGING, ignore_errors=True)

    def keep(self, step: str, key: str, staging: Path, part: str, facts: Mapping[str, Any]) -> None:
        """Give the files of a step their names, and write the step down."""
        before = set(self.steps.pop(step, {}).get("files", ()))
        target = self.path / part
        target.mkdir(exist_ok=True)
        files = {}
        for file in sorted(staging.iterdir()):
            name = f"{part}/{file.name}"
            files[name] = {"size": file.stat().st_size, "sha256": sha256(file)}
            _flush(file)
            file.replace(self.path / name)
        for name in before - files.keys():
            (self.path / name).unlink(missing_ok=True)
        sync_folder(target)
        self.steps[step] = {"key": key, "files": files, "facts": dict(facts)}
        self._write_progress()

    def drop(self, wanted: set[str]) -> None:
        """Remove the files of steps that are not wanted any more."""
        for step in [name for name in self.steps if name not in wanted]:
            self._reopen()
            for name in self.steps.pop(step)["files"]:
                (self.path / name).unlink(missing_ok=True)
            self._write_progress()

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write ``release.json``; from here on the release is one.

        Raises:
            OutputError: it cannot be written.
        """
        files = {name: facts for step in self.steps.values() for name, facts in step["files"].items()}
        content = {**manifest, "files": files, "steps": self.steps}
        write_file(self.path / MANIFEST, orjson.dumps(content, option=_FORMAT))
        (self.path / _PROGRESS).unlink(missing_ok=True)
        shutil.rmtree(self.path / _STAGING, ignore_errors=True)  # of a run that was killed
        self.complete = True

    def _outside(self, name: object) -> str | None:
        """A file that an error names, if it is none of this folder: steps write nowhere else, so it was to be read."""
        if not isinstance(name, str | Path) or Path(name).resolve().is_relative_to(self.path.resolve()):
            return None
        return str(name)

    def _reopen(self) -> None:
        """From a finished release back to one on its way."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not (self.path / _PROGRESS).is_file():
            self._write_progress()
        (self.path / MANIFEST).unlink(missing_ok=True)
        self.complete = False

    def _write_progress(self) -> None:
        write_file(self.path / _PROGRESS, orjson.dumps({"steps": self.steps}, option=_FORMAT))

    def _is_whole(self, name: str, recorded: Mapping[str, Any]) -> bool:
        path = self.path / name
        try:
            whole: bool = path.stat().st_size == recorded["size"] and sha256(path) == recorded["sha256"]
        except OSError:
            return False
        return whole


def _read_steps(path: Path) -> dict[str, dict[str, Any]]:
    try:
        steps = orjson.loads(path.read_bytes())["steps"]
        return {
            name: {"key": step["key"], "files": dict(step["files"]), "facts": step["facts"]}
            for name, step in steps.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "choose another folder with -o, or remove this one"
        raise InputError("not what an export wrote", where=str(path), hint=hint) from error


def _flush(file: Path) -> None:
    """Make the content survive a loss of power before the name does."""
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def check_space(path: Path, needed: int) -> None:
    """Make sure, before any work, that a release fits on the disk.

    Raises:
        OutputError: it does not.
    """
    place = path.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        what = f"{needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free"
        raise OutputError(what, where=str(path), hint="free space or choose another folder with -o")
