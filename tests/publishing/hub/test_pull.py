"""Pulling a published release with the real client; differing files are refused."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dataset_tools.errors import InputError, UsageError
from publishing.cli import main
from publishing.release.manifest import read_release
from publishing.verify.files import Result, verify_files
from tests.hub.client import CLIENT, environment
from tests.hub.faults import Fault
from tests.hub.server import Hub
from tests.publishing.conftest import Publisher, safetensors, write_manifest

Afg = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def afg(hub: Hub, tmp_path: Path) -> Afg:
    """Run ``afg`` against the Hub, in a working folder and a home of its own."""

    def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "here").mkdir(exist_ok=True)
        return subprocess.run(
            [CLIENT, "-c", "from publishing.cli.main import main; main()", *map(str, arguments)],
            env=environment(hub, tmp_path / "home", HF_TOKEN="", **variables),
            cwd=tmp_path / "here",
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return run


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_release_comes_back_as_it_was(
    hub: Hub, publisher: Publisher, release: Path, afg: Afg, tmp_path: Path
) -> None:
    """Published, pulled at its tag without a token and verified: the same files; a second pull downloads nothing."""
    publisher.publish(tag="v1")
    expected = _contents(release)
    hub.store.put("model", "org/tiny", {"config.json": b"newer"})
    run = afg("pull", "org/tiny", "--tag", "v1")
    assert run.returncode == 0, run.stderr
    assert _contents(tmp_path / "here" / "tiny") == expected
    assert f"tiny: {len(expected) - 1} files written, all checksums match" in run.stderr
    hub.requests.clear()
    again = afg("pull", "org/tiny", "--tag", "v1")
    assert "tiny: 0 files written" in again.stderr
    quiet = afg("pull", "org/tiny", "--tag", "v1", "-q")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    assert not [line for line in hub.requests if line.startswith("GET") and "/resolve/" in line]
    checked = afg("verify", "tiny", "--quick", "--json")
    assert checked.returncode == 0, checked.stderr
    checks: list[dict[str, Any]] = json.loads(checked.stdout)
    assert {check["result"] for check in checks} == {"ok"}
    assert [check["where"] for check in checks if check["what"] == "template"] == ["gguf/tiny-Q8_0.gguf"]


def test_a_release_on_the_hub_is_verified(hub: Hub, publisher: Publisher, afg: Afg) -> None:
    """ORG/NAME is downloaded and checked; a file that differs from its checksum is refused."""
    publisher.publish(tag="v1")
    run = afg("verify", "org/tiny", "--quick")
    assert run.returncode == 0, run.stderr
    assert "checksum" in run.stdout
    quiet = afg("verify", "org/tiny", "--quick", "-q")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    hub.store.put("model", "org/tiny-lora", {"adapter_config.json": b"{}"})
    run = afg("verify", "org/tiny", "--quick")
    assert run.returncode == 2
    assert "adapter_config.json: the file differs from its checksum in release.json" in run.stderr.splitlines()[-1]


def test_the_snippet_of_the_page_runs(hub: Hub, publisher: Publisher, tmp_path: Path) -> None:
    """The Python example of the page works."""
    publisher.publish(tag="v1.0.0")
    page = (Path(__file__).parents[3] / "docs" / "consuming.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [CLIENT, "-c", snippet.replace("ORG/NAME", "org/tiny")], cwd=tmp_path, env=environment(hub, tmp_path / "home"),
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "header gguf/tiny-Q8_0.gguf ok 1 tensors" in done.stdout


def test_a_single_quant_is_downloaded(hub: Hub, release: Path, afg: Afg, tmp_path: Path) -> None:
    """--quant downloads one GGUF file and the files next to it; an unknown type is an error that lists the others."""
    big = release / "gguf" / "tiny-F16.gguf"
    big.write_bytes((release / "gguf" / "tiny-Q8_0.gguf").read_bytes() + b"more")
    write_manifest(release)
    Publisher(hub, release).publish()
    run = afg("pull", "org/tiny", "--quant", "q8_0", "-o", "out")
    assert run.returncode == 0, run.stderr
    found = set(_contents(tmp_path / "here" / "out"))
    assert found == {"release.json", "gguf/tiny-Q8_0.gguf", "gguf/Modelfile", "gguf/README.md", "gguf/NOTICE"}
    assert "merged/: not downloaded" in run.stderr
    assert not [line for line in hub.requests if "F16" in line and line.startswith("GET")]
    checks = list(verify_files(read_release(tmp_path / "here" / "out")))
    assert {check.where for check in checks if check.result is Result.SKIPPED} == {
        "adapter/", "merged/", "gguf/tiny-F16.gguf",
    }  # fmt: skip
    assert not [check for check in checks if check.result is Result.FAILED]
    run = afg("pull", "org/tiny", "--quant", "Q4_K_M")
    assert run.returncode == 2
    assert "no GGUF file of type Q4_K_M (available: F16, Q8_0)" in run.stderr


def test_a_release_that_cannot_be_pulled_is_one_line(hub: Hub, publisher: Publisher, afg: Afg, tmp_path: Path) -> None:
    """Unknown release, unknown tag, a repository without a release, parts of two releases: one line each."""
    publisher.publish(tag="v1")
    hub.store.put("model", "org/other", {"config.json": b"{}"})
    expected = {
        ("org/none",): "org/none-GGUF: the model does not exist on the Hub",
        ("org/tiny", "--tag", "v9"): "org/tiny: revision 'v9' does not exist",
        ("org/other",): "org/other: no release.json in it",
    }
    for arguments, message in expected.items():
        run = afg("pull", *arguments)
        assert (run.returncode, message in run.stderr.splitlines()[-1]) == (2, True), run.stderr
    hub.store.put("model", "org/tiny-lora", {"release.json": b'{"files": {}}'})
    run = afg("pull", "org/tiny")
    assert "org/tiny-lora: not the same release as org/tiny (choose a tag that both have" in run.stderr
    assert not list((tmp_path / "here").rglob("release.json"))


def test_an_interrupted_pull_is_completed(hub: Hub, publisher: Publisher, afg: Afg, tmp_path: Path) -> None:
    """An interrupted download has no release.json; the next pull completes it."""
    publisher.publish()
    hub.faults.add(Fault("GET .*model.safetensors", times=-1, status=404))
    run = afg("pull", "org/tiny")
    assert run.returncode == 2
    assert not (tmp_path / "here" / "tiny" / "release.json").exists()
    hub.faults.clear()
    assert afg("pull", "org/tiny").returncode == 0
    assert set(_contents(tmp_path / "here" / "tiny")) == set(_contents(publisher.release))


def _bring_out(hub: Hub, release: Path, tag: str) -> dict[str, bytes]:
    """Publish the release with other weights under a tag; return its files."""
    (release / "merged" / "model.safetensors").write_bytes(safetensors(tag.encode() * 100))
    write_manifest(release)
    Publisher(hub, release).publish(tag=tag)
    return _contents(release)


@pytest.mark.parametrize("arguments", [[], ["--quant", "Q8_0"]])
def test_a_folder_holds_one_release(hub: Hub, release: Path, afg: Afg, tmp_path: Path, arguments: list[str]) -> None:
    """A pull into a folder with another release, complete or not, is refused before anything is written."""
    first, out = _bring_out(hub, release, "v1"), tmp_path / "here" / "tiny"
    second = _bring_out(hub, release, "v2")
    assert afg("pull", "org/tiny", "--tag", "v1").returncode == 0
    for held in (first, {name: content for name, content in first.items() if name != "release.json"}):
        if "release.json" not in held:  # as a killed pull leaves it
            (out / "release.json").unlink()
        run = afg("pull", "org/tiny", "--tag", "v2", *arguments)
        assert run.returncode == 2
        assert run.stderr.splitlines()[-1] == (
            "afg: tiny/merged/model.safetensors: the file is not of this release "
            "(choose another folder with -o, or remove this one)"
        )
        assert _contents(out) == held
    assert afg("pull", "org/tiny", "--tag", "v2", "-o", "other").returncode == 0
    assert _contents(tmp_path / "here" / "other") == second


def test_the_manifest_is_removed_before_files_change(hub: Hub, publisher: Publisher, afg: Afg, tmp_path: Path) -> None:
    """An interrupted pull over a release with the same files and another release.json leaves no release.json."""
    publisher.publish(tag="v1")
    out = tmp_path / "here" / "tiny"
    assert afg("pull", "org/tiny", "--part", "gguf").returncode == 0
    facts = json.loads((out / "release.json").read_bytes())
    (publisher.release / "release.json").write_text(json.dumps({**facts, "versions": {"a": "1"}}), encoding="utf-8")
    publisher.publish(tag="v2")
    hub.faults.add(Fault("GET .*model.safetensors", times=-1, status=404))
    assert afg("pull", "org/tiny", "--tag", "v2").returncode == 2
    assert not (out / "release.json").exists()
    hub.faults.clear()
    assert afg("pull", "org/tiny", "--tag", "v2").returncode == 0
    assert _contents(out) == _contents(publisher.release)


def test_damaged_and_unfinished_files_are_replaced(publisher: Publisher, afg: Afg, tmp_path: Path) -> None:
    """Another pull of the same release replaces damaged files, and removes unfinished ones."""
    publisher.publish()
    assert afg("pull", "org/tiny").returncode == 0
    out = tmp_path / "here" / "tiny"
    (out / "merged" / "config.json").write_bytes(b"{}")
    (out / "merged" / ".model.safetensors.0123456789abcdef.partial").write_bytes(b"half")
    run = afg("pull", "org/tiny")
    assert "tiny: 1 file written" in run.stderr
    assert _contents(out) == _contents(publisher.release)


def test_newest_is_one_commit(hub: Hub, publisher: Publisher, release: Path, tmp_path: Path) -> None:
    """The newest commit is resolved once: a release published during a pull is not mixed into it."""
    publisher.publish()
    expected = _contents(release)
    script = """if True:
        from pathlib import Path
        from publishing.hub.pull import pull
        pull("org/tiny", Path("out"), log=lambda line: (print(line, flush=True), input()))
    """
    command, variables = [CLIENT, "-c", script], environment(hub, tmp_path / "home")
    with subprocess.Popen(
        command, cwd=tmp_path, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("org/tiny: ")  # the others are still to be fetched
        (release / "adapter" / "adapter_config.json").write_bytes(b"{}")
        _bring_out(hub, release, "v2")
        process.communicate("\n\n\n", timeout=60)
    assert process.returncode == 0
    assert _contents(tmp_path / "out") == expected


@pytest.mark.parametrize(
    "arguments, kind, message",
    [
        (["pull", "tiny"], UsageError, "not of the form ORG/NAME"),
        (["pull", "org/tiny", "--part", "onnx"], UsageError, "a release has no part 'onnx'"),
        (["verify", "missing"], UsageError, "not of the form ORG/NAME"),
        (["verify", "."], InputError, "no release.json in it"),
    ],
)
def test_wrong_usage_is_refused(
    arguments: list[str], kind: type[Exception], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invalid names are refused before any request."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main.app, arguments)
    assert isinstance(result.exception, kind)
    assert message in str(result.exception)
