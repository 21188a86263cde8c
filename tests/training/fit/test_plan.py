"""The dry run: what it shows, every reason for which a run would not start, and that nothing else happens."""

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dataset_tools.errors import InputError, UsageError
from dataset_tools.samples.reader import SampleFolder
from tests.training.bases import CONFIG, short_recipe, write_base
from training.base.base import Shape
from training.fit import plan as planning
from training.fit.estimates import estimate_memory, estimate_time, lora_parameters
from training.fit.plan import Plan, make_plan
from training.fit.text import plan_lines
from training.recipe.hardware import Gpu, first_gpu, precision_for
from training.recipe.recipe import load_recipe

ROOT = Path(__file__).parents[3]
FUNCTIONGEMMA = Shape(18, 640, 2048, 4, 1, 256, 262_144)
T4 = Gpu("Tesla T4", 15.0, bf16=False)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base that nothing is wrong with."""
    return write_base(tmp_path / "base")


@pytest.fixture
def plan(samples: Path, base: Path, tmp_path: Path) -> Callable[..., Plan]:
    """Makes a plan of the demo recipe, or of another."""

    def make(recipe: str = "demo", data: Path = samples, base: Path = base, validation: Path | None = None) -> Plan:
        held_out = str(validation) if validation else None
        return make_plan(load_recipe(recipe), str(data), tmp_path / "run", base=str(base), validation=held_out)

    return make


def _rebuilt(samples: Path, target: Path, **facts: object) -> Path:
    """A copy of a dataset with other facts about it."""
    shutil.copytree(samples, target)
    known = json.loads((target / "build.json").read_text(encoding="utf-8"))
    (target / "build.json").write_text(json.dumps({**known, **facts}), encoding="utf-8")
    return target


def test_a_run_that_could_start(plan: Callable[..., Plan]) -> None:
    """Rows, tokens and steps are the dataset's, and nothing speaks against it."""
    found = plan()
    facts = found.samples.facts
    tokens, trained, masked, _ = found.samples.counts
    assert (found.samples.rows, tokens, trained, masked) == (40, facts["tokens"], facts["trained_tokens"], 0)
    assert (found.steps_per_epoch, found.steps) == (10, 10 * found.recipe.schedule.epochs)
    text = list(plan_lines(dataclasses.replace(found, reasons=())))
    assert text[-1] == "nothing speaks against starting"


def test_the_text_shows_every_value_with_its_source(plan: Callable[..., Plan]) -> None:
    """Each value of the recipe stands in the plan with where it comes from; the base's is the option that named it."""
    found = plan()
    text = list(plan_lines(found))
    for section, values in found.recipe.values().items():
        for key in values if isinstance(values, dict) else [None]:
            name = f"{section}.{key}" if key else section
            source = "--base" if name in ("model.base", "model.revision") else "demo"
            (line,) = [line for line in text if line.startswith(f"  {name} = ")]
            assert line.endswith(f"[{source}]"), line


def test_too_few_steps(plan: Callable[..., Plan]) -> None:
    """A run shorter than two warmups is refused with the number of rows that would do."""
    reasons = plan("t4").reasons
    assert reasons[0] == (
        "9 steps are fewer than the 400 that a warmup of 200 needs: about 2,134 rows make enough, and there are 40"
    )


def test_no_gpu(plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe for a GPU does not start without one, the demo does."""
    monkeypatch.setattr(planning, "first_gpu", lambda: None)
    assert "the recipe t4 needs an NVIDIA GPU and there is none here" in plan("t4").reasons
    assert not any("GPU" in reason for reason in plan("demo").reasons)


def test_a_gpu_too_small(plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU with less memory than the estimate is told with both numbers."""
    monkeypatch.setattr(planning, "first_gpu", lambda: Gpu("small", 0.25, bf16=False))
    assert any(reason.startswith("the GPU is too small: 0.2 GiB for about 0.6") for reason in plan("t4").reasons)
    monkeypatch.setattr(planning, "first_gpu", lambda: T4)
    assert not any("GPU" in reason for reason in plan("t4").reasons)


def test_no_disk(plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints that would not fit on the disk are a reason."""
    monkeypatch.setattr(planning, "_disk_free", lambda _: 1000)
    assert any(reason.startswith("no disk: ") for reason in plan().reasons)


def test_another_tokenizer(plan: Callable[..., Plan], base: Path) -> None:
    """Samples built with a tokenizer that is not the base's are refused."""
    path = base / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert [reason for reason in plan().reasons if "tokenizer" in reason] == [
        "the data was built with another tokenizer than the base's: build it with --tokenizer of the base"
    ]


def test_a_base_without_the_control_tokens(plan: Callable[..., Plan], base: Path) -> None:
    """A base whose tokenizer is not FunctionGemma's is refused with the token that it lacks."""
    path = base / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8").replace("<start_function_call>", "<tool_call>"), encoding="utf-8")
    (reason,) = [reason for reason in plan().reasons if "control tokens" in reason]
    assert "there is no token <start_function_call>" in reason


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"model_type": "llama"}, "the base is 'llama', not a Gemma 3 text model (gemma3_text)"),
        ({"max_position_embeddings": 512}, "the base reads 512 tokens, the recipe's rows have up to 2,048"),
        ({"vocab_size": 100}, "the base knows 100 tokens, its tokenizer has 4,096"),
    ],
)
def test_a_base_that_does_not_fit(
    plan: Callable[..., Plan], tmp_path: Path, change: dict[str, object], expected: str
) -> None:
    """Another architecture, a short context and too small a vocabulary are reasons."""
    assert expected in plan(base=write_base(tmp_path / "other", **change)).reasons


