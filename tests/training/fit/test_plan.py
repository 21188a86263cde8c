"""The dry run: its text, every reason why a run cannot start, and no side effects."""

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_tools.errors import InputError, UsageError
from dataset_tools.samples.reader import SampleFolder
from tests.training.bases import CONFIG, short_recipe, write_base
from training.base.base import Shape
from training.fit.estimates import estimate_memory, estimate_time, lora_parameters
from training.fit.plan import TrainingPlan, plan_training
from training.fit.text import plan_lines
from training.recipe.hardware import Gpu, Machine, dtype_for, first_gpu
from training.recipe.recipe import load_recipe

ROOT = Path(__file__).parents[3]
FUNCTIONGEMMA = Shape(18, 640, 2048, 4, 1, 256, 262_144)
T4 = Gpu("Tesla T4", 15.0, bf16=False)
MACHINE = Machine(None, cores=2, disk_free=10**12)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base without problems."""
    return write_base(tmp_path / "base")


@pytest.fixture
def plan(samples: Path, base: Path, tmp_path: Path) -> Callable[..., TrainingPlan]:
    """Returns a function that plans the demo recipe, or another, for a machine without a GPU, or another."""

    def make(recipe: str = "demo", data: Path = samples, base: Path = base, **options: Any) -> TrainingPlan:
        options = {"machine": MACHINE, **options}
        return plan_training(load_recipe(recipe), str(data), tmp_path / "run", base=str(base), **options)

    return make


def _rebuilt(samples: Path, target: Path, **facts: object) -> Path:
    """Copy a dataset and change facts in its build.json."""
    shutil.copytree(samples, target)
    known = json.loads((target / "build.json").read_text(encoding="utf-8"))
    (target / "build.json").write_text(json.dumps({**known, **facts}), encoding="utf-8")
    return target


def test_a_run_that_can_start(plan: Callable[..., TrainingPlan]) -> None:
    """Rows, tokens and steps are the dataset's, and the last line says that the run can start."""
    found = plan()
    facts = found.samples.facts
    tokens, trained, masked, _ = found.samples.counts
    assert (found.samples.rows, tokens, trained, masked) == (40, facts["tokens"], facts["trained_tokens"], 0)
    assert (found.steps_per_epoch, found.steps) == (10, 10 * found.recipe.schedule.epochs)
    assert list(plan_lines(dataclasses.replace(found, reasons=())))[-1] == "ready to train"


def test_the_text_shows_every_value_with_its_source(plan: Callable[..., TrainingPlan]) -> None:
    """Each value of the recipe is shown with its source; the source of the base is the option --base."""
    found = plan()
    text = list(plan_lines(found))
    for section, values in found.recipe.values().items():
        for key in values if isinstance(values, dict) else [None]:
            name = f"{section}.{key}" if key else section
            source = "--base" if name in ("model.base", "model.revision") else "demo"
            (line,) = [line for line in text if line.startswith(f"  {name} = ")]
            assert line.endswith(f"[{source}]"), line


def test_too_few_steps(plan: Callable[..., TrainingPlan]) -> None:
    """A run shorter than two warmups is refused with the number of rows that are enough."""
    reasons = plan("t4").reasons
    assert reasons[0] == ("9 steps are too few for 200 warmup steps: 400 are needed, so about 2,134 rows instead of 40")


def test_no_gpu(plan: Callable[..., TrainingPlan]) -> None:
    """A recipe for a GPU cannot start without one, the demo can."""
    assert "the recipe t4 needs an NVIDIA GPU, and there is none" in plan("t4").reasons
    assert not any("GPU" in reason for reason in plan("demo").reasons)


def test_a_gpu_too_small(plan: Callable[..., TrainingPlan]) -> None:
    """A GPU with less memory than the estimate is refused with both numbers."""
    small = dataclasses.replace(MACHINE, gpu=Gpu("small", 0.25, bf16=False))
    reasons = plan("t4", machine=small).reasons
    assert any(reason.startswith("the GPU has 0.2 GiB of memory, about 0.6 GiB are needed") for reason in reasons)
    assert not any("GPU" in reason for reason in plan("t4", machine=dataclasses.replace(MACHINE, gpu=T4)).reasons)


def test_no_disk_space(plan: Callable[..., TrainingPlan]) -> None:
    """Checkpoints that do not fit on the disk are a reason; the plan inspects the disk of the output folder."""
    reasons = plan(machine=dataclasses.replace(MACHINE, disk_free=1_000_000)).reasons
    assert any(re.fullmatch(r"not enough disk space: \d+ MB are needed, 1 MB are free", reason) for reason in reasons)
    assert plan(machine=None).machine.disk_free > 1_000_000


