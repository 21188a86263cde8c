"""``afg-data build``: records as masked training samples, as one library call.

A stage makes and checks the samples of a shard. The parent writes the file of each shard in order, compares random rows
with the chat template of the tokenizer, and then moves the folder to its place.
"""

import platform
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from threading import Event
from typing import Any

import orjson

from dataset_tools.errors import UsageError
from dataset_tools.executor.process_setup import stop_reimport
from dataset_tools.executor.run import Work, run
from dataset_tools.io.atomic_folder import AtomicFolder
from dataset_tools.io.checksums import cancellation, describe_input, sha256
from dataset_tools.io.output_paths import check_outputs
from dataset_tools.prompt.template import template_name
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.readers.sources import DataFile
from dataset_tools.records.reading import Inputs, ReadOptions
from dataset_tools.samples.sample_shard import LENGTH_STEP, LENGTH_STEPS, LIMITS, SampleShard
from dataset_tools.samples.stage import BuildStage, SampleOptions
from dataset_tools.samples.template_check import Verifier
from dataset_tools.samples.tokenizer import TokenizerFiles, find_tokenizer, require_functiongemma

__all__ = ["BUILD_FILES", "BuildOptions", "BuildReport", "build"]

BUILD_FILES = ("data-*.parquet", "rejects.jsonl", "build.json")
"""The files of a built dataset."""

_LEAST_SHARD, _MOST_SHARD, _SHARDS = 4 << 20, 16 << 20, 32
_PACKAGES = ("arabic-functiongemma", "tokenizers", "transformers", "pyarrow")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """Options of ``build``.

    Attributes:
        samples: options for samples.
        reading: options for reading rows.
        work: the processes that do the work.
    """

    samples: SampleOptions = field(default_factory=SampleOptions)
    reading: ReadOptions = field(default_factory=ReadOptions)
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True)
class BuildReport:
    """Report of a build; ``rows_in == rows_out + sum(rejected.values())``.

    Attributes:
        output: the folder.
        facts: the object in ``build.json``.
    """

    output: Path
    facts: Mapping[str, Any]

    @property
    def rows_in(self) -> int:
        """Return the number of rows read."""
        return int(self.facts["rows_in"])

    @property
    def rows_out(self) -> int:
        """Return the number of samples."""
        return int(self.facts["rows_out"])

    @property
    def rejected(self) -> dict[str, int]:
        """Return the number of rejected rows by the code of the reason."""
        return dict(self.facts["rejected"])


def build(
    sources: Sequence[str] | Inputs,
    output: Path,
    tokenizer: str,
    options: BuildOptions | None = None,
    *,
    on_shard: Callable[[Shard, SampleShard], None] | None = None,
) -> BuildReport:
    """Build masked samples of all rows of ``sources``.

    Args:
        sources: files, folders, globs or ``hf://datasets/...``, in any known layout.
        output: the folder to write; an earlier build is replaced when the new one is complete.
        tokenizer: a folder, or ``ORG/NAME[@REVISION]`` on the Hub.
        options: see :class:`BuildOptions`.
        on_shard: called after each shard, in order, for progress.

    Raises:
        InputError: a source or the tokenizer cannot be read, no row can be used, or the chat template of the tokenizer
            gives another text.
        OutputError: the folder cannot be written.
        UsageError: an option is invalid, or the folder has a source.
    """
    options = options or BuildOptions()
    _check_options(options.samples)
    stop_reimport()
    inputs = Inputs.of(sources, options.reading.tools_file)
    shards = plan_shards(inputs.files, min(max(inputs.size // _SHARDS, _LEAST_SHARD), _MOST_SHARD))
    converter = options.reading.converter()
    check_outputs(inputs.stamps.paths, folder=output)
    found = find_tokenizer(tokenizer)
    require_functiongemma(found)
    stage = BuildStage(converter, found.folder, options.samples)
    total = SampleShard()
    outputs: list[dict[str, Any]] = []
    with AtomicFolder(output, BUILD_FILES) as folder, ThreadPoolExecutor(2) as threads, cancellation() as cancelled:
        hashes = threads.submit(_hashes, inputs.files, cancelled)
        # The import of transformers takes seconds, during which the workers already run.
        verifier = threads.submit(Verifier, found.folder) if options.samples.verify > 0 else None
        with closing(run(stage, shards, options.work, on_done=on_shard)) as results:
            for result in results:
                total.add(result, options.samples.verify)
                if result.payload:
                    outputs.append(_write_samples(folder, result, len(outputs)))
                if result.rejects:
                    folder.append("rejects.jsonl", result.rejects)
        inputs.require_rows(total.rows, total.written, total.first_reject)
        if verifier is not None:
            total.verified = _verify(total, verifier.result())
        facts = _facts(options.samples, found, total) | {"inputs": hashes.result(), "files": outputs}
        folder.write("build.json", orjson.dumps(facts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return BuildReport(output, facts)


def _check_options(options: SampleOptions) -> None:
    if options.max_length < 1:
        raise UsageError(f"--max-length {options.max_length} is less than 1", hint="for example --max-length 4096")
    if options.max_tools is not None and options.max_tools < 1:
        raise UsageError(f"--max-tools {options.max_tools} is less than 1", hint="for example --max-tools 8")


def _write_samples(folder: AtomicFolder, result: SampleShard, number: int) -> dict[str, Any]:
    name = f"data-{number:05d}.parquet"
    folder.write(name, result.payload)
    return {
        "name": name,
        "rows": result.written,
        "bytes": len(result.payload),
        "sha256": sha256(result.payload),
    }


def _verify(total: SampleShard, verifier: Verifier) -> int:
    """Compare the chosen rows with the template, and return their number."""
    for candidate in total.candidates:
        verifier.require_equal(candidate.record, candidate.tokens.input_ids())
    return len(total.candidates)


def _hashes(files: Sequence[DataFile], cancelled: Event) -> list[dict[str, Any]]:
    return [describe_input(file.path, file.place, cancelled) for file in files]


def _facts(options: SampleOptions, found: TokenizerFiles, total: SampleShard) -> dict[str, Any]:
    template = found.chat_template()
    longest = max(total.lengths)
    return {
        "command": "build",
        "options": asdict(options),
        "rows_in": total.rows,
        "rows_out": total.written,
        "rejected": dict(sorted(total.rejected.items())),
        "tokens": total.tokens,
        "trained_tokens": total.trained,
        "trained_fraction": round(total.trained / total.tokens, 6),
        "lengths": [
            {
                "from": step * LENGTH_STEP,
                "to": (step + 1) * LENGTH_STEP - 1 if step < LENGTH_STEPS else None,
                "rows": total.lengths[step],
            }
            for step in range(longest + 1)
        ],
        "rows_within": {str(limit): total.rows_within[limit] for limit in LIMITS},
        "tools_dropped": {"tools": total.dropped_tools, "rows": total.dropped_rows},
        "verified_rows": total.verified,
        "tokenizer": {
            "name": found.name,
            "revision": found.revision,
            "sha256": found.sha256(),
            "template": template_name(template),
            "template_sha256": sha256(template.encode()) if template is not None else "",
        },
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
    }
