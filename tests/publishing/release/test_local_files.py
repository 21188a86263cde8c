"""Work beside this thread: results in order, errors where they are asked for, and no waiting at the end."""

import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from dataset_tools.io.checksums import sha256
from publishing.release.local_files import LocalFile, hash_soon, in_background


def test_results_come_in_order_and_errors_where_they_are_asked_for() -> None:
    """What one action raises costs the others nothing."""
    squares = in_background([partial(pow, number, 2) for number in range(20)], threads=3)
    assert [future.result() for future in squares] == [number**2 for number in range(20)]
    good, bad, last = in_background([partial(int, text) for text in ("1", "one", "2")], threads=1)
    assert (good.result(), last.result()) == (1, 2)
    with pytest.raises(ValueError, match="one"):
        bad.result()


def test_so_many_go_on_at_a_time() -> None:
    """Two actions go on side by side; a third one waits until one of them is done."""
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
    """Who stops a publication does not wait for the files that are under way."""
    script = (
        "import time; from publishing.release.local_files import in_background; "
        "in_background([lambda: time.sleep(60)], 1)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)


def test_a_file_is_read_once(tmp_path: Path) -> None:
    """However often its checksum is asked for; here it changes meanwhile, to be found out by the Hub."""
    path = tmp_path / "file"
    path.write_bytes(b"one")
    known, asked = LocalFile("file", path), LocalFile("other", path)
    hash_soon([known, known])
    assert asked.sha256 == known.sha256 == sha256(b"one")
    path.write_bytes(b"two")
    hash_soon([known, asked])
    assert asked.sha256 == known.sha256 == sha256(b"one")
