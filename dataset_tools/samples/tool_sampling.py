"""Selection and order of the tools that a record offers; called tools are always kept.

Every choice is a hash of the seed and the id of the record, so it does not depend on processes or other rows.
"""

from collections.abc import Sequence
from hashlib import blake2b

from schemas.record import Record, Tool

__all__ = ["drop_distractors", "seeded_order", "shuffle_tools"]


def seeded_order(count: int, *key: str | int) -> list[int]:
    """Return the numbers below ``count`` in an order that is uniform over keys."""
    stem = blake2b("\0".join(map(str, key)).encode("utf-8", "surrogatepass"), digest_size=8)

    def rank(position: int) -> bytes:
        hasher = stem.copy()
        hasher.update(b"\0%d" % position)
        return hasher.digest()

    return sorted(range(count), key=rank)


def shuffle_tools(record: Record, seed: int) -> Record:
    """Shuffle the tools of a record by seed, to remove position bias."""
    tools = record["tools"]
    order = seeded_order(len(tools), "order", seed, record["id"])
    return {**record, "tools": [tools[position] for position in order]}


def drop_distractors(record: Record, seed: int, sizes: Sequence[int], excess: int) -> Record:
    """Drop tools that a record does not call, in a seeded order, until enough is dropped.

    Args:
        record: the record.
        seed: determines the order.
        sizes: the size of each tool: its tokens, or 1.
        excess: the minimum to drop, in the same unit.

    Returns:
        The record with the remaining tools in their order; it may still be too large if only called tools remain.
    """
    tools = record["tools"]
    called = _called(record)
    dropped: set[int] = set()
    for position in seeded_order(len(tools), "drop", seed, record["id"]):
        if excess <= 0:
            break
        if tools[position]["function"]["name"] not in called:
            dropped.add(position)
            excess -= sizes[position]
    kept: list[Tool] = [tool for position, tool in enumerate(tools) if position not in dropped]
    return {**record, "tools": kept}


def _called(record: Record) -> set[str]:
    return {call["function"]["name"] for message in record["messages"] for call in message.get("tool_calls", ())}
