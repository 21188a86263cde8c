"""Which of a record's tools are offered to the model, and in what order; a tool that is called is never left out.

Every choice follows from the seed and the record's id by a hash, so it is the same in any process, for any number of
workers, and however many rows stand before.
"""

from collections.abc import Sequence
from hashlib import blake2b

from schemas.record import Record, Tool

__all__ = ["drop_distractors", "seeded_order", "shuffle_tools"]


def seeded_order(count: int, *key: str | int) -> list[int]:
    """The numbers below ``count`` in an order that is uniform over keys."""
    stem = blake2b("\0".join(map(str, key)).encode("utf-8", "surrogatepass"), digest_size=8)

    def rank(position: int) -> bytes:
        hasher = stem.copy()
        hasher.update(b"\0%d" % position)
        return hasher.digest()

    return sorted(range(count), key=rank)


def shuffle_tools(record: Record, seed: int) -> Record:
    """The record with its tools in a seeded order, so that none stands where it stood for a reason."""
    tools = record["tools"]
    order = seeded_order(len(tools), "order", seed, record["id"])
    return {**record, "tools": [tools[position] for position in order]}


def drop_distractors(record: Record, seed: int, sizes: Sequence[int], excess: int) -> Record:
    """The record without some tools that it does not call, in a seeded order, until enough is dropped.

    Args:
        record: the record.
        seed: what chooses the order.
        sizes: what each tool counts: its tokens, or 1.
        excess: the least that must go, in the same unit.

    Returns:
        The record with the tools that stay, in their order; too large still, if called ones are all that is left.
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
