"""What was published comes back as it was: pulled by the genuine client, checked, and refused if it differs."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dataset_tools.errors import InputError, UsageError
from publishing.cli import main
from publishing.release.manifest import read_release
from publishing.verify.files import Check, Result, verify_files
from publishing.verify.verify import verify
from tests.hub.client import CLIENT, environment
from tests.hub.faults import Fault
from tests.hub.server import Hub
from tests.publishing.conftest import CARD, Publisher, safetensors, write_manifest

Afg = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def afg(hub: Hub, tmp_path: Path) -> Afg:
    """Runs ``afg`` against the Hub in a folder of its own, with a home of its own."""

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
    """Published, pulled at its tag by a stranger and verified: the same files; the second pull fetches nothing."""
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
    assert not [line for line in hub.requests if line.startswith("GET") and "/resolve/" in line]
    checked = afg("verify", "tiny", "--quick", "--json")
    assert checked.returncode == 0, checked.stderr
    checks: list[dict[str, Any]] = json.loads(checked.stdout)
    assert {check["result"] for check in checks} == {"ok"}
    assert [check["where"] for check in checks if check["what"] == "template"] == ["gguf/tiny-Q8_0.gguf"]


def test_a_release_on_the_hub_is_verified(hub: Hub, publisher: Publisher, afg: Afg) -> None:
    """Named as ORG/NAME it is fetched and checked; a file of another content than recorded is refused."""
    publisher.publish(tag="v1")
    run = afg("verify", "org/tiny", "--quick")
    assert run.returncode == 0, run.stderr
    assert "checksum" in run.stdout
    hub.store.put("model", "org/tiny-lora", {"adapter_config.json": b"{}"})
    run = afg("verify", "org/tiny", "--quick")
    assert run.returncode == 2
    assert "adapter_config.json: the file differs from its checksum in release.json" in run.stderr.splitlines()[-1]


def test_the_snippet_of_the_page_runs(hub: Hub, publisher: Publisher, tmp_path: Path) -> None:
    """What the page shows for Python does what it says."""
    publisher.publish(tag="v1.0.0")
    page = (Path(__file__).parents[3] / "docs" / "consuming.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [CLIENT, "-c", snippet.replace("ORG/NAME", "org/tiny")], cwd=tmp_path, env=environment(hub, tmp_path / "home"),
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "header gguf/tiny-Q8_0.gguf ok 1 tensors" in done.stdout


def test_one_quant_alone_is_fetched(hub: Hub, release: Path, afg: Afg, tmp_path: Path) -> None:
    """--quant takes one GGUF file and what stands beside it; a type that is not there names those that are."""
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


def test_what_cannot_be_pulled_is_told(hub: Hub, publisher: Publisher, afg: Afg, tmp_path: Path) -> None:
    """No such release, no such tag, a repository without a release, parts of two releases: each in one line."""
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


def test_a_pull_that_breaks_off_goes_on(hub: Hub, publisher: Publisher, afg: Afg, tmp_path: Path) -> None:
    """Half a download leaves no release.json; the next pull completes it."""
    publisher.publish()
    hub.faults.add(Fault("GET .*model.safetensors", times=-1, status=404))
    run = afg("pull", "org/tiny")
    assert run.returncode == 2
    assert not (tmp_path / "here" / "tiny" / "release.json").exists()
    hub.faults.clear()
    assert afg("pull", "org/tiny").returncode == 0
    assert set(_contents(tmp_path / "here" / "tiny")) == set(_contents(publisher.release))


def _bring_out(hub: Hub, release: Path, tag: str) -> dict[str, bytes]:
    """Publish the release with other weights under a tag; gives its files."""
    (release / "merged" / "model.safetensors").write_bytes(safetensors(tag.encode() * 100))
    write_manifest(release)
    Publisher(hub, release).publish(tag=tag)
    return _contents(release)


@pytest.mark.parametrize("arguments", [[], ["--quant", "Q8_0"]])
def test_a_folder_holds_one_release(hub: Hub, release: Path, afg: Afg, tmp_path: Path, arguments: list[str]) -> None:
    """A pull over another release, whole or half, is refused before anything is written."""
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


def test_a_list_goes_before_the_files_change(hub: Hub, publisher: Publisher, afg: Afg, tmp_path: Path) -> None:
    """Over a release with the same files and another list, a pull that breaks off leaves no list at all."""
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


def test_what_is_damaged_or_half_written_is_mended(publisher: Publisher, afg: Afg, tmp_path: Path) -> None:
    """Another pull of the same release puts right what the disk did to it, and removes what a killed one left."""
    publisher.publish()
    assert afg("pull", "org/tiny").returncode == 0
    out = tmp_path / "here" / "tiny"
    (out / "merged" / "config.json").write_bytes(b"{}")
    (out / "merged" / ".model.safetensors.0123456789abcdef.partial").write_bytes(b"half")
    run = afg("pull", "org/tiny")
    assert "tiny: 1 files written" in run.stderr
    assert _contents(out) == _contents(publisher.release)


def test_newest_is_one_commit(hub: Hub, publisher: Publisher, release: Path, tmp_path: Path) -> None:
    """What is newest is asked once: a release that comes out while one is pulled is not mixed into it."""
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


def _damage(release: Path, name: str, content: bytes | None) -> list[tuple[str, str, str]]:
    """Change a file behind the list's back, or remove it; gives the checks that fail."""
    path = release / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    return _failed(verify_files(read_release(release)))


