"""The formulas of docs/recipe.md, compared with the real model, adapter, loss and trainer."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset_tools.samples.masking import IGNORED
from dataset_tools.samples.reader import SampleFolder, sample_digest
from tests.training.bases import ROOT, short_recipe
from training.base.base import find_base
from training.fit.estimates import lora_parameters
from training.fit.plan import plan_training
from training.fit.train import Watcher, train
from training.fit.trainer import CheckedCollator
from training.fit.unsloth_model import add_adapter, load_model
from training.recipe.recipe import Recipe, load_recipe

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("unsloth")]


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """The demo recipe with ten steps."""
    return load_recipe(str(short_recipe(tmp_path / "short.toml")))


@pytest.fixture
def model(random_base: Path, recipe: Recipe) -> Any:
    """The base with its adapter before the first step."""
    base, _ = load_model(find_base(str(random_base)), recipe, "float32")
    return add_adapter(base, recipe)


def _adapted(model: Any) -> dict[str, Any]:
    """Return every module that has an adapter, by name."""
    return {name: module for name, module in model.named_modules() if hasattr(module, "lora_A") and module.lora_A}


def test_a_fresh_adapter_changes_nothing(model: Any) -> None:
    """B is zero and A is not, so the change is zero at first and the gradient of B is not."""
    modules = _adapted(model)
    assert len(modules) == 3 * 7
    for module in modules.values():
        assert float(module.lora_B["default"].weight.abs().sum().detach()) == 0.0
        assert float(module.lora_A["default"].weight.abs().sum().detach()) > 0.0
        assert module.scaling["default"] == 2.0


def test_the_adapter_has_as_many_parameters_as_the_formula(model: Any, random_base: Path, recipe: Recipe) -> None:
    """The trained parameters are r (inputs + outputs) for each matrix, and nothing else."""
    expected = lora_parameters(find_base(str(random_base)).shape, recipe.lora.r, recipe.lora.targets)
    assert sum(weight.numel() for weight in model.parameters() if weight.requires_grad) == expected
    assert all("lora_" in name for name, weight in model.named_parameters() if weight.requires_grad)


def test_merged_weights_are_the_base_plus_twice_b_a(finished: Path, random_base: Path) -> None:
    """For a trained adapter, each merged matrix is W0 + (64 / 32) B A, and nothing else changes."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(random_base, dtype=torch.float32)
    before = {name: weight.detach().clone() for name, weight in base.named_parameters()}
    adapted = PeftModel.from_pretrained(base, str(finished / "adapter"))
    changes = {
        name.removeprefix("base_model.model."): (
            module.lora_B["default"].weight @ module.lora_A["default"].weight
        ).detach()
        for name, module in _adapted(adapted).items()
    }
    merged = dict(adapted.merge_and_unload().named_parameters())
    assert set(merged) == set(before)
    for name, weight in merged.items():
        place = name.removesuffix(".weight")
        if place in changes:
            torch.testing.assert_close(weight.detach(), before[name] + 2 * changes[place], rtol=0, atol=1e-6)
            assert not torch.equal(weight.detach(), before[name]), name
        else:
            assert torch.equal(weight.detach(), before[name]), name


def test_ignored_positions_have_no_gradient(model: Any, samples: Path) -> None:
    """The gradient is exactly zero at the logits of each position whose next token is ignored, and only there."""
    import torch

    (row,) = SampleFolder(samples).read(0)
    ids, labels = torch.tensor([row.input_ids]), torch.tensor([row.labels])
    output = model(input_ids=ids, labels=labels)
    output.logits.retain_grad()
    output.loss.backward()
    lengths = output.logits.grad[0].abs().sum(dim=-1)
    trained = torch.cat([labels[0, 1:] != IGNORED, torch.tensor([False])])  # position t predicts token t + 1
    assert 0 < int(trained.sum()) < len(trained) / 2
    assert torch.count_nonzero(lengths[~trained]) == 0
    assert torch.count_nonzero(lengths[trained]) == int(trained.sum())


def test_the_loss_is_the_mean_over_trained_tokens(model: Any, samples: Path) -> None:
    """Cross-entropy over the trained positions alone, added up by hand."""
    import torch

    _, _, ids, labels, *_ = SampleFolder(samples).read(1)[0]
    with torch.no_grad():
        output = model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels]))
    chances = torch.log_softmax(output.logits[0].float(), dim=-1)
    terms = [-chances[place, token] for place, token in enumerate(labels[1:]) if token != IGNORED]
    assert float(output.loss) == pytest.approx(float(sum(terms)) / len(terms), rel=1e-5)


