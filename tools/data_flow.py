"""Files crossed by a command, and the changes of file on the way: the data-flow figures of ``shape.py``.

The rule, which gives the figures published for 0.1.0 exactly:

- The input is the first three rows of the bundled dirty sample. ``clean -q`` reads them; ``validate`` and
  ``build -q --verify 2`` (bundled tokenizer) read what ``clean`` wrote.
- Every command runs in a process of its own, through the ``afg-data`` entry point of pyproject.toml. All shipped
  modules are imported first, so that no import is traced; then ``sys.setprofile`` records calls in the main thread.
- A call counts if its code is in a shipped file. Comprehensions, generator expressions and the resumption of a
  generator are calls in CPython 3.11; a return is not. Methods that ``dataclass`` generates belong to no file.
- ``files`` is the number of distinct files with a call. ``core_files`` leaves out the folders layouts/ and arabic/.
- ``changes`` is the number of runs of calls in one file: each call in another file than the call before adds one,
  and so does the first call.
- ``before_rows`` is the same number up to and including the first call of the marker, by default the function that
  cuts the input into shards: there the set-up ends. ``before_reader`` is that up to the first call in the row reader.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from itertools import pairwise
from pathlib import Path
from types import FrameType

__all__ = ["MARKERS", "SHIPPED", "data_flow", "entry_point"]

SHIPPED = ("schemas", "dataset_tools", "training", "publishing")
NOT_IMPORTED = {"__main__.py", "consume"}  # start a program; are scripts that are shipped with a model
LEFT_OUT = {"layouts", "arabic"}
MARKERS = ("shards.plan", "shards.plan_shards")
"""The functions, as MODULE.FUNCTION, one of which is called before the first row is read."""
READERS = ("dataset_tools/reading.py", "dataset_tools/readers/row_reader.py")
ROWS = 3
COMMANDS = {
    "clean": ["clean", "raw.jsonl", "-o", "clean.jsonl", "-q"],
    "validate": ["validate", "clean.jsonl", "-q"],
    "build": ["build", "clean.jsonl", "-o", "samples", "--tokenizer", "TOKENIZER", "--verify", "2", "-q"],
}
Call = tuple[str, str]
"""The file of a call, relative to the root, and the name of the function."""


def data_flow(root: Path, markers: tuple[str, ...] = MARKERS) -> dict[str, dict[str, int | None]]:
    """Return the figures of each command; None where no marker or reader was called."""
    tokenizer = str(next((root / "training").rglob("tokenizer/tokenizer.json")).parent)
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        sample = next((root / "dataset_tools").rglob("dirty.jsonl"))
        rows = sample.read_bytes().splitlines(keepends=True)[:ROWS]
        Path(folder, "raw.jsonl").write_bytes(b"".join(rows))
        for command, arguments in COMMANDS.items():
            calls = _traced(root, Path(folder), [tokenizer if word == "TOKENIZER" else word for word in arguments])
            figures[command] = _figures(calls, markers)
    return figures


def entry_point(root: Path) -> tuple[str, str]:
    """Return the module and the function behind ``afg-data``, from pyproject.toml."""
    scripts = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    module, _, function = scripts["afg-data"].partition(":")
    return module, function


def _traced(root: Path, folder: Path, arguments: list[str]) -> list[Call]:
    """Run one command in a child process and return its calls in order."""
    child = [sys.executable, "-P", str(Path(__file__).resolve()), str(root), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(child, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}")
    return [(file, function) for file, function in json.loads(Path(folder, "calls.json").read_bytes())]


def _figures(calls: list[Call], markers: tuple[str, ...]) -> dict[str, int | None]:
    files = {file for file, _ in calls}
    marks = [f"{Path(file).stem}.{function}" in markers for file, function in calls]
    reads = [file in READERS for file, _ in calls]
    return {
        "files": len(files),
        "core_files": sum(not LEFT_OUT.intersection(Path(file).parts) for file in files),
        "changes": _changes(calls),
        "before_rows": _changes(calls[: marks.index(True) + 1]) if any(marks) else None,
        "before_reader": _changes(calls[: reads.index(True) + 1]) if any(reads) else None,
    }


def _changes(calls: list[Call]) -> int:
    return 1 + sum(before != after for (before, _), (after, _) in pairwise(calls))


def _import_all(root: Path) -> None:
    for folder in SHIPPED:
        for file in sorted((root / folder).rglob("*.py")):
            path = file.relative_to(root)
            if not NOT_IMPORTED.intersection(path.parts):
                name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
                module = importlib.import_module(name)
                if not module.__file__ or Path(module.__file__).resolve() != file.resolve():
                    raise SystemExit(f"{name} was imported from {module.__file__}, not from {root}")


def _child(root: Path, arguments: list[str]) -> None:
    """Trace ``afg-data`` with these arguments and write the calls to calls.json in the working directory."""
    _import_all(root)
    module, function = entry_point(root)
    main = getattr(sys.modules[module], function)
    prefix = f"{root}{os.sep}"
    shipped = tuple(f"{root / folder}{os.sep}" for folder in SHIPPED)  # not an environment inside the tree
    calls: list[Call] = []

    def record(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(shipped):
            calls.append((frame.f_code.co_filename.removeprefix(prefix), frame.f_code.co_name))

    sys.argv = ["afg-data", *arguments]
    sys.setprofile(record)
    try:
        main()
    except SystemExit as end:
        if end.code not in {None, 0, 1}:  # 1: findings
            raise
    finally:
        sys.setprofile(None)
    Path("calls.json").write_text(json.dumps(calls), "utf-8")


if __name__ == "__main__":
    _child(Path(sys.argv[1]), sys.argv[2:])
