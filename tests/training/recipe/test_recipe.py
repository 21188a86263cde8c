"""The recipe: what the file says and nothing else; every mistake in it is told at once."""

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from jsonschema import Draft202012Validator

import schemas
from dataset_tools.errors import InputError, UsageError
from training.recipe import recipe as recipes
from training.recipe.recipe import Recipe, load_recipe, recipe_names, recipe_problems

FOLDER = Path(recipes.__file__).parent / "recipes"
T4 = FOLDER / "t4.toml"
LINES = T4.read_text(encoding="utf-8").splitlines()
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def _values() -> dict[str, Any]:
    return tomllib.loads(T4.read_text(encoding="utf-8"))


def _problems(section: str = "", **changes: Any) -> list[str]:
    """What is wrong with t4 after changes; None takes a value away."""
    values = _values()
    place = values[section] if section else values
    place.update(changes)
    for key in [key for key, value in changes.items() if value is None]:
        del place[key]
    return list(recipe_problems(values))


def test_t4_is_the_recipe() -> None:
    """The fixed recipe has the values that it is known by."""
    t4 = load_recipe("t4")
    assert t4.name == "t4"
    assert (t4.model.base, t4.model.max_seq_length) == ("unsloth/functiongemma-270m-it", 4096)
    assert (t4.model.load_in_4bit, t4.model.full_finetuning, t4.seed) == (False, False, 3407)
    assert (t4.lora.r, t4.lora.alpha, t4.lora.scaling, t4.lora.dropout, t4.lora.bias) == (32, 64, 2.0, 0.0, "none")
    assert t4.lora.targets == tuple(TARGETS)
    assert t4.lora.gradient_checkpointing == "unsloth"
    assert (t4.optimizer.gpu, t4.optimizer.cpu, t4.optimizer.max_grad_norm) == ("adamw_8bit", "adamw_torch", 1.0)
    assert (t4.schedule.warmup_steps, t4.schedule.peak_learning_rate) == (200, 1e-3)
    assert (t4.precision.gpu_without_bf16, t4.hardware.device) == ("float32-compute", "gpu")
    assert t4.batch.rows_per_step == 16


def test_both_recipes_come_with_the_project() -> None:
    """The bundled recipes have names of their own, and each is whole."""
    assert recipe_names() == ["demo", "t4"]
    assert {load_recipe(name).name for name in recipe_names()} == {"demo", "t4"}


@pytest.mark.parametrize(
    "line", [line for line in T4.read_text(encoding="utf-8").splitlines() if "=" in line.split("#")[0]]
)
def test_every_value_of_t4_says_why(line: str) -> None:
    """No value stands in the file without a comment on its line."""
    assert re.search(r"#\s*\w", line), line


def test_a_file_is_a_custom_recipe(tmp_path: Path) -> None:
    """Any file is named custom, even one that says the same; the fingerprint goes by the values alone."""
    path = tmp_path / "mine.toml"
    path.write_text(T4.read_text(encoding="utf-8").replace("alpha = 64 ", "alpha = 64.0 "), encoding="utf-8")
    mine = load_recipe(str(path))
    assert mine.name == "custom"
    assert mine.fingerprint() == load_recipe("t4").fingerprint()
    path.write_text(T4.read_text(encoding="utf-8").replace("rows = 4 ", "rows = 2 "), encoding="utf-8")
    assert load_recipe(str(path)).fingerprint() != load_recipe("t4").fingerprint()


def test_a_recipe_is_frozen() -> None:
    """No value of a recipe can be changed once it is there."""
    t4 = load_recipe("t4")
    with pytest.raises(dataclasses.FrozenInstanceError):
        t4.lora.r = 16  # type: ignore[misc]


@pytest.mark.parametrize(
    "section, changes, expected",
    [
        ("lora", {"rank": 32}, ["lora: unknown rank"]),
        ("", {"sed": 1, "lorra": {}}, ["the file: unknown sed, lorra"]),
        ("lora", {"r": None}, ["lora: r is missing"]),
        ("", {"schedule": None}, ["the file: schedule is missing"]),
        ("lora", {"r": "32"}, ["lora.r: '32' is no integer"]),
        ("lora", {"r": True}, ["lora.r: True is no integer"]),
        ("schedule", {"warmup_steps": 200.0}, ["schedule.warmup_steps: 200.0 is no integer"]),
        ("optimizer", {"beta1": float("nan")}, ["optimizer.beta1: nan is no number"]),
        ("optimizer", {"beta2": 1.0}, ["optimizer.beta2: 1.0 is greater than or equal to the maximum of 1"]),
        ("lora", {"r": 0}, ["lora.r: 0 is less than the minimum of 1"]),
        ("lora", {"targets": ["q_proj", "head"]}, [f"lora.targets.1: 'head' is not one of {TARGETS}"]),
        ("model", {"load_in_4bit": True}, ["model.load_in_4bit: True is not False"]),
        ("precision", {"cpu": "float16"}, ["precision.cpu: 'float16' is not one of ['bfloat16', 'float32']"]),
        ("schedule", {"peak_learning_rate": 1e-6}, ["schedule.final_learning_rate: it is greater than the peak"]),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(section: str, changes: dict[str, Any], expected: list[str]) -> None:
    """Unknown keys, missing ones, wrong types and values out of range are each told in a few words."""
    assert _problems(section, **changes) == expected


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """One line names the file and everything that is wrong with it."""
    text = T4.read_text(encoding="utf-8")
    text = text.replace("r = 32 ", "r = -1 ").replace("epochs = 3 ", 'epochs = "3" ').replace("rows = 4 ", "row = 4 ")
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_recipe(str(path))
    assert str(caught.value) == (
        f"{path}: 4 problems: batch: rows is missing; batch: unknown row; lora.r: -1 is less than the minimum of 1; "
        "schedule.epochs: '3' is no integer (docs/recipe.md explains each value)"
    )


def test_what_is_no_recipe_is_refused(tmp_path: Path) -> None:
    """A name that is neither ours nor a file, a file that is no TOML: one line each."""
    with pytest.raises(UsageError, match=r"there is no recipe 't5' \(demo, t4, or a TOML file\)"):
        load_recipe("t5")
    path = tmp_path / "mine.toml"
    path.write_text("r = = 3", encoding="utf-8")
    with pytest.raises(InputError, match="not a recipe: Invalid value"):
        load_recipe(str(path))


def test_types_and_schema_say_the_same() -> None:
    """Each section has the schema's keys in its order, and the file has them in that order too."""
    schema = schemas.load("recipe")
    Draft202012Validator.check_schema(schema)
    hints = get_type_hints(Recipe)
    assert [name for name in hints if name != "name"] == list(schema["properties"]) == list(_values())
    for name, kind in hints.items():
        if dataclasses.is_dataclass(kind):
            shape = schema["properties"][name]
            assert [field.name for field in dataclasses.fields(kind)] == list(shape["properties"]) == shape["required"]
            assert list(_values()[name]) == list(shape["properties"])
            assert shape["additionalProperties"] is False
    numbers = set(get_args(recipes.Number))
    assert all(set(where["enum"]) <= numbers for where in schema["properties"]["precision"]["properties"].values())