def _failed(checks: Any) -> list[tuple[str, str, str]]:
    return [(check.what, check.where, check.detail) for check in checks if check.result is Result.FAILED]


@pytest.mark.parametrize(
    "name, content, told",
    [
        ("merged/config.json", None, ("checksum", "merged/config.json", "not here")),
        ("merged/config.json", b"{}", ("checksum", "merged/config.json", "2 bytes instead of 29")),
        (
            "merged/config.json",
            b'{"model_type": "gemma3_texT"}',
            ("checksum", "merged/config.json", "the SHA-256 differs from release.json"),
        ),
        ("merged/extra.py", b"", ("checksum", "merged/extra.py", "not listed in release.json")),
        ("gguf/tiny-Q8_0.gguf", None, ("checksum", "gguf/tiny-Q8_0.gguf", "not here")),
    ],
)
def test_each_difference_is_found(release: Path, name: str, content: bytes | None, told: tuple[str, str, str]) -> None:
    """Missing, cut off, changed and unknown files; a card may change."""
    assert _failed(verify_files(read_release(release))) == []
    assert _damage(release, "adapter/README.md", (CARD + "more").encode()) == []
    assert _damage(release, name, content) == [told]


def test_a_list_alone_is_no_release(release: Path) -> None:
    """Where no file was found as recorded, verify fails: it has checked nothing, or nothing that is right."""
    for part in ("merged", "adapter", "gguf"):
        shutil.rmtree(release / part)
    nothing = ("checksum", "release.json", "no file matches its record")
    assert _failed(verify_files(read_release(release))) == [nothing]
    assert CliRunner().invoke(main.app, ["verify", str(release)]).exit_code == 1
    (release / "release.json").write_text('{"files": {}}', encoding="utf-8")
    assert _failed(verify_files(read_release(release))) == [nothing]


def test_nothing_stands_outside_of_the_parts(release: Path) -> None:
    """Listed or not, a file that belongs to no part fails, in the release's own folder and in another."""
    (release / "other").mkdir()
    for name in ("setup.py", "other/model.safetensors"):
        (release / name).write_bytes(b"")
    (release / "link").symlink_to(release / "merged")
    listed = "not listed in release.json"
    assert _failed(verify_files(read_release(release))) == [
        ("checksum", "link", listed),
        ("checksum", "setup.py", listed),
        ("checksum", "other/model.safetensors", listed),
    ]
    (release / "link").unlink()
    write_manifest(release)
    outside = "not in a part of the release"
    assert _failed(verify_files(read_release(release))) == [
        ("checksum", "other/model.safetensors", outside),
        ("checksum", "setup.py", outside),
    ]


def test_headers_and_templates_are_held_to_the_release(release: Path) -> None:
    """Recorded files that are no weights, and a GGUF file with another chat template or none."""
    (release / "merged" / "model.safetensors").write_bytes(b"no weights")
    (release / "merged" / "chat_template.jinja").write_bytes(b"another")
    write_manifest(release)
    assert _failed(verify_files(read_release(release))) == [
        ("template", "gguf/tiny-Q8_0.gguf", "the chat template differs"),
        ("header", "merged/model.safetensors", "not a complete safetensors file"),
    ]


def test_damaged_files_are_not_loaded(release: Path) -> None:
    """What is not what it should be never reaches a library that loads it."""
    (release / "merged" / "config.json").write_bytes(b"{}")
    *_, last = verify(read_release(release))
    assert last == Check("load", "release.json", Result.SKIPPED, "files are not loaded if a check has failed")


def test_failed_checks_exit_with_one(release: Path) -> None:
    """Each failure is a line with its reason."""
    (release / "merged" / "config.json").unlink()
    result = CliRunner().invoke(main.app, ["verify", str(release), "--quick"])
    assert result.exit_code == 1
    assert "failed  checksum merged/config.json: not here" in result.stdout


@pytest.mark.parametrize(
    "arguments, kind, message",
    [
        (["pull", "tiny"], UsageError, "not of the form ORG/NAME"),
        (["pull", "org/tiny", "--part", "onnx"], UsageError, "a release has no part 'onnx'"),
        (["verify", "missing"], UsageError, "not of the form ORG/NAME"),
        (["verify", "."], InputError, "no release.json in it"),
    ],
)
def test_wrong_usage_is_told(
    arguments: list[str], kind: type[Exception], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that are none are refused before anything is asked."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main.app, arguments)
    assert isinstance(result.exception, kind)
    assert message in str(result.exception)
