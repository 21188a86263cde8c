"""Proof that a restructuring changes no data: the outputs of a fixed list of commands, recorded and compared.

    python -m tools.same_bytes record before.json --data DIR --keep before/
    python -m tools.same_bytes compare before.json after.json

The script runs the commands and imports no module of the project, so that one script measures two layouts of the code.
By default the commands run `python -m dataset_tools` of $PYTHONPATH, or of this repository where that is not set.
HTML pages and the tables on the terminal are not compared.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tools.data_view import compare, entry_of, rows_of

ROOT = Path(__file__).resolve().parent.parent

# One command a line; "> FILE" keeps its standard output. A line with @ is one of MAKERS below: an input made here.
DEMO = """
sample -o sample.jsonl
sample --dirty -o raw.jsonl
sample --part test -o test.jsonl
sample --part train --rows 600 -o drawn.jsonl
validate raw.jsonl --format json --examples 100000 > raw.validate.json
import raw.jsonl -o records.jsonl --report records.report.json
clean records.jsonl -o clean.jsonl --report clean.report.json --trace clean.trace.jsonl --rejects clean.rejects.jsonl
clean raw.jsonl -o straight.parquet --trace straight.trace.jsonl --json -j 2 > straight.report.json
validate clean.jsonl --format json --examples 100000 -j 2 > clean.validate.json
dedup clean.jsonl -o distinct.jsonl --report distinct.report.json
split distinct.jsonl -o data --by dialect --against test.jsonl --made-by clean.report.json
stats distinct.jsonl --json --tokenizer {tokenizer} > stats.json
build data/train.parquet drawn.jsonl -o samples --tokenizer {tokenizer} --shuffle-tools 7 --json > build.printed.json
show samples --row 5 > show.txt
show samples --row 200 --count 20 --ids > show.ids.txt
render clean.jsonl > rendered.jsonl
parse rendered.jsonl > rendered.parsed.jsonl
@model-outputs rendered.jsonl > made.outputs.jsonl
@tool-list clean.jsonl > made.tools.json
parse made.outputs.jsonl > parsed.jsonl
parse made.outputs.jsonl --tools made.tools.json > typed.parsed.jsonl
@hundred-times raw.jsonl > made.many.jsonl
clean made.many.jsonl -o many/ --parts jsonl -j 2 -q
validate many/ --format json --examples 100 -j 2 -q > many.validate.json
dedup many/ -o few/ --parts parquet -j 2 -q
"""
FOLDS = "dediac,alef,alef-maksura,teh-marbuta,digits"
# For each --data folder {data}; a line with {child} runs for each file and folder in it.
DATA = """
import {child} -o each/{name}.jsonl -q
import {data} -o records.parquet --report records.report.json -j 2 -q
import {data} -o records/ --parts jsonl -j 2 -q
import {data} -o renamed.jsonl.zst --rename-tools -q
clean {data} -o clean.jsonl --report clean.report.json --trace clean.trace.jsonl --rejects clean.rejects.jsonl -q
clean {data} -o bare.parquet --no-developer-turn -j 2 -q
clean {data} -o clean/ --parts parquet -j 2 -q
clean {data} -o folded.jsonl.gz --fold {folds} --rename-tools --report folded.report.json -j 2 -q
validate {data} --format json --examples 100000 -j 2 -q > raw.validate.json
validate clean.jsonl --format json --examples 100000 -q > clean.validate.json
dedup clean.jsonl -o distinct.jsonl --report distinct.report.json -q
dedup folded.jsonl.gz -o near.parquet --near 0.6 --twins -j 2 -q
dedup clean/ -o distinct/ --parts jsonl --near 0 -j 2 -q
split distinct.jsonl -o split --by dialect --json -q > split.printed.json
split clean/ -o held --format jsonl --against split/test.parquet --near 0.5 --seed 3 --test 0.2 -j 2 -q
stats clean.jsonl --json --tokenizer {tokenizer} > clean.stats.json
stats {data} --json -j 2 -q > raw.stats.json
build split/train.parquet -o samples --tokenizer {tokenizer} -q
build clean/ -o shuffled --tokenizer {tokenizer} --shuffle-tools 7 --max-tools 5 --max-length 700 --fit -j 2 -q
show shuffled --count 50 > show.txt
render clean.jsonl > rendered.jsonl
render folded.jsonl.gz --generation-prompt -j 2 > folded.rendered.jsonl
@model-outputs rendered.jsonl > made.outputs.jsonl
@tool-list clean.jsonl > made.tools.json
parse made.outputs.jsonl > parsed.jsonl
parse made.outputs.jsonl --tools made.tools.json > typed.parsed.jsonl
"""
NOT_COMPARED = ("*.html", "*/made.*")


def model_outputs(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield each turn of the model in rendered rows as a raw output; every seventh is cut short."""
    turns = [
        (f"{row['id']}-{place}", turn.split("<end_of_turn>")[0].split("<start_function_response>")[0])
        for row in rows
        for place, turn in enumerate(row["text"].split("<start_of_turn>model\n")[1:])
    ]
    for place, (name, turn) in enumerate(turns):
        yield {"id": name, "text": turn if place % 7 else turn[:-20]}


