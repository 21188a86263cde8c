"""Work that goes on beside this thread: checksums while libraries load, repositories side by side."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

__all__ = ["in_background"]

_Result = TypeVar("_Result")


def in_background(actions: Iterable[Callable[[], _Result]], threads: int) -> list[Future[_Result]]:
    """Start to do actions, the first ones first. A process that ends does not wait for them, as it does for a pool's.

    Args:
        actions: what to do.
        threads: how many at a time.

    Returns:
        The result of each, which is waited for when it is asked for; what an action raises is raised there.
    """
    waiting: deque[tuple[Future[_Result], Callable[[], _Result]]] = deque((Future(), action) for action in actions)
    futures = [future for future, _ in waiting]

    def work() -> None:
        while True:
            try:
                future, action = waiting.popleft()
            except IndexError:
                return
            try:
                future.set_result(action())
            except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
                future.set_exception(error)

    for _ in range(min(threads, len(futures))):
        Thread(target=work, daemon=True).start()
    return futures
