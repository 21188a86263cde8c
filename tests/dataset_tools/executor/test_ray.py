"""Engine for Ray: the output of one machine despite lost nodes, and clear errors without Ray.

The cluster is real and has two nodes on this machine.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from dataset_tools.bundled import dirty_path
from dataset_tools.cleaning.repairer import Repairer
from dataset_tools.errors import InputError, UsageError
from dataset_tools.executor import ray
from dataset_tools.executor.process_setup import Limits
from dataset_tools.executor.ray import RayCluster
from dataset_tools.executor.run import Work, run
from dataset_tools.pipeline.stage import Job, ShardResult
from dataset_tools.readers.shards import Shard, plan_shards
from dataset_tools.readers.sources import DataFile, find_files
from dataset_tools.records.converter import Converter
from dataset_tools.records.reading import Inputs
from tests.dataset_tools.executor import poison
from tests.dataset_tools.executor.ray_nodes import ENVIRONMENT, Nodes, two_nodes
from tests.dataset_tools.io import stages
from tests.dataset_tools.pipeline.runs import contents, outputs_in, start_clean, write_corpus

pytestmark = pytest.mark.cluster

FILE = DataFile(Path("x.jsonl"), "x", "x.jsonl", "jsonl", "")


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """Start the cluster, with the environment that its clients need."""
    with pytest.MonkeyPatch.context() as patch, two_nodes() as running:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the corpus several times, so that there is time to disturb a run."""
    lines = dirty_path().read_text(encoding="utf-8").splitlines()
    return write_corpus(tmp_path_factory.mktemp("large") / "raw.jsonl", lines[:480] * 6, 6 * 480)