def test_another_tokenizer(plan: Callable[..., TrainingPlan], base: Path) -> None:
    """Samples built with a tokenizer that is not the base's are refused."""
    path = base / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert [reason for reason in plan().reasons if "tokenizer" in reason] == [
        "the data was built with a tokenizer that is not the base's: build it with --tokenizer BASE"
    ]


def test_a_base_without_the_control_tokens(plan: Callable[..., TrainingPlan], base: Path) -> None:
    """A base whose tokenizer is not FunctionGemma's is refused with the missing token."""
    path = base / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8").replace("<start_function_call>", "<tool_call>"), encoding="utf-8")
    (reason,) = [reason for reason in plan().reasons if "control tokens" in reason]
    assert "<start_function_call> is missing" in reason


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"model_type": "llama"}, "the base is 'llama', not a Gemma 3 text model (gemma3_text)"),
        ({"max_position_embeddings": 512}, "the base's context has 512 tokens, the recipe's rows have up to 2,048"),
        ({"vocab_size": 100}, "the base's vocabulary has 100 tokens, its tokenizer has 4,096"),
    ],
)
def test_a_base_that_does_not_fit(
    plan: Callable[..., TrainingPlan], tmp_path: Path, change: dict[str, object], expected: str
) -> None:
    """Another architecture, a short context and too small a vocabulary are reasons."""
    assert expected in plan(base=write_base(tmp_path / "other", **change)).reasons


def _masked(samples: Path, target: Path) -> Path:
    """Copy the dataset with every label masked."""
    import hashlib

    import pyarrow as pa
    import pyarrow.parquet as pq

    shutil.copytree(samples, target)
    facts = json.loads((target / "build.json").read_text(encoding="utf-8"))
    for entry in facts["files"]:
        table = pq.read_table(target / entry["name"])
        labels = [[-100] * len(row) for row in table.column("labels").to_pylist()]
        place = table.schema.get_field_index("labels")
        table = table.set_column(place, table.schema.field("labels"), pa.array(labels, pa.list_(pa.int32())))
        pq.write_table(table, target / entry["name"])
        entry["sha256"] = hashlib.sha256((target / entry["name"]).read_bytes()).hexdigest()
    (target / "build.json").write_text(json.dumps(facts), encoding="utf-8")
    return target


def test_everything_masked(plan: Callable[..., TrainingPlan], samples: Path, tmp_path: Path) -> None:
    """Data without a trained token is refused, as training data and as validation data."""
    masked = _masked(samples, tmp_path / "masked")
    assert "the data trains nothing: every label of all 40 rows is masked" in plan(data=masked).reasons
    reasons = plan(validation=str(masked)).reasons
    assert "the validation data trains nothing: every label of all 40 rows is masked" in reasons


def test_a_row_too_long(plan: Callable[..., TrainingPlan], samples: Path, tmp_path: Path) -> None:
    """A row longer than the recipe's limit is a reason, because no row is truncated."""
    recipe = short_recipe(tmp_path / "short.toml", max_seq_length="256")
    longest = SampleFolder(samples).counts.longest
    expected = f"the data has a row of {longest} tokens, the recipe's limit is 256 and no row is truncated: "
    assert f"{expected}build it with --max-length 256" in plan(str(recipe)).reasons


def test_changed_samples_are_refused(plan: Callable[..., TrainingPlan], samples: Path, tmp_path: Path) -> None:
    """Files that differ from their hashes and a folder without samples end the plan with an error."""
    changed = _rebuilt(samples, tmp_path / "changed")
    with (changed / "data-00000.parquet").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(InputError) as caught:
        plan(data=changed)
    expected = f"{changed}/data-00000.parquet: the file has changed since it was built (build the samples again)"
    assert str(caught.value) == expected
    with pytest.raises(InputError, match="there is no sample in this folder"):
        plan(data=_rebuilt(samples, tmp_path / "empty", files=[]))


def test_a_name_that_is_not_a_base(plan: Callable[..., TrainingPlan], tmp_path: Path) -> None:
    """A folder without a model and a name that is neither a folder nor a repository are errors."""
    with pytest.raises(InputError, match=r"no config\.json in this folder"):
        plan(base=tmp_path)
    with pytest.raises(UsageError, match=r"'nothing' is not a base \(a folder, ORG/NAME"):
        plan(base=Path("nothing"))


