"""Background work: results in order, errors raised by their future, no delay at the end of the process."""

import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from dataset_tools.io.checksums import sha256
from publishing.release.local_files import LocalFile, in_background, start_hashing


def test_results_are_in_order_and_futures_raise() -> None:
    """An error of one action does not affect the others."""
    squares = in_background([partial(pow, number, 2) for number in range(20)], threads=3)
    assert [future.result() for future in squares] == [number**2 for number in range(20)]
    good, bad, last = in_background([partial(int, text) for text in ("1", "one", "2")], threads=1)
    assert (good.result(), last.result()) == (1, 2)
    with pytest.raises(ValueError, match="one"):
        bad.result()


def test_the_number_of_threads_is_limited() -> None:
    """With two threads a third action waits until one of them is done."""
    barrier, end = threading.Barrier(3, timeout=30), threading.Event()

    def meet() -> bool:
        barrier.wait()
        return end.wait(timeout=30)

    *two, third = in_background([meet, meet, end.is_set], threads=2)
    barrier.wait()
    assert not third.done()
    end.set()
    assert [future.result() for future in (*two, third)] == [True, True, True]


def test_a_process_that_ends_does_not_wait() -> None:
    """Stopping a publication does not wait for files in transfer."""
    script = (
        "import time; from publishing.release.local_files import in_background; "
        "in_background([lambda: time.sleep(60)], 1)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)


def test_a_file_is_read_once(tmp_path: Path) -> None:
    """The checksum stays that of the first read, even if the file changes."""
    path = tmp_path / "file"
    path.write_bytes(b"one")
    known, asked = LocalFile("file", path), LocalFile("other", path)
    start_hashing([known, known])
    assert asked.sha256 == known.sha256 == sha256(b"one")
    path.write_bytes(b"two")
    start_hashing([known, asked])
    assert asked.sha256 == known.sha256 == sha256(b"one")
