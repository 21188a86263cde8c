"""Benchmark of candidate pairs for near duplicates: this project's MinHash against rensa and datasketch.

``python benchmarks/near_pairs.py ours|rensa|datasketch FILE SIMILARITY`` prints the number of distinct questions, the
seconds from their keys to the candidate pairs, the number of pairs, and the number at or above the similarity. The
libraries are not dependencies of the project: run ``pip install rensa datasketch`` in a separate environment.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from dataset_tools.arabic.compare import compare_key
from dataset_tools.dedup.minhash import Buckets, band_hashes, bands_for, shingles, similarity

if TYPE_CHECKING:
    from collections.abc import Callable

Pairs = set[tuple[int, int]]
_HASHES, _SEED = 128, 42


def ours(keys: list[str], threshold: float) -> Pairs:
    """Return candidate pairs from numpy signatures of whole batches."""
    buckets = Buckets(band_hashes(keys, bands_for(threshold)))
    groups: dict[int, list[int]] = defaultdict(list)
    for at in range(len(keys)):
        for bucket in buckets.of(at):
            groups[bucket].append(at)
    return {pair for group in groups.values() for pair in combinations(group, 2)}


def rensa(keys: list[str], threshold: float) -> Pairs:
    """Return candidate pairs from rensa (Rust, all signatures in one call)."""
    from rensa import RMinHash, RMinHashLSH

    number, width = bands_for(threshold)
    hashes = number * width
    signatures = RMinHash.from_token_sets([list(shingles(key)) for key in keys], num_perm=hashes, seed=_SEED)
    index = RMinHashLSH(threshold=threshold, num_perm=hashes, num_bands=number)
    index.insert_pairs(list(enumerate(signatures)))
    return _pairs(index.query_all(signatures))


def datasketch(keys: list[str], threshold: float) -> Pairs:
    """Return candidate pairs from datasketch (numpy, one text at a time)."""
    from datasketch import MinHash, MinHashLSH

    texts = [[shingle.encode() for shingle in shingles(key)] for key in keys]
    signatures = MinHash.bulk(texts, num_perm=_HASHES, seed=_SEED)
    index = MinHashLSH(num_perm=_HASHES, params=tuple(bands_for(threshold)))
    for at, signature in enumerate(signatures):
        index.insert(at, signature)
    return _pairs(index.query(signature) for signature in signatures)


def _pairs(answers: Iterable[list[int]]) -> Pairs:
    return {(min(at, other), max(at, other)) for at, found in enumerate(answers) for other in found if at != other}


def main(side: str, path: str, limit: str) -> None:
    """Run one side on the distinct questions of a file, without the template rows, and print its time."""
    find: Callable[[list[str], float], Pairs] = {"ours": ours, "rensa": rensa, "datasketch": datasketch}[side]
    rows = [orjson.loads(line) for line in Path(path).read_bytes().splitlines()]
    said = [" ".join(m["content"] for m in row["messages"] if m["role"] == "user") for row in rows]
    keys = [key for key in dict.fromkeys(map(compare_key, said)) if not key.startswith("اعرض تفاصيل الطلب")]
    threshold = float(limit)
    find(keys[:10], threshold)  # imports and caches
    start = time.perf_counter()
    pairs = find(keys, threshold)
    seconds = time.perf_counter() - start
    alike = sum(similarity(keys[one], keys[other]) >= threshold for one, other in pairs)
    print(json.dumps({"questions": len(keys), "seconds": seconds, "pairs": len(pairs), "alike": alike}))


if __name__ == "__main__":
    main(*sys.argv[1:])
