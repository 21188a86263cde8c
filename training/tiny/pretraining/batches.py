"""Generated records as batches of token ids: made by worker processes, in an order that depends on the seed alone."""

import random
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from dataset_tools import prompt
from dataset_tools.masking import IGNORED, Encoder, join
from dataset_tools.tokenizer import load_tokenizer
from schemas.record import JsonObject
from training.tiny import tokenizer_path
from training.tiny.pretraining.conversations import record

__all__ = ["Batch", "Plan", "batches", "encoded", "records"]


class Plan(NamedTuple):
    """How records become batches.

    Attributes:
        seed: of everything.
        lengths: the lengths that rows are padded to; a longer row is left out.
        tokens: how many tokens a batch has, padding included.
        shard_rows: how many records a worker makes at a time.
    """

    seed: int
    lengths: tuple[int, ...]
    tokens: int
    shard_rows: int


class Batch(NamedTuple):
    """Rows of one length.

    Attributes:
        input_ids: the ids, zeros behind each row's end.
        trained: which of them the model learns to produce.
    """

    input_ids: np.ndarray
    trained: np.ndarray


def records(seed: int, shard: int, count: int) -> list[JsonObject]:
    """The records of one shard; shards below zero are never trained on."""
    rng = random.Random(f"{seed}:{shard}")
    return [record(rng) for _ in range(count)]


def encoded(rows: list[JsonObject], lengths: tuple[int, ...]) -> list[Batch]:
    """For each length, in their order, the rows that fit it and no shorter one."""
    segments = [prompt.segments(row) for row in rows]
    samples = join(_encoder().tokens(segments))
    sizes = np.diff(samples.offsets)
    made = []
    for shorter, length in zip((0, *lengths), lengths, strict=False):
        chosen = np.flatnonzero((sizes > shorter) & (sizes <= length))
        batch = Batch(np.zeros((len(chosen), length), np.uint16), np.zeros((len(chosen), length), np.bool_))
        for place, row in enumerate(chosen):
            span = slice(samples.offsets[row], samples.offsets[row + 1])
            batch.input_ids[place, : sizes[row]] = samples.input_ids[span]
            batch.trained[place, : sizes[row]] = samples.labels[span] != IGNORED
        made.append(batch)
    return made


def batches(plan: Plan, workers: int) -> Iterator[Batch]:
    """Batches without end, of all lengths in turn as they fill up; the number of workers changes nothing."""
    waiting: list[list[Batch]] = [[] for _ in plan.lengths]
    for shard in _shards(plan, workers):
        for queue, length, made in zip(waiting, plan.lengths, shard, strict=True):
            queue.append(made)
            size = plan.tokens // length
            rows = Batch(*map(np.concatenate, zip(*queue, strict=True)))
            whole = len(rows.input_ids) // size * size
            for start in range(0, whole, size):
                yield Batch(rows.input_ids[start : start + size], rows.trained[start : start + size])
            queue[:] = [Batch(rows.input_ids[whole:], rows.trained[whole:])]


def _shards(plan: Plan, workers: int) -> Iterator[list[Batch]]:
    """The shards from 0 on, a few of them made ahead."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        ahead: deque[Future[list[Batch]]] = deque()
        number = 0
        try:
            while True:
                while len(ahead) < 3 * workers:
                    ahead.append(pool.submit(_shard, plan, number))
                    number += 1
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _shard(plan: Plan, number: int) -> list[Batch]:
    return encoded(records(plan.seed, number, plan.shard_rows), plan.lengths)


@cache
def _encoder() -> Encoder:
    return Encoder(load_tokenizer(tokenizer_path()))