def test_masks_are_untouched_from_build_to_batch(
    random_base: Path, samples: Path, recipe: Recipe, tmp_path: Path
) -> None:
    """The batches of a pass hold each built sample once, with its ids and labels; padding is not trained."""
    from training.fit.trainer import build_trainer

    built = SampleFolder(samples)
    base, tokenizer = load_model(find_base(str(random_base)), recipe, "float32")
    model = add_adapter(base, recipe)
    trainer = build_trainer(recipe, model, tokenizer, built, tmp_path / "out", dtype="float32")
    seen = []
    for batch in trainer.get_train_dataloader():
        for ids, labels, attended in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
            real = attended.bool()
            seen.append(sample_digest(ids[real].numpy(), labels[real].numpy()))
            assert bool((labels[~real] == IGNORED).all())
    assert len(seen) == built.rows
    assert set(seen) == built.digests()
    assert len(built.digests()) == built.rows


def test_padding_is_kept_out_without_a_mask(random_base: Path, samples: Path, recipe: Recipe, tmp_path: Path) -> None:
    """On a CPU the mask of padding is dropped with the same loss and gradients; another mask is kept."""
    import torch

    from training.fit.trainer import build_trainer

    built = SampleFolder(samples)
    base, tokenizer = load_model(find_base(str(random_base)), recipe, "float32")
    model = add_adapter(base, recipe)

    def learnt(batch: dict[str, Any]) -> tuple[float, torch.Tensor]:
        model.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        gradients = [weight.grad.flatten() for weight in model.parameters() if weight.requires_grad]
        return float(loss.detach()), torch.cat(gradients)

    batch = _collate([{"input_ids": row.input_ids, "labels": row.labels} for row in built.read(0, 4)])
    assert int((batch["attention_mask"] == 0).sum()) > 0
    loss, gradient = learnt(batch)
    build_trainer(recipe, model, tokenizer, built, tmp_path / "out", dtype="float32")
    masks: list[Any] = []
    text_model = model.get_base_model().model
    text_model.register_forward_pre_hook(lambda _, __, named: masks.append(named["attention_mask"]), with_kwargs=True)
    same_loss, same_gradient = learnt(batch)
    assert masks == [None]
    assert same_loss == pytest.approx(loss, rel=1e-5)
    torch.testing.assert_close(same_gradient, gradient, rtol=1e-3, atol=1e-6)
    batch["attention_mask"] = batch["attention_mask"].flip(1)
    learnt(batch)
    assert masks[1] is not None


def _collate(rows: Any) -> dict[str, Any]:
    """Pad rows to the right, as TRL does."""
    import torch

    longest = max(len(row["input_ids"]) for row in rows)

    def padded(name: str, filler: int) -> Any:
        return torch.tensor([row[name] + [filler] * (longest - len(row[name])) for row in rows])

    attended = [{"attention_mask": [1] * len(row["input_ids"])} for row in rows]
    mask = torch.tensor([row["attention_mask"] + [0] * (longest - len(row["attention_mask"])) for row in attended])
    return {"input_ids": padded("input_ids", 0), "labels": padded("labels", IGNORED), "attention_mask": mask}


def test_a_mask_that_was_touched_is_caught() -> None:
    """One label that differs from the dataset, or one trained token of padding, stops the run."""
    row = {"input_ids": [2, 5, 6], "labels": [IGNORED, 5, 6]}
    other = {"input_ids": [2, 5], "labels": [IGNORED, 5]}
    known = frozenset(sample_digest(np.array(r["input_ids"]), np.array(r["labels"])) for r in (row, other))
    assert CheckedCollator(_collate, known)([row, other])["labels"].tolist() == [[-100, 5, 6], [-100, 5, -100]]
    with pytest.raises(AssertionError, match="differ from the built samples"):
        CheckedCollator(_collate, known)([{**row, "labels": [2, 5, 6]}, other])

    def careless(rows: Any) -> dict[str, Any]:
        batch = _collate(rows)
        batch["labels"][batch["attention_mask"] == 0] = 0
        return batch

    with pytest.raises(AssertionError, match="trains on padding"):
        CheckedCollator(careless, known)([row, other])


def test_trl_takes_built_samples_as_they_are(model: Any, samples: Path, random_base: Path, tmp_path: Path) -> None:
    """The batches of a plain `SFTTrainer` on the Parquet files have the dataset's labels."""
    from datasets import load_dataset
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    files = str(samples / "data-*.parquet")
    rows = load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    arguments = SFTConfig(
        output_dir=str(tmp_path / "out"), per_device_train_batch_size=4, max_length=4096, report_to="none",
        disable_tqdm=True, max_steps=1, save_strategy="no", bf16=False,
    )  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(random_base)
    trainer = SFTTrainer(model=model, args=arguments, train_dataset=rows, processing_class=tokenizer)
    known = SampleFolder(samples).digests()
    for batch in trainer.get_train_dataloader():
        for ids, labels, attended in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
            real = attended.bool()
            assert sample_digest(ids[real].numpy(), labels[real].numpy()) in known
    assert trainer.train().training_loss > 0


