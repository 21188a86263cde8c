"""Release folder during an export: unfinished files of a killed run, and errors of inputs and outputs."""

from pathlib import Path

import pytest

from dataset_tools.errors import InputError, OutputError, UsageError
from publishing.release.folder import ReleaseFolder


def test_unfinished_files_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    """An unfinished file of our own is removed; other files are kept, and the folder is refused."""
    left = tmp_path / "..export.json.0123456789abcdef.partial"
    left.write_text('{"st', encoding="utf-8")
    assert not ReleaseFolder(tmp_path).complete
    assert not left.exists()
    other = tmp_path / ".train.jsonl.0123456789abcdef.partial"
    other.write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="the folder is not empty"):
        ReleaseFolder(tmp_path)
    assert other.exists()


def test_a_missing_input_is_an_input_error(tmp_path: Path) -> None:
    """The error names the input; nothing of the step remains."""
    missing = tmp_path / "run" / "adapter" / "chat_template.jinja"
    folder = ReleaseFolder(tmp_path / "release")
    with pytest.raises(InputError) as error, folder.making("merged"):
        missing.read_bytes()
    hint = "the run and its base must be complete"
    assert str(error.value) == f"{missing}: cannot be read: No such file or directory ({hint})"
    assert [path.name for path in (tmp_path / "release").iterdir()] == [".export.json"]


def test_a_failed_write_is_an_output_error(tmp_path: Path) -> None:
    """Errors with a path below the folder, and disk errors without a path, are output errors."""
    folder = ReleaseFolder(tmp_path / "release")
    with pytest.raises(OutputError) as error, folder.making("merged") as staging:
        (staging / "none" / "x").write_bytes(b"")
    assert str(error.value).startswith(f"{folder.path}: No such file or directory")
    with pytest.raises(OutputError, match="no space left"), folder.making("merged"):
        raise OSError(28, "No space left on device")
