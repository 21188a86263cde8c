"""``afg publish`` in a process of its own, with the real client, configured by its environment."""

import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dataset_tools.errors import UsageError
from publishing.cli import main
from tests.hub.client import CLIENT, environment
from tests.hub.faults import Fault
from tests.hub.server import Hub
from tests.publishing.conftest import CARD, NAMES, held

Expected = Callable[[], dict[str, dict[str, bytes]]]
COMMAND = [CLIENT, "-c", "from publishing.cli.main import main; main()"]


@pytest.fixture
def afg(hub: Hub, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``afg`` against the Hub; keyword arguments are environment variables."""

    def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            env=environment(hub, tmp_path / "home", **variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return run


Afg = Callable[..., subprocess.CompletedProcess[str]]


def _commits(hub: Hub) -> list[int]:
    """Return the number of commits of each model."""
    found = hub.store.repositories
    return [len(found["model", name].history()) if ("model", name) in found else 0 for name in NAMES]


def test_a_release_is_published_and_shown_with_links(hub: Hub, afg: Afg, release: Path, expected: Expected) -> None:
    """Plan and result go to standard output, steps to standard error, the token nowhere; a second run sends nothing."""
    run = afg("publish", release, "--hub", "org/tiny", "--tag", "v1.0.0", "--yes")
    assert run.returncode == 0, run.stderr
    assert {name: held(hub, name) for name in NAMES} == expected()
    for name in NAMES:
        assert f"{name}: a new repository" in run.stdout
        assert f"{hub.address}/{name}" in run.stdout
        assert f"{name}: tag v1.0.0" in run.stderr
    assert f"{hub.address}/collections/" in run.stdout
    assert hub.token not in run.stdout + run.stderr
    assert run.stderr.count("\n") == 6, run.stderr  # what is sent and what is tagged, and no library's remarks
    again = afg("publish", release, "--hub", "org/tiny", "--tag", "v1.0.0", "--json")  # nothing to do: nobody is asked
    assert again.returncode == 0, again.stderr
    result: dict[str, Any] = json.loads(again.stdout)
    assert [(item["name"], item["sent"], item["verified"]) for item in result["repositories"]] == [
        ("org/tiny", 0, 6),
        ("org/tiny-lora", 0, 5),
        ("org/tiny-GGUF", 0, 5),
    ]
    assert _commits(hub) == [2, 2, 2]
    narrow = afg("publish", release, "--hub", "org/tiny", "--tag", "v1.0.0", COLUMNS="60").stdout
    assert "config.json" not in narrow  # nothing happens to it
    assert narrow.count("0 files") == 3
    assert all(f"\n{hub.address}/{name}\n" in narrow for name in NAMES)


def test_a_dry_run_needs_no_token_and_writes_nothing(hub: Hub, afg: Afg, release: Path) -> None:
    """The plan has every file with its size and state; no write request is sent."""
    run = afg("publish", release, "--hub", "org/tiny", "--dry-run", "--json", HF_TOKEN="")
    assert run.returncode == 0, run.stderr
    plan: list[dict[str, Any]] = json.loads(run.stdout)
    assert [(item["name"], item["exists"]) for item in plan] == [(name, False) for name in NAMES]
    size = (release / "merged" / "model.safetensors").stat().st_size
    assert {"path": "model.safetensors", "size": size, "state": "new"} in plan[0]["files"]
    assert "nothing was sent" in run.stderr
    assert hub.writes() == []
    assert hub.requests != []


def test_without_a_terminal_nothing_is_sent(hub: Hub, afg: Afg, release: Path) -> None:
    """Without a terminal and --yes the command stops after the plan; without a token it says how to get one."""
    run = afg("publish", release, "--hub", "org/tiny")
    assert (run.returncode, hub.writes()) == (2, [])
    assert "afg: nothing was sent: no terminal to ask on (add --yes" in run.stderr
    quiet = afg("publish", release, "--hub", "org/tiny", "-q")
    assert (quiet.returncode, quiet.stdout) == (2, run.stdout)  # a question shows its plan
    run = afg("publish", release, "--hub", "org/tiny", "--yes", HF_TOKEN="")
    assert run.returncode == 2
    assert run.stderr == "afg: no token for the Hub (set HF_TOKEN, or run `hf auth login`)\n"


@pytest.mark.parametrize("answer, code", [("y", 0), ("n", 1), ("", 1)])
def test_only_a_yes_sends(hub: Hub, release: Path, tmp_path: Path, answer: str, code: int) -> None:
    """At a terminal any other answer ends the command without a commit and without a traceback."""
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    run = subprocess.run(
        [*COMMAND, "publish", str(release), "--hub", "org/tiny"],
        env=environment(hub, tmp_path / "home"), stdin=theirs, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    assert run.returncode == code, run.stderr
    assert f"Send this to {hub.address}? [y/N]" in run.stderr
    assert ("nothing was sent" in run.stderr, _commits(hub)) == ((False, [2, 2, 2]) if code == 0 else (True, [0, 0, 0]))
    assert "Traceback" not in run.stderr


def test_a_new_tag_is_asked_for(hub: Hub, afg: Afg, release: Path) -> None:
    """A new tag is a change, even if every file is on the Hub: without --yes nothing is tagged."""
    assert afg("publish", release, "--hub", "org/tiny", "--tag", "v1", "--yes").returncode == 0
    before = hub.writes()
    run = afg("publish", release, "--hub", "org/tiny", "--tag", "v2")
    assert run.returncode == 2
    assert "nothing was sent: no terminal to ask on" in run.stderr
    assert hub.writes() == before
    assert afg("publish", release, "--hub", "org/tiny", "--tag", "v2", "--yes").returncode == 0
    assert {tuple(repository.tags) for repository in hub.store.repositories.values()} == {("v1", "v2")}
    assert afg("publish", release, "--hub", "org/tiny", "--tag", "v2").returncode == 0


def test_a_section_that_differs_is_reported(hub: Hub, afg: Afg, release: Path, tmp_path: Path) -> None:
    """A section that differs keeps the destination's text, and a line says so before the question."""
    card = release / "merged" / "README.md"
    card.write_text(CARD.replace("notes -->\n<!--", "notes -->\nthe first\n<!--"), encoding="utf-8")
    assert afg("publish", release, "--hub", "org/tiny", "--yes").returncode == 0
    there = card.read_bytes()
    card.write_text(CARD.replace("notes -->\n<!--", "notes -->\nthe second\n<!--"), encoding="utf-8")
    message = "org/tiny: section 'notes' of the card differs; the destination's text is kept"
    for arguments in (["--dry-run"], ["--json", "--dry-run"], ["--yes"], ["--json"]):
        run = afg("publish", release, "--hub", "org/tiny", *arguments)
        assert (run.returncode, message in run.stderr) == (0, True), run.stderr
    assert held(hub, "org/tiny")["README.md"] == there
    target = tmp_path / "out"
    (target / "tiny").mkdir(parents=True)
    (target / "tiny" / "README.md").write_bytes(there)
    assert "tiny: section 'notes' of the card differs" in afg("publish", release, "--to", target).stderr
    card.write_bytes(there)
    assert "section" not in afg("publish", release, "--hub", "org/tiny").stderr


def test_a_killed_run_is_completed(hub: Hub, afg: Afg, release: Path, expected: Expected, tmp_path: Path) -> None:
    """Killed during an upload: complete repositories stay, nothing is tagged, and the next run completes it."""
    slow = hashlib.sha256((release / "gguf" / "tiny-Q8_0.gguf").read_bytes()).hexdigest()
    hub.faults.add(Fault(f"PUT /lfs/{slow}", seconds=60))
    arguments = ["publish", str(release), "--hub", "org/tiny", "--tag", "v1", "--yes"]
    with subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(hub, tmp_path / "home"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 60
        while f"PUT /lfs/{slow}" not in hub.requests or _commits(hub) != [2, 2, 1]:
            assert time.monotonic() < deadline, hub.requests
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert {name: held(hub, name) for name in NAMES} == {**expected(), "org/tiny-GGUF": {}}
    assert not any(repository.tags for repository in hub.store.repositories.values())
    assert not hub.store.collections
    run = afg(*arguments)
    assert run.returncode == 0, run.stderr
    assert {name: held(hub, name) for name in NAMES} == expected()
    assert _commits(hub) == [2, 2, 2]


def test_a_hub_without_xet_names_the_variable(hub: Hub, afg: Afg, release: Path) -> None:
    """With Xet on, the client cannot upload; one line names the variable that helps."""
    pytest.importorskip("hf_xet")
    run = afg("publish", release, "--hub", "org/tiny", "--yes", HF_HUB_DISABLE_XET="0")
    assert run.returncode == 3
    last = run.stderr.splitlines()[-1]
    # Three repositories are sent side by side, and the client may still send one of them in the older way.
    assert re.match(
        r"afg: org/tiny(-lora|-GGUF)?: this Hub does not support Xet uploads \(set HF_HUB_DISABLE_XET=1", last
    )
    assert hub.store.repositories["model", "org/tiny"].tags == {}


def test_a_secret_stops_it_before_any_request(hub: Hub, afg: Afg, release: Path) -> None:
    """A finding has file and line but never the secret; no request is sent."""
    (release / "merged" / "notes.txt").write_text(f"one\n{hub.token}\n", encoding="utf-8")
    (release / "gguf" / "old.pkl").write_bytes(b"")
    run = afg("publish", release, "--hub", "org/tiny", "--yes")
    assert run.returncode == 2
    assert f"{release}/merged/notes.txt:2: it looks like a Hugging Face token" in run.stderr
    assert f"{release}/gguf/old.pkl: a pickle, by its name" in run.stderr
    assert "more: nothing was published" in run.stderr.splitlines()[-1]
    assert hub.token not in run.stdout + run.stderr
    assert hub.requests == []


def test_a_folder_needs_neither_hub_nor_token(afg: Afg, hub: Hub, release: Path, tmp_path: Path) -> None:
    """--to writes the files that --hub would send; a dry run writes nothing, and the second run changes nothing."""
    offline = {"HF_TOKEN": "", "HF_HUB_OFFLINE": "1"}
    target = tmp_path / "out"
    assert afg("publish", release, "--to", target, "--dry-run", **offline).returncode == 0
    assert not target.exists()
    run = afg("publish", release, "--to", target, **offline)
    assert run.returncode == 0, run.stderr
    assert sorted(path.name for path in target.iterdir()) == ["tiny", "tiny-GGUF", "tiny-lora"]
    assert (target / "tiny" / "release.json").read_bytes() == (release / "release.json").read_bytes()
    assert f"{target}/tiny: 0 files written" in afg("publish", release, "--to", target, **offline).stderr
    quiet = afg("publish", release, "--to", target, "-q", **offline)
    assert (quiet.returncode, quiet.stdout) == (0, "")
    assert "files written" not in quiet.stderr
    assert hub.requests == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "no destination"),
        (("--hub", "org/tiny", "--to", "out"), "no destination"),
        (("--to", "out", "--tag", "v1"), "a folder has no tags"),
        (("--hub", "tiny"), "not of the form ORG/NAME"),
        (("--hub", "org/a--b"), "not a valid repository name"),
        (("--hub", "org/" + "a" * 93), "more than 96 characters"),
        (("--hub", "../tiny"), "not a valid repository name"),
        (("--hub", "org/tiny.git"), "not a valid repository name"),
    ],
)
def test_wrong_usage_is_refused(release: Path, arguments: tuple[str, ...], message: str) -> None:
    """Contradicting options and invalid names are refused before anything is read."""
    result = CliRunner().invoke(main.app, ["publish", str(release), *arguments])
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)


def test_the_snippet_of_the_page_runs(hub: Hub, release: Path, tmp_path: Path, expected: Expected) -> None:
    """The Python example of the page works."""
    page = (Path(__file__).parents[3] / "docs" / "publishing.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    script = snippet.replace("ORG/NAME", "org/tiny")
    done = subprocess.run(
        [CLIENT, "-c", script], cwd=release.parent, env=environment(hub, tmp_path / "home"), capture_output=True,
        text=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "org/tiny-lora ['NOTICE', 'README.md', 'adapter_config.json'" in done.stdout
    assert {name: held(hub, name, revision="v1.0.0") for name in NAMES} == expected()


def test_help_comes_without_the_client() -> None:
    """The help does not import huggingface_hub, torch or transformers."""
    script = "import sys, publishing.cli.main; print({'huggingface_hub', 'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
