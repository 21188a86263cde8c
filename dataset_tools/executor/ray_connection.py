"""The way to a Ray cluster: one that runs already, or one of this machine that lasts as long as the run."""

import importlib.util
import io
import logging
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import lru_cache
from typing import Any, cast

from dataset_tools.errors import UsageError

__all__ = ["check_cluster", "cluster"]

_ADDRESS = re.compile(r"(?P<host>[^:/\s]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")
_LISTENER = "ray_listen_error_messages"  # the name of the thread
_ANSWER_SECONDS, _JOIN_SECONDS = 5.0, 40.0

# Ray itself waits two minutes for a cluster that is not there, and then ends the process that asked.
_JOIN = "import sys, ray; ray.init(sys.argv[1], log_to_driver=False, logging_level=40)"


def check_cluster(address: str) -> None:
    """Make sure, before any work, that Ray is installed and that a cluster answers.

    Args:
        address: ``HOST:PORT``; ``auto`` for the one that this machine belongs to; none if one is to be started.

    Raises:
        UsageError: one of it is not so; it takes less than a minute to find out.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError("Ray is not installed", hint="pip install 'arabic-functiongemma[ray]'")
    if address := _address(address):
        _require_answer(address)


@contextmanager
def cluster(address: str, cpus: int) -> Iterator[bool]:
    """Be connected to a cluster inside of the block; one that the process is connected to already is taken.

    Args:
        address: as for :func:`check_cluster`.
        cpus: how many CPUs a cluster has that is started; 0 for all of this machine.

    Yields:
        whether it was started for this block.

    Raises:
        UsageError: Ray is not installed, or no cluster answers.
    """
    check_cluster(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = _address(address)
    if not address:  # not even this machine's network is to see it; read when Ray is imported
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    import ray

    if ray.is_initialized():
        yield False
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        ray.init(address, **quiet)
    else:
        ray.init("local", num_cpus=cpus or None, include_dashboard=False, **quiet)
    try:
        with redirect_stdout(cast("Any", _WithoutRay(sys.stdout))):
            yield not address
    finally:
        with redirect_stdout(io.StringIO()):
            ray.shutdown()


class _WithoutRay:
    """Standard output without what a thread of Ray prints there: that a worker or a machine was lost.

    Its logs have the same, and standard output is for data.
    """

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 - whatever stands for standard output
        self._stream = stream

    def write(self, text: str) -> int:
        if threading.current_thread().name == _LISTENER:
            return len(text)
        return int(self._stream.write(text))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._stream, name)


def _address(address: str) -> str:
    """The address that is meant: Ray's jobs find theirs in the environment."""
    return address or os.environ.get("RAY_ADDRESS", "")


@lru_cache(maxsize=4)
def _require_answer(address: str) -> None:
    """Refuse an address at which no cluster takes us in.

    Raises:
        UsageError: none does.
    """
    match = _ADDRESS.fullmatch(address)
    if address != "auto" and match is None:
        raise UsageError(f"{address!r} is no address of a Ray cluster", hint="--ray-address auto, or HOST:PORT")
    if match:
        try:
            socket.create_connection((match["host"].strip("[]"), int(match["port"])), _ANSWER_SECONDS).close()
        except (OSError, OverflowError) as error:
            hint = "is it running, and is this the port that `ray start --head` said?"
            raise UsageError(f"nothing answers at {address}: {error}", hint=hint) from error
    try:
        joined = subprocess.run(  # noqa: S603 - this Python itself
            [sys.executable, "-c", _JOIN, address], capture_output=True, text=True, timeout=_JOIN_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        what = f"no Ray cluster answers at {address} within {_JOIN_SECONDS:.0f} seconds"
        raise UsageError(what, hint="`ray status` on a machine of the cluster says how it is") from error
    if joined.returncode:
        said = (joined.stderr.strip().splitlines() or ["no reason was told"])[-1]
        hint = "`ray start` makes this machine one of a cluster"
        raise UsageError(f"cannot join the Ray cluster at {address}: {said:.300}", hint=hint)