@pytest.fixture(scope="module")
def expected(large: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the output of one undisturbed process."""
    return _alone(large, tmp_path_factory.mktemp("expected"))


def _alone(source: Path, folder: Path) -> dict[str, str]:
    process = start_clean(folder, source)
    assert (*process.communicate(), process.returncode) == ("", "", 0)
    return contents(folder)


def _shards(count: int) -> Iterator[Shard]:
    return (Shard(index, FILE, index, index + 1, 10 * index + 1) for index in range(count))


def _wait(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _markers(folder: Path) -> int:
    return len(list((folder / "out/.unfinished").glob("[0-9]*.json")))


@pytest.mark.slow
def test_a_node_is_killed_in_the_middle(corpus: Path, nodes: Nodes, tmp_path: Path) -> None:
    """Shards of a lost node are repeated, and every file has the bytes of a local run."""

    def clean(folder: Path, work: Work, on_shard: Callable[[Shard, ShardResult], None] | None = None) -> None:
        folder.mkdir()
        outputs = outputs_in(folder)
        stage = poison.Watched(Converter(), Repairer().repair, outputs.records, trace=True)
        stage.log, stage.slow = folder.with_suffix(".log"), frozenset({20, 21})
        inputs = Inputs.of([str(corpus)])
        outputs.write(Job(command="clean", inputs=inputs, stage=stage, work=work, on_shard=on_shard))

    log = tmp_path / "ray.log"
    killed: list[int] = []

    def kill(shard: Shard, _: ShardResult) -> None:
        if shard.index == 19:
            # Both are in progress, one on each node.
            _wait(lambda: {"20", "21"} <= {line.split()[0] for line in log.read_text().splitlines()})
            nodes.replace_one()
            killed.append(shard.index)

    clean(tmp_path / "local", Work(workers=2))
    clean(tmp_path / "ray", Work(engine=RayCluster(nodes.address)), kill)
    assert len(killed) == 1
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    begun = [line.split()[0] for line in log.read_text().splitlines()]
    assert len(begun) > len(set(begun)) > 50, "no shard was in progress on the killed node"


@pytest.mark.slow
def test_the_command_is_killed_and_resumed(large: Path, expected: dict[str, str], nodes: Nodes, tmp_path: Path) -> None:
    """A killed command is resumed on the cluster or on one machine, with the same output."""
    folder = tmp_path / "run"
    folder.mkdir()
    on_ray = ("--engine", "ray", "--ray-address", nodes.address)
    begun = 0
    for options in (on_ray, (), on_ray):
        process = start_clean(folder, large, "--resume", *options)
        _wait(lambda: _markers(folder) >= begun + 2)  # noqa: B023 - called at once
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        begun = _markers(folder)
        assert not (folder / "out/manifest.json").exists()
    process = start_clean(folder, large, "--resume", *on_ray)
    assert (*process.communicate(), process.returncode) == ("", "", 0)
    assert contents(folder) == expected


@pytest.mark.slow
def test_the_command_is_quiet_about_a_lost_node(
    large: Path, expected: dict[str, str], nodes: Nodes, tmp_path: Path
) -> None:
    """Messages of Ray appear neither in the log nor on standard output."""
    folder = tmp_path / "run"
    folder.mkdir()
    process = start_clean(folder, large, "--log-json", "--engine", "ray", "--ray-address", nodes.address)
    _wait(lambda: _markers(folder) >= 2)
    nodes.replace_one()
    assert not (folder / "out/manifest.json").exists()
    output, errors = process.communicate()
    (line,) = errors.splitlines()
    said = json.loads(line)
    assert (output, process.returncode) == ("", 0)
    assert (said["rows"], said["rejected"], said["share"], said["seconds_left"]) == (2880, 144, 1, 0)
    assert contents(folder) == expected


@pytest.mark.slow
def test_a_local_ray(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an address, a Ray is started that listens on loopback only, and stopped afterwards."""
    monkeypatch.delenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", raising=False)
    folder, alone = tmp_path / "run", tmp_path / "alone"
    folder.mkdir()
    alone.mkdir()
    process = start_clean(folder, corpus, "--engine", "ray", "-j", "2")
    family: set[int] = set()
    heard: set[str] = set()
    while process.poll() is None:
        family |= _group(process.pid)
        heard |= _listening(family)
        time.sleep(0.05)
    assert (*process.communicate(), process.returncode) == ("", "", 0)
    assert contents(folder) == _alone(corpus, alone)
    assert len(family) > 4
    assert heard
    assert heard <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    _wait(lambda: not _group(process.pid), 10)


def _group(pid: int) -> set[int]:
    """Return the living processes of a session."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == pid and process.status() != psutil.STATUS_ZOMBIE:
                found.add(process.pid)
    return found


def _listening(pids: set[int]) -> set[str]:
    """Return the addresses at which the processes listen."""
    heard = set()
    for pid in pids:
        with suppress(psutil.Error):
            connections = psutil.Process(pid).net_connections("tcp")
            heard |= {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}
    return heard


@pytest.mark.slow
def test_fatal_rows_on_a_cluster(nodes: Nodes, tmp_path: Path) -> None:
    """Fatal rows are found as on one machine, with the same reasons."""
    acts = {3: "crash", 17: "hang", 33: "stuck", 40: "memory", 41: "exit"}
    lines = [json.dumps({"n": n} | ({"act": acts[n]} if n in acts else {})) for n in range(1, 61)]
    (tmp_path / "x.jsonl").write_text("\n".join(lines) + "\n")
    shards = list(plan_shards(find_files([str(tmp_path / "x.jsonl")]), 200))
    engine = RayCluster(nodes.address, limits=Limits(shard=6, row=1, megabyte=0, grace=1))
    done = [row for rows in run(poison.rows, shards, Work(engine=engine)) for row in rows]
    assert [line for line, _ in done] == list(range(1, 61))
    assert {line: reason.split(" (")[0] for line, reason in done if reason} == {
        line: f"poison-row: the process that read it {poison.WAYS[act]}" for line, act in acts.items()
    }


@pytest.mark.slow
def test_order_bound_and_errors(nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results come in order, few shards are in progress, and errors arrive unchanged."""
    taken = 0

    def shards() -> Iterator[Shard]:
        nonlocal taken
        for shard in _shards(1000):
            taken += 1
            yield shard

    results = run(stages.slow_at_first, shards(), Work(engine=RayCluster(nodes.address, tasks=3)))
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert taken <= 8
    results.close()
    assert list(run(stages.FailOnce(tmp_path), _shards(6), Work(engine=RayCluster(nodes.address)))) == list(range(6))
    failing: Any = run(stages.fail_at_two, _shards(6), Work(engine=RayCluster(nodes.address)))
    assert [next(failing), next(failing)] == [0, 1]
    with pytest.raises(InputError) as caught:
        next(failing)
    assert str(caught.value) == "x.jsonl:7: broken (mend it)"
    assert type(caught.value) is InputError
    with pytest.raises(InputError, match="was killed by SIGKILL"):
        list(run(stages.die_at_two, _shards(3), Work(engine=RayCluster(nodes.address))))
    monkeypatch.setattr(ray, "all_versions", lambda: {"python": "2.7"})
    with pytest.raises(UsageError, match=r" has python 3\.\d+\.\d+, but the command's machine has 2\.7 \(install"):
        list(run(stages.slow_at_first, _shards(3), Work(engine=RayCluster(nodes.address))))


WITHOUT = """
import sys
sys.modules["ray"] = None
from dataset_tools.cli.main import main
main()
"""


def test_ray_is_not_installed(corpus: Path, tmp_path: Path) -> None:
    """One line says how to install it, before anything is read or written."""
    command = [sys.executable, "-c", WITHOUT, "clean", corpus, "-o", "out/", "--engine", "ray"]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (
        2, "", "afg-data: Ray is not installed (pip install 'arabic-functiongemma[ray]')\n",
    )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_an_address_without_a_cluster(
    corpus: Path, tmp_path: Path, afg_data_process: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """An unreachable or invalid address is reported in one line, and so is one without ``--engine ray``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    done = afg_data_process("clean", corpus, "-o", "out/", "--engine", "ray", "--ray-address", address, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"afg-data: nothing answers at {address}: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match=r"'ray://x' is not the address of a Ray cluster"):
        RayCluster("ray://x").check()
    done = afg_data_process("clean", corpus, "-o", "out/", "--ray-address", address, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "afg-data: --ray-address needs a Ray cluster (add --engine ray)\n")


@pytest.mark.slow
def test_another_server_answers() -> None:
    """A server that is not Ray is reported after a time limit."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UsageError, match=rf"no Ray cluster answers at {address} within 6 seconds"):
            RayCluster(address, limits=Limits(join=6)).check()
