"""`afg verify` of an export: each part loads and gives the recorded answers."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.publishing.export.made_run import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("export")]

F16 = "gguf/arabic-calls-F16.gguf"


def _verify(release: Path) -> tuple[int, dict[tuple[str, str], str]]:
    """Return the exit code and the result of each check."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    code = "from publishing.cli.main import main; main()"
    command = [sys.executable, "-c", code, "verify", str(release), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)
    assert done.stdout, done.stderr
    return done.returncode, {(check["what"], check["where"]): check["result"] for check in json.loads(done.stdout)}


def test_an_export_is_verified(whole: Path) -> None:
    """Merged weights and three GGUF files load and answer; the adapter is skipped without its base."""
    code, found = _verify(whole)
    assert code == 0
    assert "failed" not in found.values()
    loaded = {where: result for (what, where), result in found.items() if what == "load"}
    files = [f"gguf/arabic-calls-{quant}.gguf" for quant in ("F16", "Q8_0", "Q4_K_M")]
    assert loaded == {"merged/": "ok", "adapter/": "skipped", **dict.fromkeys(files, "ok")}
    recorded = json.loads((whole / "release.json").read_bytes())["smoke"]
    for number in range(1, len(recorded) + 1):
        assert found["smoke", f"merged/ prompt {number}"] == "ok"
        assert found["smoke", f"{F16} prompt {number}"] == "ok"


def test_another_answer_of_a_gguf_file_fails(whole: Path, tmp_path: Path) -> None:
    """A different answer fails, except for a file whose answers differed at the export."""
    release = shutil.copytree(whole, tmp_path / "arabic-calls", ignore=shutil.ignore_patterns("adapter", "merged"))
    facts: dict[str, Any] = json.loads((release / "release.json").read_bytes())
    facts["smoke"] = [{"prompt": "<bos><start_of_turn>user\nمرحبا<end_of_turn>\n", "output": "never said"}]
    facts["gguf"]["arabic-calls-Q4_K_M.gguf"]["agreement"] = 0.5
    (release / "release.json").write_text(json.dumps(facts), encoding="utf-8")
    code, found = _verify(release)
    assert code == 1
    assert found["smoke", f"{F16} prompt 1"] == "failed"
    assert found["smoke", "gguf/arabic-calls-Q4_K_M.gguf prompt 1"] == "skipped"
