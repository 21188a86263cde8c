"""Release folder during an export: finished steps, and files that appear only after verification.

A step writes to a hidden folder. After verification its files are renamed one by one, and the step is recorded with
their checksums. An interrupted export resumes at the first step that is not recorded. ``release.json`` is written last,
so an unfinished release cannot be published.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from dataset_tools.errors import InputError, OutputError, UsageError
from dataset_tools.io.checksums import sha256
from dataset_tools.io.output_paths import fail, sync_folder
from dataset_tools.io.writer import remove_partials, write_file
from publishing.release.manifest import MANIFEST

__all__ = ["ReleaseFolder", "check_space", "step_key"]

_PROGRESS = ".export.json"
_STAGING = ".export"
_FORMAT = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS


def step_key(*facts: Any) -> str:  # noqa: ANN401 - anything that JSON can hold
    """Return one hash of everything that a step depends on."""
    return sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS))


class ReleaseFolder:
    """The folder of a release during an export, which no other run may use.

    Attributes:
        path: the folder.
        steps: the finished steps by name, each with its key, files and facts.

    Raises:
        InputError: the record of an earlier export is damaged.
        UsageError: the folder has other content.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in (_PROGRESS, MANIFEST):
            remove_partials(path, name)
        done, begun = path / MANIFEST, path / _PROGRESS
        self.complete = done.is_file() and not begun.is_file()
        if path.is_dir() and not done.is_file() and not begun.is_file() and any(path.iterdir()):
            raise UsageError("the folder is not empty", where=str(path), hint="choose another folder with -o")
        source = begun if begun.is_file() else done
        self.steps: dict[str, dict[str, Any]] = _read_steps(source) if source.is_file() else {}

    def is_done(self, step: str, key: str) -> bool:
        """Return whether a step was finished with this key and its files are unchanged."""
        found = self.steps.get(step)
        return found is not None and found["key"] == key and self.is_whole(step)

    def is_whole(self, step: str) -> bool:
        """Return whether a step was finished with any key and its files are unchanged."""
        found = self.steps.get(step)
        return found is not None and all(self._is_whole(name, facts) for name, facts in found["files"].items())

    def facts(self, step: str) -> dict[str, Any]:
        """Return the facts of a finished step."""
        facts: dict[str, Any] = self.steps[step]["facts"]
        return facts

    def held(self) -> int:
        """Return the size of the finished steps in bytes."""
        return sum(int(file["size"]) for step in self.steps.values() for file in step["files"].values())

    @contextmanager
    def making(self, step: str) -> Iterator[Path]:
        """Provide an empty folder for the files of a step, and remove it afterwards.

        Raises:
            InputError: an input of the step cannot be read.
            OutputError: a file cannot be written.
        """
        staging = self.path / _STAGING / step
        try:
            self._reopen()
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(parents=True)
            yield staging
        except OSError as error:
            if (source := self._outside(error.filename)) is not None:
                what = f"cannot be read: {error.strerror}"
                raise InputError(what, where=source, hint="the run and its base must be complete") from error
            fail(error, self.path, 0)
        finally:
            shutil.rmtree(self.path / _STAGING, ignore_errors=True)

    def keep(self, step: str, key: str, staging: Path, part: str, facts: Mapping[str, Any]) -> None:
        """Rename the files of a step to their final names, and record the step."""
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
        """Remove the files of other steps than the wanted ones."""
        for step in [name for name in self.steps if name not in wanted]:
            self._reopen()
            for name in self.steps.pop(step)["files"]:
                (self.path / name).unlink(missing_ok=True)
            self._write_progress()

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write ``release.json``, which completes the release.

        Raises:
            OutputError: it cannot be written.
        """
        files = {name: facts for step in self.steps.values() for name, facts in step["files"].items()}
        content = {**manifest, "files": files, "steps": self.steps}
        write_file(self.path / MANIFEST, orjson.dumps(content, option=_FORMAT))
        (self.path / _PROGRESS).unlink(missing_ok=True)
        shutil.rmtree(self.path / _STAGING, ignore_errors=True)  # of a killed run
        self.complete = True

    def _outside(self, name: object) -> str | None:
        """Return the file of an error if it is outside this folder. Steps write only here, so it was an input."""
        if not isinstance(name, str | Path) or Path(name).resolve().is_relative_to(self.path.resolve()):
            return None
        return str(name)

    def _reopen(self) -> None:
        """Turn a finished release back into an unfinished one."""
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
        raise InputError("the record of the export is damaged", where=str(path), hint=hint) from error


def _flush(file: Path) -> None:
    """Write the content to disk before the file is renamed, in case of a power loss."""
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def check_space(path: Path, needed: int) -> None:
    """Make sure that the disk has space for a release, in bytes.

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
