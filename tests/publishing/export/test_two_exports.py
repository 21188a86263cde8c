"""Two exports into one folder: the second one fails and changes nothing."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dataset_tools.io.atomic_folder import only_run
from tests.publishing.export.made_run import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("export")]

Export = Callable[..., subprocess.CompletedProcess[str]]
HOLDER = """
import sys
from pathlib import Path
from dataset_tools.io.atomic_folder import only_run
with only_run(Path(sys.argv[1])):
    Path(sys.argv[1], ".export.json").write_text('{"steps": {}}', encoding="utf-8")
    print("in", flush=True)
    sys.stdin.read()
"""


def test_a_second_export_is_refused(made_run: Path, afg_export: Export, tmp_path: Path) -> None:
    """Exit code 2 and one line while another process holds the lock; after its end the folder is free."""
    output = tmp_path / "release"
    command = [sys.executable, "-c", HOLDER, str(output)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"in\n"
        done = afg_export(made_run, output, "--quant", "none")
        holder.kill()
    hint = "wait for it, or choose another folder with -o"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"afg: {output}: another run is writing into this folder ({hint})\n"
    assert [path.name for path in output.iterdir()] == [".export.json"]
    with only_run(output):
        pass
