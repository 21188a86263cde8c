"""Checkpoints are trusted by their seal alone: half-written and damaged ones are found and passed over."""

from pathlib import Path

import pytest

from dataset_tools.errors import InputError
from training.fit.checkpoints import SEAL, Checkpoint, clear_unsealed, last_good, seal


def _write(folder: Path, step: int, *, sealed: bool = True) -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "adapter_model.safetensors").write_bytes(b"weights %d" % step)
    (checkpoint / "trainer_state.json").write_text("{}", encoding="utf-8")
    (checkpoint / "training_args.bin").write_bytes(b"a pickle")
    if sealed:
        seal(checkpoint)
    return checkpoint


def test_the_newest_sealed_one_is_taken(tmp_path: Path) -> None:
    """By number, not by name; what has no seal, or is no checkpoint, is as if it were not there."""
    for step in (90, 100):
        _write(tmp_path, step)
    _write(tmp_path, 110, sealed=False)
    (tmp_path / "checkpoint-last").mkdir()
    told: list[str] = []
    assert last_good(tmp_path, told.append) == Checkpoint(tmp_path / "checkpoint-100", 100)
    assert told == []


def test_a_seal_leaves_no_pickle(tmp_path: Path) -> None:
    """The trainer's pickled arguments are removed before the hashes are taken."""
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
def test_a_damaged_one_is_told_and_passed_over(
    tmp_path: Path, name: str, content: bytes | None, damage: str | None
) -> None:
    """A file that is missing or has changed, and a seal that cannot be read."""
    _write(tmp_path, 10)
    newest = _write(tmp_path, 20)
    if content is None:
        (newest / name).unlink()
    else:
        (newest / name).write_bytes(content)
    told: list[str] = []
    found = last_good(tmp_path, told.append)
    assert found is not None
    assert found.step == (10 if damage else 20)
    assert told == ([f"{newest}: damaged ({damage}); the one before it is looked for"] if damage else [])


def test_no_checkpoint_and_no_good_one(tmp_path: Path) -> None:
    """Where none was sealed the run begins again; where all are damaged it does not guess."""
    told: list[str] = []
    assert last_good(tmp_path / "nothing", told.append) is None
    _write(tmp_path, 5, sealed=False)
    assert last_good(tmp_path, told.append) is None
    assert told == ["there is no checkpoint yet: the run begins again"] * 2
    (_write(tmp_path, 10) / "trainer_state.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match=r"every checkpoint is damaged \(train again without --resume, into another"):
        last_good(tmp_path, told.append)


def test_what_is_newer_or_half_written_is_cleared(tmp_path: Path) -> None:
    """After a resume at 20 nothing is left that a later resume could mistake for its own."""
    for step in (10, 20, 30):
        _write(tmp_path, step)
    _write(tmp_path, 15, sealed=False)
    clear_unsealed(tmp_path, 20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-20"]
