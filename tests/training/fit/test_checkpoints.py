"""Checkpoints are used only if they are sealed and undamaged."""

from pathlib import Path

import pytest

from dataset_tools.errors import InputError
from training.fit.checkpoints import SEAL, Checkpoint, last_good, remove_stale, seal


def _write(folder: Path, step: int, *, sealed: bool = True) -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "adapter_model.safetensors").write_bytes(b"weights %d" % step)
    (checkpoint / "trainer_state.json").write_text("{}", encoding="utf-8")
    (checkpoint / "training_args.bin").write_bytes(b"a pickle")
    if sealed:
        seal(checkpoint)
    return checkpoint


def test_the_newest_sealed_one_is_used(tmp_path: Path) -> None:
    """Checkpoints are ordered by number, not by name; unsealed ones and other folders are ignored."""
    for step in (90, 100):
        _write(tmp_path, step)
    _write(tmp_path, 110, sealed=False)
    (tmp_path / "checkpoint-last").mkdir()
    warnings: list[str] = []
    assert last_good(tmp_path, warnings.append) == Checkpoint(tmp_path / "checkpoint-100", 100)
    assert warnings == []


def test_a_sealed_checkpoint_has_no_pickle(tmp_path: Path) -> None:
    """The trainer's pickled arguments are removed before the files are hashed."""
    assert sorted(path.name for path in _write(tmp_path, 1).iterdir()) == [
        "adapter_model.safetensors", SEAL, "trainer_state.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name, content, damage",
    [
        ("adapter_model.safetensors", b"weights 20", None),
        ("adapter_model.safetensors", b"weights 21", "adapter_model.safetensors has changed"),
        ("adapter_model.safetensors", b"", "adapter_model.safetensors has changed"),
        ("adapter_model.safetensors", None, "adapter_model.safetensors is missing"),
        (SEAL, b"{", f"{SEAL} cannot be read"),
        (SEAL, b"[]", f"{SEAL} cannot be read"),
        (SEAL, b'{"files": []}', f"{SEAL} cannot be read"),
    ],
)
def test_a_damaged_one_is_reported_and_skipped(
    tmp_path: Path, name: str, content: bytes | None, damage: str | None
) -> None:
    """A missing file, a changed file and an unreadable seal are damage."""
    _write(tmp_path, 10)
    newest = _write(tmp_path, 20)
    if content is None:
        (newest / name).unlink()
    else:
        (newest / name).write_bytes(content)
    warnings: list[str] = []
    found = last_good(tmp_path, warnings.append)
    assert found is not None
    assert found.step == (10 if damage else 20)
    assert warnings == ([f"{newest}: damaged ({damage}); trying the one before it"] if damage else [])


def test_without_a_good_checkpoint(tmp_path: Path) -> None:
    """A run without a sealed checkpoint starts again; if all are damaged, that is an error."""
    warnings: list[str] = []
    assert last_good(tmp_path / "nothing", warnings.append) is None
    _write(tmp_path, 5, sealed=False)
    assert last_good(tmp_path, warnings.append) is None
    assert warnings == ["no checkpoint yet: the run starts again"] * 2
    (_write(tmp_path, 10) / "trainer_state.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match=r"every checkpoint is damaged \(train again without --resume, into another"):
        last_good(tmp_path, warnings.append)


def test_newer_and_unsealed_ones_are_removed(tmp_path: Path) -> None:
    """A resume at step 20 leaves no checkpoint that a later resume could use by mistake."""
    for step in (10, 20, 30):
        _write(tmp_path, step)
    _write(tmp_path, 15, sealed=False)
    remove_stale(tmp_path, 20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-20"]
