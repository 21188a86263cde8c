"""Connection to a Ray cluster: a running one, or one on this machine for the duration of the run."""

import importlib.util
import io
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import lru_cache
from typing import Any

from dataset_tools.errors import UsageError

__all__ = ["check_cluster", "cluster"]

_ADDRESS = re.compile(r"(?P<host>[^:/\s]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")
_ANSWER_SECONDS = 5.0

# Ray waits two minutes for a missing cluster, and then ends the process: so a child process tries it first.
_JOIN = "import sys, ray; ray.init(sys.argv[1], log_to_driver=False, logging_level=40)"


def check_cluster(address: str, seconds: float) -> None:
    """Check, before any work, that Ray is installed and that the cluster answers.

    Args:
        address: ``HOST:PORT``, or ``auto`` for the cluster that this machine belongs to; empty if one is to be started.
        seconds: the time limit for the answer.

    Raises:
        UsageError: it is not, or does not.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError("Ray is not installed", hint="pip install 'arabic-functiongemma[ray]'")
    if address := _address(address):
        _require_answer(address, seconds)


@contextmanager
def cluster(address: str, cpus: int, seconds: float) -> Iterator[bool]:
    """Connect to a cluster for the duration of the block; an existing connection of this process is used as it is.

    Args:
        address: as for :func:`check_cluster`.
        cpus: the number of CPUs of a cluster that is started; 0 for all of this machine.
        seconds: the time limit for the answer.

    Yields:
        True if a cluster was started for this block.

    Raises:
        UsageError: Ray is not installed, or no cluster answers.
    """
    check_cluster(address, seconds)
    address = _address(address)
    # Ray reads these when it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")  # it prints losses of workers on stdout, which is for data
    if not address:  # the network of this machine must not see it
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
        yield not address
    finally:
        with redirect_stdout(io.StringIO()):
            ray.shutdown()


def _address(address: str) -> str:
    """Return the address to use: for a job that Ray started, it is in the environment."""
    return address or os.environ.get("RAY_ADDRESS", "")


@lru_cache(maxsize=4)
def _require_answer(address: str, seconds: float) -> None:
    """Require a cluster that answers at an address within ``seconds``."""
    match = _ADDRESS.fullmatch(address)
    if address != "auto" and match is None:
        raise UsageError(f"{address!r} is not the address of a Ray cluster", hint="use --ray-address auto or HOST:PORT")
    if match:
        try:
            socket.create_connection((match["host"].strip("[]"), int(match["port"])), _ANSWER_SECONDS).close()
        except (OSError, OverflowError) as error:
            hint = "is it running, and is this the port that `ray start --head` printed?"
            raise UsageError(f"nothing answers at {address}: {error}", hint=hint) from error
    try:
        joined = subprocess.run(  # noqa: S603 - this Python itself
            [sys.executable, "-c", _JOIN, address], capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        what = f"no Ray cluster answers at {address} within {seconds:.0f} seconds"
        raise UsageError(what, hint="run `ray status` on a machine of the cluster") from error
    if joined.returncode:
        said = (joined.stderr.strip().splitlines() or ["no reason given"])[-1]
        hint = "`ray start` adds this machine to a cluster"
        raise UsageError(f"cannot join the Ray cluster at {address}: {said:.300}", hint=hint)
