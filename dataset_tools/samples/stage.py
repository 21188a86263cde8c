"""Samples of one shard: the work of each process of ``afg-data build``."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from dataset_tools.errors import InputError, RowError
from dataset_tools.prompt.render import Kind, RenderError, Segment, segments
from dataset_tools.prompt.round_trip import round_trip_problem
from dataset_tools.readers.row_reader import reject_line
from dataset_tools.readers.shards import Shard
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import ReadRow, record_batches
from dataset_tools.samples.masking import IGNORED, Encoder, Tokens, join, mask_problems
from dataset_tools.samples.sample_shard import SampleShard, encode_samples, sample_batch
from dataset_tools.samples.template_check import Verifier
from dataset_tools.samples.tokenizer import load_tokenizer
from dataset_tools.samples.tool_sampling import drop_distractors, shuffle_tools
from schemas.record import Record

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BuildStage", "SampleOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleOptions:
    """Options for samples.

    Attributes:
        max_length: maximum tokens of a sample.
        shuffle_seed: seed of the order of tools; None keeps the order.
        max_tools: maximum number of tools of a row; None for no limit. Called tools are kept.
        fit: drop tools that are not called if the row is too long.
        verify: number of rows to compare with the chat template of the tokenizer; -1 for all.
    """

    max_length: int = 4096
    shuffle_seed: int | None = None
    max_tools: int | None = None
    fit: bool = False
    verify: int = 200

    @property
    def seed(self) -> int:
        """Return the seed of the choice of dropped tools."""
        return self.shuffle_seed or 0


_Outcome: TypeAlias = tuple[Record, Tokens] | RowError
"""A record with its offered tools and its tokens, or the reason why it cannot be a sample."""


class _Prompt(NamedTuple):
    """A record with its offered tools, its prompt, and its original number of tools."""

    record: Record
    parts: list[Segment]
    tools: int


class BuildStage:
    """Makes samples of one shard: a pure function of the shard, so any process may run it."""

    def __init__(self, converter: Converter, tokenizer_folder: Path, options: SampleOptions) -> None:
        self._converter = converter
        self._folder = tokenizer_folder
        self._options = options

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments, without the loaded tokenizer."""
        return type(self), (self._converter, self._folder, self._options)

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(load_tokenizer(self._folder))

    @cached_property
    def _verifier(self) -> Verifier:
        return Verifier(self._folder)

    @cached_property
    def _model_header(self) -> list[int]:
        ids: list[int] = load_tokenizer(self._folder).encode("model\n", add_special_tokens=False).ids
        return ids

    def __call__(self, shard: Shard) -> SampleShard:
        """Return the encoded samples of a shard, with the counts."""
        result = SampleShard()
        made: list[pa.RecordBatch] = []
        rejects: list[bytes] = []
        for batch in record_batches(shard, self._converter):
            result.rows += len(batch)
            records: list[Record] = []
            tokens: list[Tokens] = []
            for (raw, _, _), outcome in zip(batch, self._outcomes(batch, result), strict=True):
                if isinstance(outcome, RowError):
                    result.rejected[outcome.code] += 1
                    result.first_reject = result.first_reject or f"line {raw.line}: {outcome}"
                    rejects.append(reject_line(raw, outcome, shard.file))
                else:
                    records.append(outcome[0])
                    tokens.append(outcome[1])
            if records:
                made.append(self._finish(result, records, tokens, shard))
        if made:
            result.payload = encode_samples(made)
        result.rejects = b"".join(rejects)
        return result

    def _outcomes(self, batch: list[ReadRow], result: SampleShard) -> list[_Outcome]:
        """Return the outcome of each row.

        Each step is done for all rows of the batch before the next, which is nearly twice as fast.
        """
        prompts = [self._prompt(outcome) for _, outcome, _ in batch]
        made = self._encoder.tokens([prompt.parts for prompt in prompts if not isinstance(prompt, RowError)])
        lengths = list(map(len, made))
        result.measure(lengths)
        each = zip(made, lengths, strict=True)
        return [row if isinstance(row, RowError) else self._fit(row, *next(each), result) for row in prompts]

    def _prompt(self, read: Record | RowError) -> _Prompt | RowError:
        """Return the record with its offered tools and its prompt, or the reason why it has none."""
        if isinstance(read, RowError):
            return read
        try:
            tools = len(read["tools"])
            record = self._offer(read)
            parts = _segments(record)
        except RowError as error:
            return error
        if all(message["role"] != "assistant" for message in record["messages"]):
            return RowError("nothing-trained", "the row has no assistant turn", hint="end with an answer or a call")
        if problem := round_trip_problem(record, parts):
            return RowError("ambiguous-call", problem, hint="the prompt format cannot express it")
        return _Prompt(record, parts, tools)

    def _offer(self, record: Record) -> Record:
        options = self._options
        if options.max_tools is not None and len(record["tools"]) > options.max_tools:
            ones = [1] * len(record["tools"])
            record = drop_distractors(record, options.seed, ones, len(ones) - options.max_tools)
        if options.shuffle_seed is not None:
            record = shuffle_tools(record, options.shuffle_seed)
        return record

    def _fit(self, prompt: _Prompt, tokens: Tokens, length: int, result: SampleShard) -> _Outcome:
        """Return the row, with fewer tools if it is too long and ``fit`` is set; it is never truncated."""
        record, parts, tools = prompt
        limit = self._options.max_length
        if length > limit and self._options.fit:
            declared = self._encoder.tokens([[piece] for piece in parts if piece.kind is Kind.DECLARATION])
            sizes = [len(one) for one in declared]
            record = drop_distractors(record, self._options.seed, sizes, length - limit)
            tokens = self._encoder.tokens([_segments(record)])[0]
            length = len(tokens)
        if length > limit:
            hint = "all remaining tools are called" if self._options.fit else "--fit drops tools that are not called"
            return RowError("too-long", f"{length:,} tokens; at most {limit:,}", hint=hint)
        dropped = tools - len(record["tools"])
        result.dropped_tools += dropped
        result.dropped_rows += dropped > 0
        return record, tokens

    def _finish(
        self, result: SampleShard, records: list[Record], tokens: list[Tokens], shard: Shard
    ) -> "pa.RecordBatch":
        """Check the samples of a batch, choose those to compare with the template, and return them as columns."""
        samples = join(tokens)
        for row, problem in mask_problems(samples, self._model_header):
            identity = records[row]["id"]
            hint = "the tokenizer does not treat control tokens as FunctionGemma's does"
            raise InputError(f"the mask of {identity!r} is wrong: {problem}", where=shard.file.place, hint=hint)
        result.written += len(records)
        result.tokens += len(samples.input_ids)
        result.trained += int((samples.labels != IGNORED).sum())
        if self._options.verify < 0:
            for record, made in zip(records, tokens, strict=True):
                self._verifier.require_equal(record, made.input_ids())
            result.verified += len(records)
        else:
            result.keep_candidates(records, tokens, self._options.verify)
        return sample_batch(records, samples)


def _segments(record: Record) -> list[Segment]:
    try:
        return segments(record)
    except RenderError as error:
        raise RowError("not-renderable", f"{error.where}: {error.what}", hint=error.hint) from error
