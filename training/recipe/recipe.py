"""The recipe: one frozen object that holds every value which decides how a model is trained.

A recipe is a TOML file; ``t4`` and ``demo`` come with the project, any other file is a custom one. Nothing has a
default: what the file does not say is an error, and all errors are told at once. ``recipe.schema.json`` says which
values there are and which make sense.
"""

import hashlib
import math
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import schemas
from dataset_tools.errors import InputError, UsageError
from dataset_tools.io.jsonl import dump_text

__all__ = [
    "Batch",
    "Hardware",
    "Intervals",
    "Lora",
    "Model",
    "Optimizer",
    "Precision",
    "Recipe",
    "Schedule",
    "load_recipe",
    "recipe_names",
    "recipe_problems",
]

_FOLDER = Path(__file__).parent / "recipes"
Number: TypeAlias = Literal["bfloat16", "float32", "float32-compute"]


@dataclass(frozen=True, slots=True)
class Hardware:
    """What the recipe is meant for: ``device`` is ``gpu`` where it needs one, ``any`` where it does not."""

    device: Literal["gpu", "any"]
    memory_gib: float


@dataclass(frozen=True, slots=True)
class Model:
    """The base: a folder, ``tiny`` for the bundled one, or ``ORG/NAME`` on the Hub at a revision."""

    base: str
    revision: str
    max_seq_length: int
    load_in_4bit: bool
    full_finetuning: bool


@dataclass(frozen=True, slots=True)
class Precision:
    """In what numbers the base computes; ``float32-compute`` keeps weights in 16 bits and computes in float32."""

    gpu_with_bf16: Number
    gpu_without_bf16: Number
    cpu: Number


@dataclass(frozen=True, slots=True)
class Lora:
    """The adapter: ``h = W0 x + (alpha / r) B A x`` for each target matrix."""

    r: int
    alpha: float
    dropout: float
    bias: Literal["none"]
    targets: tuple[str, ...]
    gradient_checkpointing: Literal["unsloth", "true", "false"]

    @property
    def scaling(self) -> float:
        """How many times the adapter's change counts."""
        return self.alpha / self.r


@dataclass(frozen=True, slots=True)
class Optimizer:
    """AdamW, by name for each kind of machine, and the length that gradients are clipped to."""

    gpu: str
    cpu: str
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    max_grad_norm: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """Linear warmup from 0 to the peak, then cosine decay to the final rate."""

    epochs: int
    warmup_steps: int
    peak_learning_rate: float
    final_learning_rate: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows computed at a time, and how many such batches make a step."""

    rows: int
    accumulation: int

    @property
    def rows_per_step(self) -> int:
        """Rows that a step learns from."""
        return self.rows * self.accumulation


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often what happens, in steps, and how many checkpoints are kept."""

    log_steps: int
    eval_steps: int
    save_steps: int
    keep_checkpoints: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides how a model is trained; ``name`` is ``custom`` for a file that is not ours."""

    name: str
    seed: int
    hardware: Hardware
    model: Model
    precision: Precision
    lora: Lora
    optimizer: Optimizer
    schedule: Schedule
    batch: Batch
    intervals: Intervals

    def values(self) -> dict[str, Any]:
        """The recipe as plain data, as the file has it."""
        found = asdict(self)
        del found["name"]
        found["lora"]["targets"] = list(self.lora.targets)
        return found

    def fingerprint(self) -> str:
        """A hash of all values: equal for two recipes exactly when they train alike, whatever their names."""
        return hashlib.sha256(dump_text(_sorted(self.values())).encode()).hexdigest()


_SECTIONS = {
    "hardware": Hardware,
    "model": Model,
    "precision": Precision,
    "lora": Lora,
    "optimizer": Optimizer,
    "schedule": Schedule,
    "batch": Batch,
    "intervals": Intervals,
}


def recipe_names() -> list[str]:
    """The recipes that come with the project."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_recipe(name: str) -> Recipe:
    """The recipe that ``name`` means: one of :func:`recipe_names`, or a file.

    Raises:
        InputError: the file cannot be read, or its values make no recipe; the message lists everything wrong with it.
        UsageError: there is no such recipe and no such file.
    """
    bundled = name in recipe_names()
    path = _FOLDER / f"{name}.toml" if bundled else Path(name)
    if not path.is_file():
        raise UsageError(f"there is no recipe {name!r}", hint=f"{', '.join(recipe_names())}, or a TOML file")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"not a recipe: {error}", where=name, hint="recipes are TOML, see docs/recipe.md") from error
    problems = list(recipe_problems(values))
    if problems:
        what = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}: {'; '.join(problems)}"
        raise InputError(what, where=name, hint="docs/recipe.md explains each value")
    return _recipe(name if bundled else "custom", values)


def recipe_problems(values: dict[str, Any]) -> Iterator[str]:
    """Everything that keeps ``values`` from being a recipe, each with its place."""
    from jsonschema import Draft202012Validator, validators

    # JSON Schema takes 200.0 for an integer; in a recipe it is a slip of the pen. Nor does it know nan.
    types = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
            "number": lambda _, value: type(value) is int or (isinstance(value, float) and math.isfinite(value)),
        }
    )
    checker = validators.extend(Draft202012Validator, type_checker=types)(schemas.load("recipe"))
    errors = sorted(checker.iter_errors(values), key=lambda error: [str(part) for part in error.absolute_path])
    found = [_problem(error) for error in errors]
    yield from found
    if not found:
        yield from _contradictions(values)


def _problem(error: Any) -> str:  # noqa: ANN401 - jsonschema publishes no types
    place = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        unknown = [key for key in error.instance if key not in known]
        return f"{place or 'the file'}: unknown {', '.join(unknown)}"
    if error.validator == "required":
        return f"{place or 'the file'}: {error.message.split()[0].strip(chr(39))} is missing"
    if error.validator == "type":
        return f"{place}: {error.instance!r} is no {error.validator_value}"
    if error.validator == "const":
        return f"{place}: {error.instance!r} is not {error.validator_value!r}"
    return f"{place}: {error.message}"


def _contradictions(values: dict[str, Any]) -> Iterator[str]:
    schedule = values["schedule"]
    if schedule["final_learning_rate"] > schedule["peak_learning_rate"]:
        yield "schedule.final_learning_rate: it is greater than the peak"


def _recipe(name: str, values: dict[str, Any]) -> Recipe:
    lora = {**values["lora"], "targets": tuple(values["lora"]["targets"])}
    sections = {key: kind(**{**values, "lora": lora}[key]) for key, kind in _SECTIONS.items()}
    return Recipe(name=name, seed=values["seed"], **sections)


def _sorted(value: Any) -> Any:  # noqa: ANN401 - any value of a recipe
    """The value with keys in order and whole numbers written alike, so that 64 and 64.0 are one."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
