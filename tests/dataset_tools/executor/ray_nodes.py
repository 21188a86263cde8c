"""A Ray cluster of two nodes on this machine, of which one can be killed: a process that tests start and talk to.

It prints the cluster's address. For each line that it reads it kills every process of a node at once, as a loss of
power does, and starts another node. It ends, and the cluster with it, when its standard input does.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[3]

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    # A node that was lost without a word is noticed within seconds, not half a minute.
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
"""What the cluster is started with, and whoever connects to it; `tests/conftest.py` keeps all of it to loopback."""


class Nodes:
    """The running cluster."""

    def __init__(self, process: "subprocess.Popen[str]", address: str) -> None:
        self.address = address
        self._process = process

    def replace_one(self) -> None:
        """Kill a node; another takes its place."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "killed\n"


@contextmanager
def two_nodes() -> Iterator[Nodes]:
    """A cluster of two nodes with one CPU each."""
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Nodes(process, process.stdout.readline().strip())
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def _main() -> None:
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 200 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    other = cluster.add_node(**node)
    print(cluster.address, flush=True)  # noqa: T201
    for _ in sys.stdin:
        _kill(other)
        cluster.remove_node(other, allow_graceful=False)
        print("killed", flush=True)  # noqa: T201
        other = cluster.add_node(**node)
    cluster.shutdown()


def _kill(node: Any) -> None:
    """End all processes of a node, its workers too: they would still finish what they do."""
    started = [psutil.Process(info.process.pid) for infos in node.all_processes.values() for info in infos]
    for process in [*started, *(child for one in started for child in one.children(recursive=True))]:
        with suppress(psutil.Error):
            process.kill()


if __name__ == "__main__":
    _main()
