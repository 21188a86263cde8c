"""A folder that one run at a time may write into."""

from pathlib import Path

import pytest

from dataset_tools.errors import OutputError, UsageError
from dataset_tools.io.run_lock import only_run


def test_who_comes_second_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    """The folder is free afterwards, and others are free all the time."""
    folder = tmp_path / "deep" / "folder"
    with only_run(folder):
        (folder / "file").touch()
        with pytest.raises(UsageError, match="another run is writing into this folder") as caught, only_run(folder):
            pass
        assert caught.value.exit_code == 2
        with only_run(tmp_path / "other"):
            pass
    with only_run(folder):
        assert [path.name for path in folder.iterdir()] == ["file"]


def test_nothing_is_left_of_a_run_that_made_nothing(tmp_path: Path) -> None:
    """A new folder that stays empty goes; one that was there stays."""
    with only_run(tmp_path / "new"):
        assert (tmp_path / "new").is_dir()
    assert not (tmp_path / "new").exists()
    (tmp_path / "old").mkdir()
    with only_run(tmp_path / "old"):
        pass
    assert (tmp_path / "old").is_dir()


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    """A file in its place is the user's mistake; a folder that cannot be made is the system's refusal."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"), only_run(tmp_path / "file"):
        pass
    with pytest.raises(OutputError), only_run(tmp_path / "file" / "folder"):
        pass
