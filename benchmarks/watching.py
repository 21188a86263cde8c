"""Time of a command and peak memory of each of its processes."""

import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

__all__ = ["print_peaks", "watched"]

_MB = 1 << 20
_EVERY = 0.2  # seconds; the kernel keeps the peak of a process in between
Peaks = list[tuple[str, float, float, float]]
"""Role, peak resident MB, peak proportional MB (PSS) and CPU seconds of each process."""


def print_peaks(peaks: Peaks) -> None:
    """Print the peaks of each process."""
    for role, resident, share, seconds in peaks:
        details = f"{share:.0f} MB PSS, {seconds:.1f} s of CPU time"
        print(f"{'  ' + role:<44}{resident:8.0f} MB peak, {details}")


def watched(arguments: list[str]) -> tuple[float, str, Peaks]:
    """Run ``afg-data``; return seconds, output, and the peaks of each process."""
    command = [str(Path(sys.executable).with_name("afg-data")), *arguments]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watch = _Watch(process.pid)
        watch.start()
        said, _ = process.communicate()
        seconds = time.perf_counter() - start
        watch.ended.set()
        watch.join()
    if process.returncode not in (0, 1):  # 1: findings
        raise subprocess.CalledProcessError(process.returncode, command)
    return seconds, said, watch.peaks()


class _Watch(threading.Thread):
    """Thread that samples a process and its children until ``ended`` is set."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self._root = psutil.Process(pid)
        self._roles: dict[int, str] = {}
        self._resident: dict[int, float] = {}
        self._shared: dict[int, float] = {}
        self._seconds: dict[int, float] = {}

    def run(self) -> None:
        """Sample every 0.2 seconds."""
        while not self.ended.wait(_EVERY):
            with suppress(psutil.Error):
                for process in (self._root, *self._root.children(recursive=True)):
                    with suppress(psutil.Error, OSError):
                        self._look(process)

    def _look(self, process: psutil.Process) -> None:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        peak = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0) / 1024
        share = process.memory_full_info().pss / _MB
        self._roles[process.pid] = self._role(process)
        self._resident[process.pid] = max(self._resident.get(process.pid, 0), peak)
        self._shared[process.pid] = max(self._shared.get(process.pid, 0), share)
        times = process.cpu_times()
        self._seconds[process.pid] = times.user + times.system

    def _role(self, process: psutil.Process) -> str:
        if process == self._root:
            return "main process"
        line = " ".join(process.cmdline())
        if "resource_tracker" in line:
            return "resource tracker"
        if "forkserver" in line and process.parent() == self._root:
            return "fork server"
        return "worker" if "forkserver" in line or "spawn" in line else "fork for the first shards"

    def peaks(self) -> Peaks:
        """Return the peaks of each process, the largest first."""
        pids = sorted(self._resident, key=self._resident.__getitem__, reverse=True)
        return [(self._roles[pid], self._resident[pid], self._shared[pid], self._seconds[pid]) for pid in pids]
