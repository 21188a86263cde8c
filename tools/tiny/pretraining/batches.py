"""Batches of token ids from generated records, made by worker processes in an order that only the seed decides."""

import random
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from dataset_tools.prompt import render
from dataset_tools.samples.masking import IGNORED, Encoder, join
from dataset_tools.samples.tokenizer import load_tokenizer
from schemas.record import JsonObject
from tools.tiny.pretraining.conversations import record
from training.tiny import tokenizer_path

__all__ = ["Batch", "BatchPlan", "batches", "encoded", "records"]


class BatchPlan(NamedTuple):
    """Sizes and seed of the batches.

    Attributes:
        seed: seed of the records.
        length: tokens of a row; longer rows are cut, shorter ones are padded.
        rows: rows of a batch.
        shard_rows: records that a worker makes at a time; a multiple of ``rows``.
    """

    seed: int
    length: int
    rows: int
    shard_rows: int


class Batch(NamedTuple):
    """Rows of one length.

    Attributes:
        input_ids: token ids (rows by length), padded with zeros.
        trained: mask of the tokens that are trained in fine-tuning.
    """

    input_ids: np.ndarray
    trained: np.ndarray


def records(seed: int, shard: int, count: int) -> list[JsonObject]:
    """Return the records of one shard; negative shards are never trained on."""
    rng = random.Random(f"{seed}:{shard}")
    return [record(rng) for _ in range(count)]


def encoded(rows: list[JsonObject], length: int) -> Batch:
    """Return the records as rows, in order."""
    samples = join(_encoder().tokens([render.segments(row) for row in rows]))
    batch = Batch(np.zeros((len(rows), length), np.uint16), np.zeros((len(rows), length), np.bool_))
    for row, (start, end) in enumerate(zip(samples.offsets[:-1], samples.offsets[1:], strict=True)):
        span = slice(start, min(end, start + length))
        size = span.stop - span.start
        batch.input_ids[row, :size] = samples.input_ids[span]
        batch.trained[row, :size] = samples.labels[span] != IGNORED
    return batch


def batches(plan: BatchPlan, workers: int) -> Iterator[Batch]:
    """Yield batches without end; they do not depend on the number of workers."""
    for shard in _shards(plan, workers):
        for start in range(0, plan.shard_rows, plan.rows):
            yield Batch(*(part[start : start + plan.rows] for part in shard))


def _shards(plan: BatchPlan, workers: int) -> Iterator[Batch]:
    """Yield the shards from 0 on; some are made ahead."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        ahead: deque[Future[Batch]] = deque()
        number = 0
        try:
            while True:
                while len(ahead) < 4 * workers:
                    ahead.append(pool.submit(_shard, plan, number))
                    number += 1
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _shard(plan: BatchPlan, number: int) -> Batch:
    return encoded(records(plan.seed, number, plan.shard_rows), plan.length)


@cache
def _encoder() -> Encoder:
    return Encoder(load_tokenizer(tokenizer_path()))