def test_the_size_of_functiongemma() -> None:
    """The model has 268 million parameters with the embedding, the adapter has 7.6 million."""
    assert FUNCTIONGEMMA.embedding == 167_772_160
    assert FUNCTIONGEMMA.body + FUNCTIONGEMMA.embedding == 268_098_176
    recipe = load_recipe("t4")
    per_layer = 32 * ((640 + 1024) + 2 * (640 + 256) + (1024 + 640) + 3 * (640 + 2048))
    assert lora_parameters(FUNCTIONGEMMA, 32, recipe.lora.targets) == 18 * per_layer == 7_593_984


def test_t4_fits_a_t4() -> None:
    """The estimate for rows of 4,096 tokens is less than half of a T4's memory."""
    recipe = load_recipe("t4")
    dtype = dtype_for(recipe.precision, T4)
    assert dtype == "float32-compute"
    memory = estimate_memory(FUNCTIONGEMMA, recipe, dtype, 4096, gpu=True)
    assert memory.total < recipe.hardware.memory_gib / 2


def test_the_estimate_agrees_with_what_was_measured() -> None:
    """Without CUDA's own memory it is within 5% of the benchmark in bfloat16, and above the float32-compute peak."""
    recipe = load_recipe("t4")
    measured = json.loads((ROOT / "benchmarks" / "results" / "gpu_training.json").read_text(encoding="utf-8"))
    peaks = {entry["side"]: entry["peak_gib"] for entry in measured}
    for side, layers in (("", 18), (", 6 layers", 6), (", 2 layers", 2)):
        shape = dataclasses.replace(FUNCTIONGEMMA, layers=layers)
        memory = estimate_memory(shape, recipe, "bfloat16", 4096, gpu=True)
        expected = pytest.approx(peaks[f"recipe, bfloat16{side}"], rel=0.05)
        assert memory.total - memory.parts["fixed"] == expected, layers
    memory = estimate_memory(FUNCTIONGEMMA, recipe, "float32-compute", 4096, gpu=True)
    assert 1 < memory.total / peaks["recipe, float32-compute, held to 14.5 GiB"] < 2


def test_time_grows_with_tokens() -> None:
    """Twice the tokens take twice the time, at the same speed."""
    recipe = load_recipe("t4")
    one, two = (estimate_time(FUNCTIONGEMMA, recipe, tokens, T4, 2) for tokens in (10**6, 2 * 10**6))
    assert two.seconds == pytest.approx(2 * one.seconds)
    assert one.tokens_per_second == two.tokens_per_second


def test_the_gpu_comes_from_the_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Name, memory and bfloat16 come from `nvidia-smi`; a T4 has no bfloat16, an H100 has."""
    tool = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert first_gpu() is None
    for line, expected in (
        ("Tesla T4, 15360 MiB, 7.5", Gpu("Tesla T4", 15.0, bf16=False)),
        ("NVIDIA H100, 81559 MiB, 9.0", Gpu("NVIDIA H100", 81559 / 1024, bf16=True)),
        ("Old, 2048 MiB", Gpu("Old", 2.0, bf16=False)),
    ):
        tool.write_text(f"#!/bin/sh\necho '{line}'\n", encoding="utf-8")
        tool.chmod(0o755)
        assert first_gpu() == expected


def test_the_command_shows_the_plan_and_does_nothing(
    samples: Path, base: Path, afg: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The dry run prints the plan, writes nothing and exits with 0, or with 2 if the run cannot start."""
    monkeypatch.setenv("PATH", "")
    short_recipe(tmp_path / "short.toml")
    cases = (
        (("--recipe", "short.toml"), 0, "ready to train"),
        (("--recipe", "t4"), 2, "cannot start: the recipe t4"),
        (("--recipe", "short.toml", "--resume"), 2, "cannot start: run: there is no run.json"),
        (("--recipe", "short.toml", "-o", "base"), 2, "cannot start: base: the folder is not empty"),
    )
    for options, code, last in cases:
        run = afg("train", samples, "-o", "run", *options, "--base", base, "--dry-run", cwd=tmp_path)
        assert (run.returncode, run.stderr) == (code, "")
        assert run.stdout.splitlines()[-1].startswith(last)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "short.toml"]


def test_the_shape_is_the_configs() -> None:
    """A shape takes its sizes from the keys of a config.json."""
    assert Shape.of(CONFIG) == Shape(3, 64, 128, 2, 1, 32, 4096)
    with pytest.raises(KeyError, match="head_dim"):
        Shape.of({key: value for key, value in CONFIG.items() if key != "head_dim"})