def test_gradients_are_clipped_to_the_limit(model: Any) -> None:
    """A gradient longer than 1 is scaled to length 1 and keeps its direction; a shorter one is unchanged."""
    import torch

    weights = [weight for weight in model.parameters() if weight.requires_grad]
    for size, expected in ((3.0, 1.0), (1e-6, None)):
        for weight in weights:
            weight.grad = torch.full_like(weight, size)
        before = torch.cat([weight.grad.flatten() for weight in weights])
        norm = torch.nn.utils.clip_grad_norm_(weights, 1.0)
        after = torch.cat([weight.grad.flatten() for weight in weights])
        assert float(norm) == pytest.approx(float(before.norm()), rel=1e-4)
        assert float(after.norm()) == pytest.approx(expected or float(before.norm()), rel=1e-3)
        assert float(torch.dot(before, after) / before.norm() / after.norm()) == pytest.approx(1.0, rel=1e-3)


def test_the_gradient_of_the_loss_is_the_formula(model: Any, samples: Path) -> None:
    """At a trained position it is the probabilities, minus one at the token, divided by the trained tokens."""
    import torch

    (row,) = SampleFolder(samples).read(2)
    ids, labels = torch.tensor([row.input_ids]), torch.tensor([row.labels])
    output = model(input_ids=ids, labels=labels)
    output.logits.retain_grad()
    output.loss.backward()
    trained = labels[0, 1:] != IGNORED
    expected = torch.softmax(output.logits.detach()[0, :-1].float(), dim=-1)
    expected[torch.arange(len(trained)), ids[0, 1:]] -= 1
    expected = expected[trained] / trained.sum()
    torch.testing.assert_close(output.logits.grad[0, :-1][trained], expected, rtol=1e-4, atol=1e-8)


def test_accumulated_batches_are_one_large_batch(samples: Path, random_base: Path, tmp_path: Path) -> None:
    """Two batches of four rows give the loss and the gradient norm of one of eight, though rows differ in tokens."""
    first = []
    for rows, accumulation in (("4", "2"), ("8", "1")):
        recipe = load_recipe(str(short_recipe(tmp_path / "s.toml", rows=rows, accumulation=accumulation, epochs="2")))
        plan = plan_training(recipe, str(samples), tmp_path / rows, base=str(random_base))
        lines: list[Any] = []
        train(plan, Watcher(lines.append))
        first.append([(line["loss"], line["gradient_norm"], line["tokens"]) for line in lines[:2]])
    assert first[0] == [pytest.approx(line, rel=1e-4) for line in first[1]]


def test_a_layer_that_is_computed_again_keeps_its_input_alone(tmp_path: Path) -> None:
    """Each layer of FunctionGemma's shape adds 640 numbers per token, and over twenty times that if not recomputed."""
    path = ROOT / "docs" / "figures" / "measure.py"
    spec = importlib.util.spec_from_file_location("measure", path)
    assert spec is not None
    assert spec.loader is not None
    measure = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(measure)
    found = {
        kind: measure._kept_bytes(tmp_path, 2, kind) - measure._kept_bytes(tmp_path, 1, kind)
        for kind in ("unsloth", "false")
    }
    recorded = json.loads((path.parent / "measured" / "layers.json").read_text(encoding="utf-8"))["bytes"]
    assert found["unsloth"] == 640 * measure.TOKENS * 4
    assert found["false"] > 20 * found["unsloth"]
    assert found["unsloth"] * 16 == recorded["recomputed"]["18"] - recorded["recomputed"]["2"]
    assert found["false"] * 16 == pytest.approx(recorded["kept"]["18"] - recorded["kept"]["2"], rel=0.05)


def test_the_first_step_of_adamw_moves_everything_alike() -> None:
    """For any size of the gradient, its parameter moves by the learning rate, against it."""
    import torch

    weight = torch.nn.Parameter(torch.zeros(4))
    weight.grad = torch.tensor([1e-4, -1e-2, 3.0, -500.0])
    optimizer = load_recipe("t4").optimizer
    betas = (optimizer.beta1, optimizer.beta2)
    torch.optim.AdamW([weight], lr=1e-3, betas=betas, eps=optimizer.epsilon, weight_decay=0.01).step()
    torch.testing.assert_close(weight.detach(), torch.tensor([-1e-3, 1e-3, -1e-3, 1e-3]), rtol=2e-4, atol=0)
