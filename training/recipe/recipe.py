"""The recipe: one frozen object with every value that decides how a model is trained.

A recipe is a TOML file. ``t4`` and ``demo`` come with the project; any other file is a custom recipe. No value has a
default: a missing or unknown key is an error, and all errors are reported together.
"""

import hashlib
import json
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, WrapValidator, model_validator
from pydantic.dataclasses import dataclass

from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.json_text import dump_text

__all__ = [
    "Batch",
    "Dtype",
    "Hardware",
    "Intervals",
    "Lora",
    "Model",
    "Optimizer",
    "Precision",
    "Recipe",
    "Schedule",
    "flat_values",
    "load_recipe",
    "parse_recipe",
    "recipe_names",
]

_FOLDER = Path(__file__).parent / "recipes"
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_WORDS = {"missing": "missing", "unexpected_keyword_argument": "unknown key", "dataclass_type": "not a table"}


def _validate_only(value: Any, check: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - any value of a recipe
    """Validate a number, but keep 64 as 64 instead of 64.0, as run.json and the adapter's configuration had it."""
    check(value)
    return value


def _distinct(targets: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(targets)) < len(targets):
        raise ValueError("a matrix is listed twice")
    return targets


Dtype: TypeAlias = Literal["bfloat16", "float32", "float32-compute"]
_Matrix: TypeAlias = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
_Number = Annotated[float, WrapValidator(_validate_only)]
_Positive = Annotated[_Number, Field(gt=0)]
_Fraction = Annotated[_Number, Field(ge=0, lt=1)]
_Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True, config=_STRICT)
class Hardware:
    """The hardware that the recipe is for: ``gpu`` if it needs one, else ``any``, and the memory limit of the run."""

    device: Literal["gpu", "any"]
    memory_gib: _Positive


@dataclass(frozen=True, slots=True, config=_STRICT)
class Model:
    """The base: a folder, ``tiny`` for the bundled one, or ``ORG/NAME`` on the Hub at a revision."""

    base: Annotated[str, Field(min_length=1)]
    revision: str
    max_seq_length: Annotated[int, Field(ge=1, le=32768)]
    load_in_4bit: Literal[False]
    full_finetuning: Literal[False]


@dataclass(frozen=True, slots=True, config=_STRICT)
class Precision:
    """The dtype of the base by hardware; ``float32-compute`` stores weights in 16 bits and computes in float32."""

    gpu_with_bf16: Dtype
    gpu_without_bf16: Literal["float32", "float32-compute"]
    cpu: Literal["bfloat16", "float32"]


@dataclass(frozen=True, slots=True, config=_STRICT)
class Lora:
    """The adapter: ``h = W0 x + (alpha / r) B A x`` for each target matrix."""

    r: Annotated[int, Field(ge=1, le=256)]
    alpha: _Positive
    dropout: _Fraction
    bias: Literal["none"]
    targets: Annotated[tuple[_Matrix, ...], Field(min_length=1), AfterValidator(_distinct)]
    gradient_checkpointing: Literal["unsloth", "true", "false"]

    @property
    def scaling(self) -> float:
        """The factor ``alpha / r`` of the adapter's output."""
        return self.alpha / self.r


@dataclass(frozen=True, slots=True, config=_STRICT)
class Optimizer:
    """AdamW: its implementation on a GPU and on a CPU, its constants, and the norm that gradients are clipped to."""

    gpu: Literal["adamw_8bit", "adamw_torch"]
    cpu: Literal["adamw_torch"]
    beta1: _Fraction
    beta2: _Fraction
    epsilon: _Positive
    weight_decay: Annotated[_Number, Field(ge=0, le=1)]
    max_grad_norm: _Positive


@dataclass(frozen=True, slots=True, config=_STRICT)
class Schedule:
    """Linear warmup from 0 to the peak learning rate, then cosine decay to the final one."""

    epochs: Annotated[int, Field(ge=1, le=1000)]
    warmup_steps: Annotated[int, Field(ge=0)]
    peak_learning_rate: Annotated[_Number, Field(gt=0, le=1)]
    final_learning_rate: Annotated[_Number, Field(ge=0, le=1)]

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.final_learning_rate > self.peak_learning_rate:
            raise ValueError("final_learning_rate is greater than peak_learning_rate")
        return self


