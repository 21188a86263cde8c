"""One worker process and the connection to it."""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Self

from dataset_tools.errors import AfgError, UsageError
from dataset_tools.executor.process_setup import GUARD_HINT, no_interrupt, prepare, start_context
from dataset_tools.readers.shards import Shard

__all__ = ["OUT_OF_MEMORY", "LostError", "WorkerProcess", "serve_shards"]

OUT_OF_MEMORY = 101
"""Exit code of a worker that ran out of memory."""

_FAILED = 1  # the exit code of Python after an error that nothing catches
_starting = threading.Lock()  # multiprocessing polls the exit of older processes, and threads must not do so at once


class LostError(Exception):
    """A worker process died or exceeded its time limit; the text completes "the process that read it …".

    Attributes:
        hung: whether it exceeded its limit.
    """

    def __init__(self, what: str, *, hung: bool = False) -> None:
        super().__init__(what)
        self.hung = hung


class WorkerProcess:
    """A process that is killed when the block ends.

    Args:
        target: the function that it executes; it is called with the connection, the stage and ``arguments``.
        stage: sent to the process once.
        seconds: the time limit for its start.
        fork: fork this process, which is fast; only while it has a single thread.

    Raises:
        UsageError: the process cannot import the running script.
    """

    def __init__(
        self,
        target: Callable[..., None],
        stage: Callable[[Shard], Any],
        *arguments: object,
        seconds: float,
        fork: bool = False,
    ) -> None:
        context: Any = multiprocessing.get_context("fork") if fork else start_context(stage)
        self._seconds = seconds
        self._ready = False
        self._connection: Connection
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(theirs, target, stage, *arguments), daemon=True)
        with _starting, no_interrupt():
            self._process.start()
        theirs.close()  # so that the end of the process is noticed here

    def __enter__(self) -> Self:
        return self

    def do(self, shard: Shard, seconds: float) -> Any:  # noqa: ANN401 - whatever the stage returns
        """Return the result of a shard from a process that executes :func:`serve_shards`.

        Raises:
            LostError: the process dies, or takes more than ``seconds``.
            Exception: raised by the stage.
        """
        self._await_start()
        try:
            self._connection.send(shard)
        except OSError:
            raise LostError(self._end()) from None
        result, error = self._receive(seconds)
        if error is not None:
            raise error
        return result

    def receive(self, seconds: float) -> Any:  # noqa: ANN401 - whatever is sent
        """Return the next object that the process sends.

        Raises:
            LostError: it dies first, or takes more than ``seconds``.
            UsageError: it cannot import the running script.
        """
        self._await_start()
        return self._receive(seconds)

    def _await_start(self) -> None:
        if not self._ready:
            self._receive(self._seconds)
            self._ready = True

    def _receive(self, seconds: float) -> Any:  # noqa: ANN401 - whatever is sent
        if not self._connection.poll(seconds):
            raise LostError(f"did not finish within {seconds:.0f} seconds", hung=True)
        try:
            return self._connection.recv()
        except (EOFError, OSError):  # OSError: it died while it was sending
            raise LostError(self._end()) from None

    def _end(self) -> str:
        """Return how the process ended, in words."""
        with _starting:
            self._process.join()
        code = self._process.exitcode or 0
        script = getattr(sys.modules["__main__"], "__file__", None)
        if code == _FAILED and not self._ready and script:
            what = "worker processes import this script, which fails or starts its work again in each of them"
            raise UsageError(what, where=script, hint=GUARD_HINT) from None
        if code == OUT_OF_MEMORY:
            return "ran out of memory"
        with suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def kill(self) -> None:
        """Kill the process; the thread that waits for it gets a :class:`LostError`."""
        self._process.kill()

    def end(self) -> None:
        """Kill the process and release what it holds here."""
        self._process.kill()
        with _starting:
            self._process.join()
        self._connection.close()

    def __exit__(self, *_: object) -> None:
        self.end()


def _run(connection: Connection, target: Callable[..., None], *arguments: object) -> None:
    """In the process: report that it has started, and call ``target``."""
    prepare()
    connection.send(None)
    target(connection, *arguments)


def serve_shards(connection: Connection, stage: Callable[[Shard], Any]) -> None:
    """In the process: send the result of each shard that arrives, or the error that the stage raises."""
    while True:
        try:
            shard = connection.recv()
        except EOFError:
            return
        try:
            connection.send((stage(shard), None))
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        except Exception as error:  # noqa: BLE001 - raised again in the parent
            if not isinstance(error, AfgError):  # a defect, of which the parent does not have the traceback
                error.add_note(traceback.format_exc())
            connection.send((None, error))
