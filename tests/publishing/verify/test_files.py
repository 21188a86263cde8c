"""Checks of the files of a release, without loading them."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from publishing.cli import main
from publishing.release.manifest import read_release
from publishing.verify.files import Result, VerifyCheck, verify_files
from publishing.verify.verify import verify
from tests.publishing.conftest import CARD, write_manifest


def _damage(release: Path, name: str, content: bytes | None) -> list[tuple[str, str, str]]:
    """Change or remove a file; return the failed checks."""
    path = release / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    return _failed(verify_files(read_release(release)))


def _failed(checks: Any) -> list[tuple[str, str, str]]:
    return [(check.what, check.where, check.detail) for check in checks if check.result is Result.FAILED]


@pytest.mark.parametrize(
    "name, content, wrong",
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
def test_each_difference_is_found(release: Path, name: str, content: bytes | None, wrong: tuple[str, str, str]) -> None:
    """Missing, truncated, changed and unknown files fail; a card may change."""
    assert _failed(verify_files(read_release(release))) == []
    assert _damage(release, "adapter/README.md", (CARD + "more").encode()) == []
    assert _damage(release, name, content) == [wrong]


def test_a_manifest_alone_fails(release: Path) -> None:
    """Verification fails if no file matches its record."""
    for part in ("merged", "adapter", "gguf"):
        shutil.rmtree(release / part)
    nothing = ("checksum", "release.json", "no file matches its record")
    assert _failed(verify_files(read_release(release))) == [nothing]
    assert CliRunner().invoke(main.app, ["verify", str(release)]).exit_code == 1
    (release / "release.json").write_text('{"files": {}}', encoding="utf-8")
    assert _failed(verify_files(read_release(release))) == [nothing]


def test_files_outside_the_parts_fail(release: Path) -> None:
    """A file outside the parts fails, listed or not, in the release's folder or below it."""
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


def test_invalid_headers_and_templates_fail(release: Path) -> None:
    """Files with a correct checksum but an invalid header or another chat template fail."""
    (release / "merged" / "model.safetensors").write_bytes(b"no weights")
    (release / "merged" / "chat_template.jinja").write_bytes(b"another")
    write_manifest(release)
    assert _failed(verify_files(read_release(release))) == [
        ("template", "gguf/tiny-Q8_0.gguf", "the chat template differs"),
        ("header", "merged/model.safetensors", "not a complete safetensors file"),
    ]


def test_damaged_files_are_not_loaded(release: Path) -> None:
    """After a failed check no library loads a file."""
    (release / "merged" / "config.json").write_bytes(b"{}")
    *_, last = verify(read_release(release))
    assert last == VerifyCheck("load", "release.json", Result.SKIPPED, "files are not loaded if a check has failed")


def test_failed_checks_exit_with_one(release: Path) -> None:
    """Each failed check is a line with its reason."""
    (release / "merged" / "config.json").unlink()
    result = CliRunner().invoke(main.app, ["verify", str(release), "--quick"])
    assert result.exit_code == 1
    assert "failed  checksum merged/config.json: not here" in result.stdout
