"""Helpers of the build tests: rows on disk, short builds, samples read back, masks derived from text."""

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from dataset_tools.executor.run import Work
from dataset_tools.prompt.render import segments
from dataset_tools.samples.build import BuildOptions, BuildReport, build
from dataset_tools.samples.masking import Encoder, Samples, join
from dataset_tools.samples.stage import SampleOptions
from dataset_tools.samples.tokenizer import load_tokenizer
from tests.prompt_rows import Row
from training.tiny import tokenizer_path

IGNORED = -100
Sample = dict[str, Any]

# Turns of the model and the tool results in them; the first token of the first result is the stop of the model.
_TURN = re.compile(r"<start_of_turn>model\n(.*?)(?=\n<start_of_turn>|\n?\Z)", re.DOTALL)
_RESULTS = re.compile(
    r"(?<=<start_function_response>)response:.*?<end_function_response>"
    r"(?:<start_function_response>response:.*?<end_function_response>)*",
    re.DOTALL,
)


def write_rows(path: Path, rows: Iterable[Row]) -> str:
    """Write rows as JSON Lines and return the path as a source."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def build_rows(
    folder: Path, rows: Iterable[Row], *, tokenizer: Path | None = None, workers: int = 1, **options: Any
) -> BuildReport:
    """Build rows into ``folder/out``, by default without comparison with transformers."""
    source = write_rows(folder / "rows.jsonl", rows)
    samples = SampleOptions(**{"verify": 0, **options})
    tokenizer = tokenizer or tokenizer_path()
    return build([source], folder / "out", str(tokenizer), BuildOptions(samples=samples, work=Work(workers=workers)))


def read_samples(folder: Path) -> list[Sample]:
    """Return the samples of a built dataset, in order."""
    return [row for file in sorted(folder.glob("data-*.parquet")) for row in pq.read_table(file).to_pylist()]


def read_rejects(folder: Path) -> list[Row]:
    """Return the lines of ``rejects.jsonl``."""
    return [json.loads(line) for line in (folder / "rejects.jsonl").read_text(encoding="utf-8").splitlines()]


def make_samples(rows: Sequence[Row]) -> Samples:
    """Return the samples of rows with the bundled tokenizer, without files."""
    return join(Encoder(load_tokenizer(tokenizer_path())).tokens([segments(row) for row in rows]))


def ids_and_labels(samples: Samples) -> list[tuple[list[int], list[int]]]:
    """Return the ids and labels of each row."""
    bounds = samples.offsets.tolist()
    return [
        (samples.input_ids[start:stop].tolist(), samples.labels[start:stop].tolist())
        for start, stop in pairwise(bounds)
    ]


def read_mask(text: str) -> tuple[list[int], list[int]]:
    """Return the expected ids and labels of a prompt: the whole text tokenized, the mask by its letters."""
    owned = bytearray(len(text))
    for turn in _TURN.finditer(text):
        owned[turn.start(1) : turn.end(1)] = b"\1" * (turn.end(1) - turn.start(1))
        for results in _RESULTS.finditer(text, turn.start(1), turn.end(1)):
            owned[results.start() : results.end()] = bytes(results.end() - results.start())
    encoded = load_tokenizer(tokenizer_path()).encode(text, add_special_tokens=False)
    kept = [bool(owned[start]) for start, _ in encoded.offsets]
    return encoded.ids, [token if keep else IGNORED for token, keep in zip(encoded.ids, kept, strict=True)]


def trained_pieces(labels: Sequence[int]) -> dict[int, list[str]]:
    """Return the pieces of each trained span by its start."""
    tokenizer = load_tokenizer(tokenizer_path())
    stretches: dict[int, list[str]] = {}
    start = -1
    for position, label in enumerate(labels):
        if label == IGNORED:
            start = -1
            continue
        if start < 0:
            start = position
            stretches[start] = []
        stretches[start].append(tokenizer.id_to_token(label))
    return stretches


def trained_text(labels: Sequence[int]) -> list[str]:
    """Return the text of each trained span, in order."""
    tokenizer = load_tokenizer(tokenizer_path())
    stretches: list[list[int]] = [[]]
    for label in labels:
        if label != IGNORED:
            stretches[-1].append(label)
        elif stretches[-1]:
            stretches.append([])
    return [tokenizer.decode(stretch, skip_special_tokens=False) for stretch in stretches if stretch]


def copy_tokenizer(folder: Path) -> Path:
    """Return a copy of the bundled tokenizer that a test may damage."""
    return Path(shutil.copytree(tokenizer_path(), folder / "tokenizer"))