def _masked(samples: Path, target: Path) -> Path:
    """The dataset with every label masked, as a broken mask would leave it."""
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


def test_everything_masked(plan: Callable[..., Plan], samples: Path, tmp_path: Path) -> None:
    """Data in which nothing is trained is refused, as training data and as validation data."""
    masked = _masked(samples, tmp_path / "masked")
    assert "the data trains nothing: every label of all 40 rows is masked" in plan(data=masked).reasons
    assert "the validation data trains nothing: every label of all 40 rows is masked" in plan(validation=masked).reasons


def test_a_row_too_long(plan: Callable[..., Plan], samples: Path, tmp_path: Path) -> None:
    """A row longer than the recipe's limit is a reason, for none is cut off."""
    recipe = short_recipe(tmp_path / "short.toml", max_seq_length="256")
    longest = SampleFolder(samples).counts.longest
    expected = f"the data has a row of {longest} tokens, the recipe takes 256 and cuts none off: build it with"
    assert f"{expected} --max-length 256" in plan(str(recipe)).reasons


def test_changed_samples_are_refused(plan: Callable[..., Plan], samples: Path, tmp_path: Path) -> None:
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


def test_what_is_no_base(plan: Callable[..., Plan], tmp_path: Path) -> None:
    """A folder without a model, and a name that is neither a folder nor a repository."""
    with pytest.raises(InputError, match=r"no config\.json in this folder"):
        plan(base=tmp_path)
    with pytest.raises(UsageError, match=r"'nothing' is no base \(a folder, ORG/NAME"):
        plan(base=Path("nothing"))


def test_the_size_of_functiongemma() -> None:
    """Parameters are counted as the model has them: 268 million with the embedding, 7.6 million in the adapter."""
    assert FUNCTIONGEMMA.embedding == 167_772_160
    assert FUNCTIONGEMMA.body + FUNCTIONGEMMA.embedding == 268_098_176
    recipe = load_recipe("t4")
    per_layer = 32 * ((640 + 1024) + 2 * (640 + 256) + (1024 + 640) + 3 * (640 + 2048))
    assert lora_parameters(FUNCTIONGEMMA, 32, recipe.lora.targets) == 18 * per_layer == 7_593_984


def test_t4_fits_a_t4() -> None:
    """By the plan's own estimate the recipe leaves more than half of a T4 free, at 4,096 tokens a row."""
    recipe = load_recipe("t4")
    number = precision_for(recipe.precision, T4)
    assert number == "float32-compute"
    memory = estimate_memory(FUNCTIONGEMMA, recipe, number, 4096, gpu=True)
    assert memory.total < recipe.hardware.memory_gib / 2


def test_the_estimate_agrees_with_what_was_measured() -> None:
    """Without CUDA's own share it gives the benchmark's peaks in bfloat16 within 5%, and more than a T4's path took."""
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
    """Twice the tokens are twice the time, at the same speed."""
    recipe = load_recipe("t4")
    one, two = (estimate_time(FUNCTIONGEMMA, recipe, tokens, T4, 2) for tokens in (10**6, 2 * 10**6))
    assert two.seconds == pytest.approx(2 * one.seconds)
    assert one.tokens_per_second == two.tokens_per_second


def test_the_driver_tells_the_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Name, memory and bfloat16 come from the driver's tool; a T4 has none, an H100 has it."""
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


def test_the_command_shows_the_plan_and_does_nothing(samples: Path, base: Path, tmp_path: Path) -> None:
    """The dry run prints, writes nothing and exits with 0, or with 2 where the run would not start."""
    command = [sys.executable, "-c", "from publishing.cli.main import main; main()", "train", str(samples), "-o", "run"]
    short_recipe(tmp_path / "short.toml")
    cases = (
        (("--recipe", "short.toml"), 0, "nothing speaks against"),
        (("--recipe", "t4"), 2, "would not start: the recipe t4"),
        (("--recipe", "short.toml", "--resume"), 2, "would not start: run: there is no run.json"),
        (("--recipe", "short.toml", "-o", "base"), 2, "would not start: base: the folder is not empty"),
    )
    for options, code, last in cases:
        run = subprocess.run(
            [*command, *options, "--base", str(base), "--dry-run"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (run.returncode, run.stderr) == (code, "")
        assert run.stdout.splitlines()[-1].startswith(last)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "short.toml"]


def test_the_shape_is_the_configs() -> None:
    """A shape takes its sizes from the names that a config.json has."""
    assert Shape.of(CONFIG) == Shape(3, 64, 128, 2, 1, 32, 4096)
    with pytest.raises(KeyError, match="head_dim"):
        Shape.of({key: value for key, value in CONFIG.items() if key != "head_dim"})
