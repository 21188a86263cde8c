"""Benchmarks of speed and memory against other implementations: ``make bench``.

Each side is its own process and runs several times. The sides take turns, so that load on the machine affects both.
The output is the median, the range, and the median ratio.

Options: ``--times N`` runs per side (5); ``--only NAME,...`` selects from start-up, validate, clean, build, evaluate,
dedup, workers, memory, upload, decode, export, by-hand, and large and many, which take minutes and run only on demand.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import corpus
from by_hand import by_hand
from decoding import decode
from exporting import export
from large import large, many
from measuring import by_turns, print_pair, rate, run, span, timed
from upload import upload

_NAIVE_ROWS = {"validate": 2_000, "camel": 4_000, "build": 4_000}
_MEMORY_BYTES = 1 << 30
_ANSWERS = 50_000

Case = Callable[[Path, int], None]


def start_up(folder: Path, times: int) -> None:
    """Print the time of ``afg-data --help`` and of an empty Python script."""
    del folder
    command = [str(Path(sys.executable).with_name("afg-data")), "--help"]
    bare = [sys.executable, "-c", "pass"]
    seconds = by_turns({"afg-data --help": lambda: timed(command), "python -c pass": lambda: timed(bare)}, times)
    for name, values in seconds.items():
        print(f"{name:<44}{statistics.median(values) * 1000:8.0f} ms   {span([v * 1000 for v in values])} ms")


def validate(folder: Path, times: int) -> None:
    """Compare all checks on all rows with ``jsonschema.validate`` in a loop."""
    _against("validate", "validate", "jsonschema.validate in a loop", folder, times)


def clean(folder: Path, times: int) -> None:
    """Compare the default repairs with CAMeL Tools on the same strings."""
    _against("clean", "camel", "CAMeL Tools over the same strings", folder, times)


def build(folder: Path, times: int) -> None:
    """Compare masked samples with chat template, tokenizer and mask in ``datasets.map``; count equal rows."""
    from training.tiny import tokenizer_path

    path, theirs = folder / "rows.jsonl", folder / "theirs.parquet"
    other = (str(path), str(_NAIVE_ROWS["build"]), str(tokenizer_path()), str(theirs))
    sides = {
        "afg-data build, 1 worker": rate("ours.py", "build", str(path), "1"),
        "chat template, tokenizer and mask in map": rate("naive_build.py", *other),
    }
    mine, slow = by_turns(sides, times).items()
    print_pair(mine, slow)
    run("ours.py", "build", str(path), "1", str(folder / "samples"))
    run("naive_build.py", str(path), "1000000", *other[2:])
    print(f"{'rows with the same ids and labels':<44}{_same_rows(folder / 'samples', theirs)}")


def evaluate(folder: Path, times: int) -> None:
    """Print the time to read, score and write 50,000 outputs with their page, in one process."""
    rows, answers = folder / "questions.jsonl", folder / "answers.jsonl"
    corpus.write(rows, _ANSWERS)
    corpus.write_answers(answers, rows)
    runs = [run("ours.py", "evaluate", str(rows), "1", str(answers)) for _ in range(times)]
    seconds = [one["seconds"] for one in runs]
    peak = statistics.median(one["megabytes"] for one in runs)
    name = f"afg evaluate, {_ANSWERS:,} predictions"
    print(
        f"{name:<44}{statistics.median(seconds):8.1f} s   {min(seconds):.1f} to {max(seconds):.1f}, {peak:.0f} MB peak"
    )


def dedup(folder: Path, times: int) -> None:
    """Print the time of ``dedup`` and ``split`` for 50,000 varied rows with two workers."""
    path = folder / "varied.jsonl"
    print(corpus.write_varied(path), flush=True)
    for side in ("dedup", "split"):
        runs = [run("ours.py", side, str(path), "2") for _ in range(times)]
        seconds = [one["seconds"] for one in runs]
        peak = statistics.median(one["megabytes"] for one in runs)
        name = f"afg-data {side}, {runs[0]['rows']:,} rows, 2 workers"
        middle = statistics.median(seconds)
        print(f"{name:<44}{middle:8.1f} s   {min(seconds):.1f} to {max(seconds):.1f}, {peak:.0f} MB peak")
    path.unlink()


def _same_rows(ours: Path, theirs: Path) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = ["id", "input_ids", "labels"]
    other = pq.read_table(theirs, columns=columns)
    mine = pa.concat_tables([pq.read_table(path, columns=columns) for path in sorted(ours.glob("data-*.parquet"))])
    equal, start = 0, 0
    for batch in mine.cast(other.schema).to_batches(max_chunksize=4096):
        rows = batch.to_pylist()
        equal += sum(a == b for a, b in zip(rows, other.slice(start, len(rows)).to_pylist(), strict=True))
        start += len(rows)
    return f"{equal:,} of {max(mine.num_rows, other.num_rows):,}"


def workers(folder: Path, times: int) -> None:
    """Compare two workers with one."""
    path = folder / "rows.jsonl"
    for side in ("validate", "clean", "build"):
        sides = {f"{side}, {n} worker{'s' * (n > 1)}": rate("ours.py", side, str(path), str(n)) for n in (1, 2)}
        one, two = by_turns(sides, times).items()
        print_pair(two, one)


def memory(folder: Path, times: int) -> None:
    """Print the peak memory of one process for 100 MB and for 1 GB."""
    del times
    small, large = folder / "rows.jsonl", folder / "large.jsonl"
    with large.open("wb") as file:
        while file.tell() < _MEMORY_BYTES:
            file.write(small.read_bytes())
    for side in ("validate", "clean", "build"):
        for path in (small, large):
            result = run("ours.py", side, str(path), "1")
            size = path.stat().st_size / 1e6
            print(f"{side + f' of {size:,.0f} MB':<44}{result['megabytes']:8.0f} MB peak, {result['rows']:,} rows")
    large.unlink()


CASES: dict[str, Case] = {
    "start-up": start_up, "validate": validate, "clean": clean, "build": build, "evaluate": evaluate,
    "dedup": dedup, "workers": workers, "memory": memory, "upload": upload, "decode": decode,
    "export": export, "by-hand": by_hand, "large": large, "many": many,
}  # fmt: skip
_ON_DEMAND = {"large", "many"}


def _against(ours: str, other: str, name: str, folder: Path, times: int) -> None:
    path = str(folder / "rows.jsonl")
    sides = {
        f"afg-data {ours}, 1 worker": rate("ours.py", ours, path, "1"),
        name: rate("naive.py", other, path, str(_NAIVE_ROWS[other])),
    }
    mine, theirs = by_turns(sides, times).items()
    print_pair(mine, theirs)


def _machine() -> str:
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    ) if Path("/proc/cpuinfo").exists() else platform.processor()  # fmt: skip
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main() -> None:
    """Run the selected cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--only", default=",".join(name for name in CASES if name not in _ON_DEMAND))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(_machine())
        print(corpus.write(folder / "rows.jsonl"), flush=True)
        for case in options.only.split(","):
            print(f"\n{case}", flush=True)
            CASES[case](folder, options.times)


if __name__ == "__main__":
    main()
