"""A process with a Ray cluster of two nodes on this machine.

It prints the address of the cluster. For each line of standard input it kills every process of a node at once, like a
power loss, and starts another node. At the end of standard input it stops the cluster.
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
    # Notice a lost node within seconds instead of half a minute.
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
"""Environment of the cluster and its clients; `tests/conftest.py` restricts all of it to loopback."""


class Nodes:
    """A running cluster."""

    def __init__(self, process: "subprocess.Popen[str]", address: str) -> None:
        self.address = address
        self._process = process

    def replace_one(self) -> None:
        """Kill a node and start another."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "killed\n"


@contextmanager
def two_nodes() -> Iterator[Nodes]:
    """Start a cluster of two nodes with one CPU each."""
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
    """Kill all processes of a node, also its workers, which would otherwise finish their shard."""
    started = [psutil.Process(info.process.pid) for infos in node.all_processes.values() for info in infos]
    for process in [*started, *(child for one in started for child in one.children(recursive=True))]:
        with suppress(psutil.Error):
            process.kill()


if __name__ == "__main__":
    _main()