@dataclass(frozen=True, slots=True, config=_STRICT)
class Batch:
    """Rows per batch, and the number of batches whose gradients make one step."""

    rows: _Count
    accumulation: _Count

    def steps(self, rows: int) -> int:
        """Return the steps of one pass over ``rows`` rows; the last batch and the last step may hold fewer rows."""
        return math.ceil(math.ceil(rows / self.rows) / self.accumulation)

    @property
    def rows_per_step(self) -> int:
        """The number of rows in one step."""
        return self.rows * self.accumulation


@dataclass(frozen=True, slots=True, config=_STRICT)
class Intervals:
    """Steps between log lines, evaluations and checkpoints, and the number of checkpoints to keep."""

    log_steps: Literal[1]
    eval_steps: _Count
    save_steps: _Count
    keep_checkpoints: Annotated[int, Field(ge=1, le=100)]


@dataclass(frozen=True, slots=True, config=_STRICT)
class Recipe:
    """Every value that decides how a model is trained; ``name`` is ``custom`` for a file that is not bundled."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    hardware: Hardware
    model: Model
    precision: Precision
    lora: Lora
    optimizer: Optimizer
    schedule: Schedule
    batch: Batch
    intervals: Intervals
    name: str = field(init=False, default="custom")

    def values(self) -> dict[str, Any]:
        """Return the recipe as plain data, as in the file."""
        found = asdict(self)
        del found["name"]
        found["lora"]["targets"] = list(self.lora.targets)
        return found

    def fingerprint(self) -> str:
        """Return the SHA-256 of all values without the name: equal for recipes that give the same training."""
        return hashlib.sha256(dump_text(_sorted(self.values())).encode()).hexdigest()


def flat_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a recipe by ``section.key``, lists as text."""
    found: dict[str, Any] = {}
    for section, inner in values.items():
        named = (
            {f"{section}.{key}": value for key, value in inner.items()} if isinstance(inner, dict) else {section: inner}
        )
        found |= {key: ", ".join(value) if isinstance(value, list) else value for key, value in named.items()}
    return found


def recipe_names() -> list[str]:
    """Return the names of the bundled recipes."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_recipe(name: str) -> Recipe:
    """Load a recipe: one of :func:`recipe_names`, or a TOML file.

    Raises:
        InputError: the file cannot be read, or has wrong values; the message lists all of them.
        UsageError: there is no such recipe and no such file.
    """
    bundled = name in recipe_names()
    path = _FOLDER / f"{name}.toml" if bundled else Path(name)
    if not path.is_file():
        raise UsageError(f"there is no recipe {name!r}", hint=f"{', '.join(recipe_names())}, or a TOML file")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"not TOML: {error}", where=name, hint="docs/recipe.md describes a recipe") from error
    recipe = parse_recipe(values, name)
    if bundled:
        object.__setattr__(recipe, "name", name)
    return recipe


def parse_recipe(values: dict[str, Any], where: str = "") -> Recipe:
    """Return the recipe that the values of a file make.

    Raises:
        InputError: values are missing, unknown or wrong; the message lists all of them.
    """
    try:
        # As JSON: strict validation of Python objects would refuse a list for a tuple and a dict for a section.
        return _adapter().validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        problems = [_problem(dict(detail)) for detail in error.errors(include_url=False)]
        what = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}: {'; '.join(problems)}"
        raise InputError(what, where=where, hint="docs/recipe.md explains each value") from None


@cache
def _adapter() -> TypeAdapter[Recipe]:
    return TypeAdapter(Recipe)


def _problem(error: dict[str, Any]) -> str:
    place = ".".join(map(str, error["loc"]))
    known = _WORDS.get(error["type"])
    return f"{place}: {known or error['msg'].removeprefix('Value error, ').replace('Input', repr(error['input']), 1)}"


def _sorted(value: Any) -> Any:  # noqa: ANN401 - any value of a recipe
    """Return the value with sorted keys and with integers as floats, so that 64 and 64.0 are equal."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
