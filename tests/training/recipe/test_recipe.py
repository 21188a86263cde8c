"""The recipe has the values of its file; all mistakes are reported together."""

import dataclasses
import datetime as dt
import math
import re
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from dataset_tools.errors import InputError, UsageError
from training.recipe import recipe as recipes
from training.recipe.recipe import Recipe, load_recipe, parse_recipe, recipe_names

FOLDER = Path(recipes.__file__).parent / "recipes"
T4 = FOLDER / "t4.toml"
LINES = T4.read_text(encoding="utf-8").splitlines()
TARGETS = "'q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj' or 'down_proj'"


def _values() -> dict[str, Any]:
    return tomllib.loads(T4.read_text(encoding="utf-8"))


def _problems(section: str = "", **changes: Any) -> str:
    """Return the problems of t4 after changes; None removes a value."""
    values = _values()
    place = values[section] if section else values
    place.update(changes)
    for key in [key for key, value in changes.items() if value is None]:
        del place[key]
    with pytest.raises(InputError) as caught:
        parse_recipe(values)
    return caught.value.what.partition(": ")[2]


def test_t4_is_the_recipe() -> None:
    """The fixed recipe has its documented values."""
    t4 = load_recipe("t4")
    assert t4.name == "t4"
    assert (t4.model.base, t4.model.max_seq_length) == ("unsloth/functiongemma-270m-it", 4096)
    assert (t4.model.load_in_4bit, t4.model.full_finetuning, t4.seed) == (False, False, 3407)
    assert (t4.lora.r, t4.lora.alpha, t4.lora.scaling, t4.lora.dropout, t4.lora.bias) == (32, 64, 2.0, 0.0, "none")
    assert t4.lora.targets == ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    assert t4.lora.gradient_checkpointing == "unsloth"
    assert (t4.optimizer.gpu, t4.optimizer.cpu, t4.optimizer.max_grad_norm) == ("adamw_8bit", "adamw_torch", 1.0)
    assert (t4.schedule.warmup_steps, t4.schedule.peak_learning_rate) == (200, 1e-3)
    assert (t4.precision.gpu_without_bf16, t4.hardware.device) == ("float32-compute", "gpu")
    assert t4.batch.rows_per_step == 16


def test_both_recipes_come_with_the_project() -> None:
    """Both bundled recipes load under their names."""
    assert recipe_names() == ["demo", "t4"]
    assert {load_recipe(name).name for name in recipe_names()} == {"demo", "t4"}


@pytest.mark.parametrize(
    "line", [line for line in T4.read_text(encoding="utf-8").splitlines() if "=" in line.split("#")[0]]
)
def test_every_value_of_t4_says_why(line: str) -> None:
    """Every value in the file has a comment on its line."""
    assert re.search(r"#\s*\w", line), line


def test_a_file_is_a_custom_recipe(tmp_path: Path) -> None:
    """Any file is named custom; the fingerprint depends on the values only, and 64 is equal to 64.0."""
    path = tmp_path / "mine.toml"
    path.write_text(T4.read_text(encoding="utf-8").replace("alpha = 64 ", "alpha = 64.0 "), encoding="utf-8")
    mine = load_recipe(str(path))
    assert mine.name == "custom"
    assert mine.fingerprint() == load_recipe("t4").fingerprint()
    path.write_text(T4.read_text(encoding="utf-8").replace("rows = 4 ", "rows = 2 "), encoding="utf-8")
    assert load_recipe(str(path)).fingerprint() != load_recipe("t4").fingerprint()


def test_a_recipe_is_frozen() -> None:
    """No value of a recipe can be changed."""
    t4 = load_recipe("t4")
    with pytest.raises(dataclasses.FrozenInstanceError):
        t4.lora.r = 16  # type: ignore[misc]


@pytest.mark.parametrize(
    "section, changes, expected",
    [
        ("lora", {"rank": 32}, "lora.rank: unknown key"),
        ("", {"sed": 1, "lorra": {}}, "sed: unknown key; lorra: unknown key"),
        ("", {"name": "t4"}, "name: unknown key"),
        ("lora", {"r": None}, "lora.r: missing"),
        ("", {"schedule": None}, "schedule: missing"),
        ("", {"schedule": 3}, "schedule: not a table"),
        ("", {"seed": dt.date(2026, 1, 1)}, "seed: '2026-01-01' should be a valid integer"),
        ("lora", {"r": "32"}, "lora.r: '32' should be a valid integer"),
        ("lora", {"r": True}, "lora.r: True should be a valid integer"),
        ("schedule", {"warmup_steps": 200.0}, "schedule.warmup_steps: 200.0 should be a valid integer"),
        ("optimizer", {"beta1": math.nan}, "optimizer.beta1: nan should be a finite number"),
        ("optimizer", {"epsilon": math.inf}, "optimizer.epsilon: inf should be a finite number"),
        ("optimizer", {"beta2": 1.0}, "optimizer.beta2: 1.0 should be less than 1"),
        ("lora", {"r": 0}, "lora.r: 0 should be greater than or equal to 1"),
        ("lora", {"targets": ["q_proj", "head"]}, f"lora.targets.1: 'head' should be {TARGETS}"),
        ("lora", {"targets": ["q_proj", "q_proj"]}, "lora.targets: a matrix is listed twice"),
        ("model", {"load_in_4bit": True}, "model.load_in_4bit: True should be False"),
        ("precision", {"cpu": "float16"}, "precision.cpu: 'float16' should be 'bfloat16' or 'float32'"),
        ("schedule", {"peak_learning_rate": 1e-6}, "schedule: final_learning_rate is greater than peak_learning_rate"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_its_place(section: str, changes: dict[str, Any], expected: str) -> None:
    """Unknown and missing keys, wrong types and values out of range have one short message each."""
    assert _problems(section, **changes) == expected


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    """One line names the file and all problems."""
    text = T4.read_text(encoding="utf-8")
    text = text.replace("r = 32 ", "r = -1 ").replace("epochs = 3 ", 'epochs = "3" ').replace("rows = 4 ", "row = 4 ")
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_recipe(str(path))
    assert str(caught.value) == (
        f"{path}: 4 problems: lora.r: -1 should be greater than or equal to 1; schedule.epochs: '3' should be a valid "
        "integer; batch.rows: missing; batch.row: unknown key (docs/recipe.md explains each value)"
    )


def test_a_file_that_is_not_a_recipe_is_refused(tmp_path: Path) -> None:
    """An unknown name and a file that is not TOML are one line each."""
    with pytest.raises(UsageError, match=r"there is no recipe 't5' \(demo, t4, or a TOML file\)"):
        load_recipe("t5")
    path = tmp_path / "mine.toml"
    path.write_text("r = = 3", encoding="utf-8")
    with pytest.raises(InputError, match="not TOML: Invalid value"):
        load_recipe(str(path))


def test_the_file_has_the_order_of_the_types() -> None:
    """Sections and keys of t4.toml are in the order of the dataclasses."""
    hints = get_type_hints(Recipe)
    assert [name for name in hints if name != "name"] == list(_values())
    for name, kind in hints.items():
        if dataclasses.is_dataclass(kind):
            assert [field.name for field in dataclasses.fields(kind)] == list(_values()[name])
