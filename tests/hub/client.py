"""The real client in a separate process, because it reads its settings on import."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.hub.server import Hub

ROOT = Path(__file__).parents[2]
CLIENT = os.environ.get("AFG_TEST_HUB_PYTHON") or sys.executable
"""An interpreter with huggingface_hub; set another one to test another version."""


def environment(hub: Hub, home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a process that only knows this Hub."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    return {
        **kept,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_TOKEN": hub.token,
        "COLUMNS": "200",
        "PYTHONPATH": str(ROOT),
        **more,
    }


def run_client(hub: Hub, home: Path, script: str, *arguments: str | Path) -> Any:
    """Run a script, in which ``api`` and ``sys`` are defined, and return the JSON of its last line."""
    names = "CommitOperationAdd, CommitOperationDelete, HfApi, errors, hf_hub_download, snapshot_download"
    start = f"import json, sys\nfrom huggingface_hub import {names}\napi = HfApi()\n"
    done = subprocess.run(
        [CLIENT, "-c", start + script, *map(str, arguments)],
        env=environment(hub, home),
        cwd=home,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
