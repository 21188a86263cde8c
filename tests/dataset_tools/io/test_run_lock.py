"""Exclusive lock on an output folder."""

from pathlib import Path

import pytest

from dataset_tools.errors import OutputError, UsageError
from dataset_tools.io.atomic_folder import only_run


def test_a_second_run_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    """The folder is free afterwards; other folders are never locked."""
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


def test_an_empty_new_folder_is_removed(tmp_path: Path) -> None:
    """A new folder that stays empty is removed; an existing one stays."""
    with only_run(tmp_path / "new"):
        assert (tmp_path / "new").is_dir()
    assert not (tmp_path / "new").exists()
    (tmp_path / "old").mkdir()
    with only_run(tmp_path / "old"):
        pass
    assert (tmp_path / "old").is_dir()


def test_other_paths_are_refused(tmp_path: Path) -> None:
    """A file under the name is a usage error; a folder that cannot be created is an output error."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"), only_run(tmp_path / "file"):
        pass
    with pytest.raises(OutputError), only_run(tmp_path / "file" / "folder"):
        pass
