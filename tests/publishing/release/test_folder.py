"""A release on its way: what a kill left at its very first file, and whose fault a file is that cannot be read."""

from pathlib import Path

import pytest

from dataset_tools.errors import InputError, OutputError, UsageError
from publishing.release.folder import ReleaseFolder


def test_a_kill_at_the_first_file_leaves_a_folder_that_is_empty(tmp_path: Path) -> None:
    """What a writer of ours left half done is removed; what is somebody else's is not touched, and refused."""
    left = tmp_path / "..export.json.0123456789abcdef.partial"
    left.write_text('{"st', encoding="utf-8")
    assert not ReleaseFolder(tmp_path).complete
    assert not left.exists()
    other = tmp_path / ".train.jsonl.0123456789abcdef.partial"
    other.write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="the folder is not empty"):
        ReleaseFolder(tmp_path)
    assert other.exists()


def test_a_file_of_the_run_that_is_gone_is_no_fault_of_the_release(tmp_path: Path) -> None:
    """It is named as what could not be read, with the code of an input; nothing of the step stays."""
    missing = tmp_path / "run" / "adapter" / "chat_template.jinja"
    folder = ReleaseFolder(tmp_path / "release")
    with pytest.raises(InputError) as error, folder.making("merged"):
        missing.read_bytes()
    hint = "the run and its base must be complete"
    assert str(error.value) == f"{missing}: cannot be read: No such file or directory ({hint})"
    assert [path.name for path in (tmp_path / "release").iterdir()] == [".export.json"]


def test_what_cannot_be_written_is_told_of_the_release(tmp_path: Path) -> None:
    """A name below the folder, or an error of the disk that names no file, as writing has."""
    folder = ReleaseFolder(tmp_path / "release")
    with pytest.raises(OutputError) as error, folder.making("merged") as staging:
        (staging / "none" / "x").write_bytes(b"")
    assert str(error.value).startswith(f"{folder.path}: No such file or directory")
    with pytest.raises(OutputError, match="no space left"), folder.making("merged"):
        raise OSError(28, "No space left on device")