def tool_list(rows: list[dict[str, Any]]) -> Iterator[list[Any]]:
    """Yield one list of all tools in records, the first of each name."""
    tools: dict[str, Any] = {}
    for tool in (tool for row in rows for tool in row["tools"]):
        tools.setdefault(tool["function"]["name"], tool)
    yield list(tools.values())


MAKERS = {"@model-outputs": model_outputs, "@tool-list": tool_list}


def execute(line: str, folder: Path, program: list[str], environment: dict[str, str]) -> int:
    """Run a line of the tables in a folder and return its exit code."""
    command, _, target = line.partition(" > ")
    words = shlex.split(command)
    if words[0] == "@hundred-times":
        (folder / target).write_bytes((folder / words[1]).read_bytes() * 100)
        return 0
    if words[0] in MAKERS:
        source = folder / words[1]
        rows = [json.loads(row) for row in source.read_bytes().splitlines()] if source.exists() else []
        made = (f"{json.dumps(row)}\n" for row in MAKERS[words[0]](rows))
        (folder / target).write_text("".join(made), encoding="utf-8")
        return 0
    done = subprocess.run([*program, *words], cwd=folder, env=environment, capture_output=True, check=False)
    if target:
        (folder / target).write_bytes(done.stdout)
    return done.returncode


def commands(table: str, data: Path, tokenizer: Path) -> Iterator[str]:
    """Yield the commands of a table; a line with {child} once for each file and folder of the data."""
    for line in table.strip().splitlines():
        for child in sorted(data.iterdir()) if "{child}" in line else [data]:
            places = {"data": data, "child": child, "name": child.name, "tokenizer": tokenizer, "folds": FOLDS}
            yield line.format(**{name: shlex.quote(str(place)) for name, place in places.items()})


def run_all(work: Path, program: list[str], tokenizer: Path, folders: list[Path]) -> dict[str, Any]:
    """Run all commands below a folder and return the recording: an exit code a command, an entry a file."""
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "HF_HUB_OFFLINE": "1"}
    if not program:
        program = [sys.executable, "-m", "dataset_tools"]
        environment.setdefault("PYTHONPATH", str(ROOT))
    print(f"{shlex.join(program)}, PYTHONPATH={environment.get('PYTHONPATH', '')}", flush=True)
    groups = [("demo", DEMO, ROOT), *((f"data{place}", DATA, data) for place, data in enumerate(folders, 1))]
    codes = {}
    for group, table, data in groups:
        (work / group / "each").mkdir(parents=True)
        for command in commands(table, data, tokenizer):
            start = time.perf_counter()
            code = execute(command, work / group, program, environment)
            name = f"{group}: {command.replace(str(tokenizer), 'TOKENIZER')}"
            print(f"{time.perf_counter() - start:6.1f} s  exit {code}  {name}", flush=True)
            codes[name] = code
    roots = {str(work): "WORK", str(tokenizer): "TOKENIZER"}
    files = {str(file.relative_to(work)): file for file in sorted(work.rglob("*")) if file.is_file()}
    compared = {name: file for name, file in files.items() if not any(fnmatch(name, kind) for kind in NOT_COMPARED)}
    return {"codes": codes, "files": {name: entry_of(file, name, roots) for name, file in compared.items()}}


def record(arguments: argparse.Namespace) -> str:
    """Run the commands, write the recording and return a line of counts."""
    start = time.perf_counter()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    folders = [folder.resolve() for folder in arguments.data]
    with tempfile.TemporaryDirectory() as temporary:
        work = (arguments.keep or Path(temporary) / "out").resolve()
        work.mkdir(parents=True)
        recording = run_all(work, shlex.split(arguments.program), arguments.tokenizer.resolve(), folders)
    arguments.output.write_text(json.dumps(recording), encoding="utf-8")
    files, codes = recording["files"].values(), recording["codes"].values()
    rows, failed = sum(map(rows_of, files)), sum(code > 1 for code in codes)
    took = time.perf_counter() - start
    return f"{len(codes)} commands, {failed} of them failed; {len(files)} files, {rows} rows; {took:.0f} s"


def main() -> int:
    """Record, or compare; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    actions = parser.add_subparsers(dest="action", required=True)
    recording = actions.add_parser("record", help="run the commands and record their outputs")
    recording.add_argument("output", type=Path, help="the recording to write, JSON")
    recording.add_argument("--data", type=Path, action="append", default=[], help="a folder of raw data; repeatable")
    recording.add_argument("--keep", type=Path, help="a new folder that keeps the outputs")
    recording.add_argument("--program", default="", help="the command instead, as afg-data")
    recording.add_argument("--tokenizer", type=Path, default=ROOT / "training" / "tiny" / "tokenizer")
    comparison = actions.add_parser("compare", help="compare two recordings")
    comparison.add_argument("before", type=Path)
    comparison.add_argument("after", type=Path)
    arguments = parser.parse_args()
    if arguments.action == "record":
        print(record(arguments))
        return 0
    before, after = (json.loads(path.read_text(encoding="utf-8")) for path in (arguments.before, arguments.after))
    differences = compare(before, after)
    equal = [one for name, one in before["files"].items() if after["files"].get(name) == one]
    print(*differences, sep="\n", end="\n" if differences else "")
    print(f"{len(equal)} files with {sum(map(rows_of, equal))} rows are equal; {len(differences)} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
