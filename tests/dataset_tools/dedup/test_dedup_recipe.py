"""Cluster recipe of the documentation: the same bytes as the command."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dataset_tools.pipeline.runs import ROOT

pytest.importorskip("ray", reason="comes with the extra `ray`")

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

START = "import ray\nray.init(address='local', num_cpus=2, include_dashboard=False, log_to_driver=False)\n"


def _recipe() -> str:
    """Return the Python block of the page, with fewer partitions for speed."""
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert "num_partitions=64" in block
    return block.replace("num_partitions=64", "num_partitions=4")


def test_the_recipe_drops_what_the_command_drops(
    corpus: Path, afg_data: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Records and rejects of a folder of parts are equal; some rows are dropped."""
    assert afg_data("clean", corpus, "-o", "clean/", "--quiet", cwd=tmp_path).returncode == 0
    assert afg_data("dedup", "clean/", "-o", "want.jsonl", "--near", "0", "--quiet", cwd=tmp_path).returncode == 0
    script = tmp_path / "recipe.py"
    script.write_text(f"{START}if __name__ == '__main__':\n    exec({_recipe()!r}, globals())\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "distinct.jsonl").read_bytes() == (tmp_path / "want.jsonl").read_bytes()
    rejects = (tmp_path / "distinct.rejects.jsonl").read_text(encoding="utf-8")
    assert rejects == (tmp_path / "want.rejects.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line)["code"] for line in rejects.splitlines()].count("duplicate") > 1
