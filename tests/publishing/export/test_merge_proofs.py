"""Checks of a merge: each tensor is the base's, or the base's plus the adapter's change."""

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from dataset_tools.errors import ProofError
from publishing.export.merge import WEIGHTS, tensor_differences, write_config
from publishing.export.proofs import Proofs

RANK, ALPHA, SIZE = 2, 4, 8
ADAPTED, OTHER, NORM = "layers.0.q_proj.weight", "layers.0.k_proj.weight", "norm.weight"

Folders = tuple[Path, Path, Path]
Damage = Callable[[dict[str, Any]], None]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A base of three tensors, an adapter for one of them, and both merged by hand."""
    chance = torch.Generator().manual_seed(7)
    base = {
        ADAPTED: torch.randn(SIZE, SIZE, generator=chance).bfloat16(),
        OTHER: torch.randn(SIZE, SIZE, generator=chance).bfloat16(),
        NORM: torch.randn(SIZE, generator=chance).bfloat16(),
    }
    down, up = torch.randn(RANK, SIZE, generator=chance), torch.randn(SIZE, RANK, generator=chance)
    prefix = f"base_model.model.{ADAPTED.removesuffix('.weight')}"
    adapter = {f"{prefix}.lora_A.weight": down, f"{prefix}.lora_B.weight": up}
    merged = {**base, ADAPTED: (base[ADAPTED].float() + ALPHA / RANK * (up @ down)).bfloat16()}
    found = tmp_path / "merged", tmp_path / "base", tmp_path / "adapter"
    for folder, tensors, name in zip(
        found, (merged, base, adapter), (WEIGHTS, WEIGHTS, "adapter_model.safetensors"), strict=True
    ):
        folder.mkdir()
        save_file(tensors, folder / name)
    (found[2] / "adapter_config.json").write_text(json.dumps({"r": RANK, "lora_alpha": ALPHA}), encoding="utf-8")
    return found


def _damage(path: Path, damage: Damage) -> None:
    tensors = load_file(path)
    damage(tensors)
    save_file(tensors, path)


def _put(name: str, place: tuple[int, ...], value: float) -> Damage:
    def damage(tensors: dict[str, Any]) -> None:
        tensors[name][place] = value

    return damage


def test_a_right_merge_has_no_differences(folders: Folders) -> None:
    """The expected tensor is the base plus scale times up times down, rounded to bfloat16."""
    assert list(tensor_differences(*folders)) == []


@pytest.mark.parametrize(
    "damage, message",
    [
        (_put(ADAPTED, (3, 5), 40.0), f"{ADAPTED} is not the base's plus the adapter's change, first at [3, 5]"),
        (_put(OTHER, (0, 1), 0.5), f"{OTHER} differs from the base's, but the adapter does not change it"),
        (_put(NORM, (7,), 0.5), f"{NORM} differs from the base's, but the adapter does not change it"),
        (_put(ADAPTED, (0, 0), float("nan")), f"{ADAPTED} holds NaN or infinity"),
        (_put(OTHER, (7, 7), float("-inf")), f"{OTHER} holds NaN or infinity"),
        (lambda tensors: tensors.pop(OTHER), f"{OTHER} is only in the base"),
        (lambda tensors: tensors.update(more=torch.zeros(1)), "more is only in the merged weights"),
        (lambda tensors: tensors.update({NORM: torch.zeros(3)}), f"{NORM} has the shape [3], not [8]"),
    ],
    ids=["adapted", "not-adapted", "norm", "nan", "infinity", "missing", "more", "shape"],
)
def test_one_damaged_tensor_is_named(folders: Folders, damage: Damage, message: str) -> None:
    """One number of one tensor is enough, and so is a missing or superfluous tensor."""
    _damage(folders[0] / WEIGHTS, damage)
    assert list(tensor_differences(*folders)) == [message]


def test_a_step_of_rounding_is_a_difference(folders: Folders) -> None:
    """A number may be rounded up or down, but not further; merging in 16 bits would fail."""
    place = (1, 1)
    number = load_file(folders[0] / WEIGHTS)[ADAPTED][place].item()
    _damage(folders[0] / WEIGHTS, _put(ADAPTED, place, number * (1 + 2**-6)))
    message = f"{ADAPTED} is not the base's plus the adapter's change, first at {list(place)}"
    assert list(tensor_differences(*folders)) == [message]


def test_an_adapter_without_a_change_fails(folders: Folders) -> None:
    """Merged weights that equal the base in every tensor fail."""
    merged, base, adapter = folders
    _damage(adapter / "adapter_model.safetensors", lambda tensors: [part.zero_() for part in tensors.values()])
    (merged / WEIGHTS).write_bytes((base / WEIGHTS).read_bytes())
    (message,) = tensor_differences(*folders)
    assert message.startswith("no tensor differs")


def test_a_tensor_that_the_base_lacks_is_named(folders: Folders) -> None:
    """An adapter of another model fails."""
    name = "layers.9.q_proj.weight"

    def rename(tensors: dict[str, Any]) -> None:
        for old in list(tensors):
            tensors[old.replace("layers.0", "layers.9")] = tensors.pop(old)

    _damage(folders[2] / "adapter_model.safetensors", rename)
    found = list(tensor_differences(*folders))
    assert found[0] == f"the adapter changes {name}, which the base does not have"
    assert [message.split()[0] for message in found[1:]] == [ADAPTED]


def test_a_failed_check_raises_with_its_first_difference(folders: Folders) -> None:
    """Passed checks are reported; the error has the part, the first difference, and exit code 5."""
    lines: list[str] = []
    proofs = Proofs("merged/", lines.append)
    proofs.hold("each tensor is right", tensor_differences(*folders))
    _damage(folders[0] / WEIGHTS, _put(NORM, (0,), float("nan")))
    _damage(folders[0] / WEIGHTS, _put(OTHER, (0, 0), float("nan")))
    with pytest.raises(ProofError) as error:
        proofs.hold("each tensor is a number", tensor_differences(*folders))
    assert str(error.value) == f"merged/: {OTHER} holds NaN or infinity; 1 more (nothing of it was kept)"
    assert error.value.exit_code == 5
    assert lines == ["merged/", "  ✓ each tensor is right"]
    assert proofs.held == ["each tensor is right"]


def test_the_configuration_names_a_version_of_transformers(tmp_path: Path) -> None:
    """Without one, transformers suspects Mistral's tokenizer in every large vocabulary; the base's own is kept."""
    for found, expected in (({}, version("transformers")), ({"transformers_version": "4.57.3"}, "4.57.3")):
        (tmp_path / "config.json").write_text(json.dumps(found), encoding="utf-8")
        write_config(tmp_path, tmp_path)
        written = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
        assert written["transformers_version"] == expected
