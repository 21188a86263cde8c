"""`docs/recipe.md` and `docs/training.md` agree with the code: numbers, names of tests, pictures, messages."""

import errno
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.training.bases import ROOT, load_figures
from training.base.base import Shape
from training.fit.estimates import lora_parameters
from training.fit.failures import explain
from training.recipe.recipe import load_recipe

DOCS = ROOT / "docs"
RECIPE = (DOCS / "recipe.md").read_text(encoding="utf-8")
TRAINING = (DOCS / "training.md").read_text(encoding="utf-8")
SHAPE = Shape(18, 640, 2048, 4, 1, 256, 262_144)
T4 = load_recipe("t4")
MIB, GIB = 2**20, 2**30


@pytest.fixture
def figures() -> ModuleType:
    """The script that draws the figures."""
    return load_figures()


def test_every_test_that_holds_a_formula_exists() -> None:
    """Each section with a formula names tests that exist."""
    named = set(re.findall(r"`(test_\w+)`", RECIPE))
    defined = {name for path in (ROOT / "tests").rglob("test_*.py") for name in _tests(path)}
    assert len(named) >= 14
    assert named <= defined
    for section in RECIPE.split("\n## ")[1:]:
        if "```text" in section:
            assert "\nTested by `test_" in section, section[:40]


def _tests(path: Path) -> list[str]:
    return re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_table_of_matrices_is_counted() -> None:
    """Each row of the table has the matrix's sizes, its adapter's parameters and their share."""
    total = 0
    for name, (inputs, outputs) in SHAPE.matrices.items():
        one = lora_parameters(SHAPE, T4.lora.r, (name,)) // SHAPE.layers
        row = f"| `{name}` | {inputs:,} x {outputs:,} | {inputs * outputs:,} | {one:,} | {one / inputs / outputs:.1%} |"
        assert row in RECIPE
        total += inputs * outputs
    total *= SHAPE.layers
    adapter = lora_parameters(SHAPE, T4.lora.r, T4.lora.targets)
    assert f"| 18 layers of them | | {total:,} | {adapter:,} | {adapter / total:.1%} |" in RECIPE


def test_the_numbers_in_the_text_are_counted() -> None:
    """Parameters, megabytes and gibibytes of the page follow from the shape and the recipe."""
    adapter = lora_parameters(SHAPE, T4.lora.r, T4.lora.targets)
    model = SHAPE.body + SHAPE.embedding
    tokens = T4.batch.rows * T4.model.max_seq_length
    layers = json.loads((DOCS / "figures" / "measured" / "layers.json").read_text(encoding="utf-8"))
    kept, again = layers["bytes"]["kept"]["18"], layers["bytes"]["recomputed"]["18"]
    times = tokens // layers["tokens"]
    expected = [
        f"Of the {model / 1e6:.1f} million parameters, {SHAPE.embedding / 1e6:.1f} million are those vectors",
        f"{SHAPE.body / 1e6:.1f} million are in the layers",
        f"{adapter / model:.1%} of the model's parameters are trained",
        f"a file of {4 * adapter / 1e6:.0f} MB; the model has {2 * model / 1e6:.0f} MB",
        f"averages of the adapter take {10 * adapter / GIB:.2f} GiB",
        f"they would take {16 * model / GIB:.1f} GiB",
        f"save {2 * adapter / 1e6:.0f} MB of file and {5 * adapter / GIB:.2f} GiB of memory",
        f"The change is multiplied by `alpha / r = {T4.lora.scaling:g}`",
        f"At 18 layers {kept / MIB:,.0f} MiB are kept",
        f"or {again / MIB:.1f} MiB with checkpointing",
        f"{kept * times / GIB:.1f} GiB, which no T4 has, or {again * times / GIB:.2f} GiB",
        f"for each token are {4 * SHAPE.vocabulary * tokens / GIB:.0f} GiB in 32 bits",
        f"200 steps see {T4.schedule.warmup_steps * T4.batch.rows_per_step:,} rows",
        f"which saves {6 * adapter / MIB:.0f} MiB here",
    ]
    text = re.sub(r"\s+", " ", RECIPE)
    assert [words for words in expected if words.lower() not in text.lower()] == []


def test_the_measured_run_is_of_this_recipe(figures: ModuleType) -> None:
    """The run in the figures was trained with the recipe's values, and its learning rates follow the formula."""
    facts, steps = figures.read_run()
    schedule = T4.schedule
    assert facts["schedule"]["peak_learning_rate"] == schedule.peak_learning_rate
    assert facts["schedule"]["warmup_steps"] == schedule.warmup_steps
    assert facts["optimizer"] == T4.values()["optimizer"]
    rates = figures.formula(facts, len(steps))
    assert [step["learning_rate"] for step in steps] == pytest.approx(rates, rel=1e-9)
    norms = [step["gradient_norm"] for step in steps]
    assert f"Of its {len(norms)} steps {sum(norm > 1 for norm in norms)} were clipped" in re.sub(r"\s+", " ", RECIPE)
    assert f"and {sum(norm > 1 for norm in norms[-200:])} of the last" in re.sub(r"\s+", " ", RECIPE)


def test_memory_on_a_gpu_is_what_was_measured(figures: ModuleType) -> None:
    """The numbers of the page are those of the benchmark's results."""
    recipe, plain = figures.gpu_memory().values()
    held = next(entry for entry in json.loads(figures.GPU.read_text(encoding="utf-8")) if "held" in entry["side"])
    text = re.sub(r"\s+", " ", RECIPE)
    for points, rest in ((recipe, " GiB above the resting model"), (plain, " GiB.")):
        assert [layers for layers, _ in points] == [2, 6, 18]
        assert "{:.2f}, {:.2f} and {:.2f}".format(*(size for _, size in points)) + rest in text
    assert f"the whole peak is {held['peak_gib']:.2f} GiB" in text


def test_figures_are_drawn(figures: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The script draws each picture of the page, and for the GPU the sides with several numbers of layers."""
    entry: dict[str, Any] = {"resting_gib": 0.5, "peak_gib": 1.0}
    sides = [
        "recipe, bfloat16",
        "recipe, bfloat16, 2 layers",
        "TRL + PEFT, bfloat16, recomputing",
        "recipe, x, held to",
    ]
    measured = [{**entry, "side": side} for side in sides] + [{"side": "TRL, 2 layers", "error": "no memory"}]
    (tmp_path / "gpu.json").write_text(json.dumps(measured), encoding="utf-8")
    monkeypatch.setattr(figures, "IMAGES", tmp_path)
    monkeypatch.setattr(figures, "GPU", tmp_path / "gpu.json")
    assert figures.gpu_memory() == {"recipe, bfloat16": [(2, 0.5), (18, 0.5)]}
    figures.main()
    shown = set(re.findall(r"images/(recipe-[\w-]+\.png)", RECIPE))
    assert {path.name for path in tmp_path.glob("*.png")} == shown
    assert all((DOCS / "images" / name).is_file() for name in shown)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), OSError(errno.ENOSPC, ""), RuntimeError("CUDA error: …")],
    ids=["memory", "disk", "GPU"],
)
def test_the_page_has_the_printed_messages(error: Exception) -> None:
    """The table has each message word for word, up to the hint about the checkpoint."""
    explained = explain(error, "run", "…")
    assert explained is not None
    row = next(line for line in TRAINING.splitlines() if str(explained).removesuffix("…)") in line)
    assert f"| {explained.exit_code} |" in row
