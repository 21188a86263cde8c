"""What a user sees where a proof does not hold: which, by what, exit code 5, and nothing of it under its final name."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from dataset_tools.errors import ProofError
from publishing.export.reference_model import load_adapted, load_merged
from tests.publishing.export.damaging_converter import AFTER, BEFORE, damaging_converter
from tests.publishing.export.made_run import make_run, write_manifest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("export")]

Export = Callable[..., subprocess.CompletedProcess[str]]
LACKING = "adapter/: PEFT does not load the adapter on its base: Found missing adapter keys"
LAST = "base_model.model.model.layers.5.self_attn.v_proj"
KEPT = "(nothing of it was kept)"


def _change(adapter: Path, change: Callable[[dict[str, Any]], object]) -> None:
    tensors = load_file(adapter / "adapter_model.safetensors")
    change(tensors)
    save_file(tensors, adapter / "adapter_model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    "change, kept, told",
    [
        (lambda tensors: tensors.pop(f"{LAST}.lora_B.weight"), [], LACKING),
        (
            lambda tensors: tensors[f"{LAST}.lora_A.weight"].fill_(float("nan")),
            [],
            f"adapter/: {LAST}.lora_A.weight holds NaN or infinity (train again)",
        ),
        (
            lambda tensors: [tensor.mul_(1e30) for tensor in tensors.values()],
            ["adapter"],
            "merged/: PEFT does not merge the adapter: NaNs detected in the merged weights.",
        ),
        (
            lambda tensors: [tensor.zero_() for name, tensor in tensors.items() if "lora_B" in name],
            ["adapter"],
            f"merged/: no tensor differs from the base: the adapter adds nothing {KEPT}",
        ),
    ],
    ids=["lacking", "nan", "overflow", "nothing"],
)
def test_a_broken_adapter_is_not_exported(
    run: Path,
    afg_export: Export,
    tmp_path: Path,
    change: Callable[[dict[str, Any]], object],
    kept: list[str],
    told: str,
) -> None:
    """Found where it loads, or where it is merged; what stands then is what was proven before, and no release."""
    _change(run / "adapter", change)
    output = tmp_path / "release"
    done = afg_export(run, output, "--verify", "1", "--quant", "none")
    assert done.returncode == 5, done.stderr
    assert told in done.stderr.splitlines()[-1]
    assert sorted(path.name for path in output.iterdir()) == [".export.json", *kept]


def test_an_adapter_that_was_cut_off_is_not_exported(run: Path, afg_export: Export, tmp_path: Path) -> None:
    """A file that was not copied to its end is told in one line."""
    path = run / "adapter" / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    done = afg_export(run, tmp_path / "release", "--verify", "1")
    assert done.returncode == 5
    assert (
        "PEFT does not load the adapter on its base: Error while deserializing header" in done.stderr.splitlines()[-1]
    )


def test_an_adapter_of_another_base_is_not_exported(
    run: Path, made_run: Path, afg_export: Export, tmp_path: Path
) -> None:
    """The base's weights are those that the run was trained on (code 2), and the adapter fits them (code 5)."""
    other = make_run(tmp_path / "other", hidden_size=96).parent / "base"
    output = tmp_path / "release"
    done = afg_export(run, output, "--base", other)
    assert done.returncode == 2
    assert done.stderr == (
        f"afg: {other}: not the base that was trained on: its weights differ (name it with --base)\n"
    )
    assert not output.exists()
    write_manifest(run, other)
    done = afg_export(run, output, "--verify", "1")
    assert done.returncode == 5
    assert "PEFT does not load the adapter on its base: Error(s) in loading state_dict" in done.stderr.splitlines()[-1]
    assert [path.name for path in output.iterdir()] == [".export.json"]
    with pytest.raises(ProofError, match="PEFT does not load the adapter"):
        load_adapted(other, made_run / "adapter")


def test_a_base_without_its_sentencepiece_model_is_told_at_once(
    run: Path, made_run: Path, afg_export: Export, tmp_path: Path
) -> None:
    """Before anything is loaded: nothing that is made without it could be converted."""
    base = shutil.copytree(made_run.parent / "base", tmp_path / "base")
    (base / "tokenizer.model").unlink()
    done = afg_export(run, tmp_path / "release", "--base", base)
    assert done.returncode == 2
    hint = "download the base again, with its tokenizer.model"
    assert done.stderr == f"afg: {base}: the base has no tokenizer.model, which llama.cpp needs ({hint})\n"


def test_merged_weights_with_a_gap_do_not_load(whole: Path, tmp_path: Path) -> None:
    """A tensor that is missing would be made up by transformers, which only warns of it."""
    folder = Path(shutil.copytree(whole / "merged", tmp_path / "merged"))
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.3.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ProofError, match=r"missing keys: model\.layers\.3\.mlp\.up_proj\.weight"):
        load_merged(folder)


TOLD = {
    "weights": "a logit of llama.cpp is ",
    "number": "a logit of llama.cpp is nan standard deviations off, 0.05 are allowed",
    "template": "the chat template in its header is another one: ",
    "model": "llama.cpp's converter refuses the merged weights: ",
    "vocabulary": "it knows 4,160 tokens, not 4,096",
    "stop": "it stops on [1, 50, 106, 107], not on [1, 50, 106]",
    "bos": "it does not say that a BOS is put before a prompt, which Ollama and llama.cpp rely on",
    "tokens": "llama.cpp reads prompt 1 as other tokens, from token ",
}


@pytest.mark.parametrize("damage", [*BEFORE, *AFTER])
def test_a_gguf_file_that_is_something_else_is_not_kept(
    whole: Path, made_run: Path, afg_export: Export, tmp_path: Path, damage: str
) -> None:
    """A converter that reads or writes something else is caught by the proof of just that; the other parts stay."""
    output = Path(shutil.copytree(whole, tmp_path / "arabic-calls"))
    converter = damaging_converter(tmp_path / "llama.cpp", damage)
    done = afg_export(made_run, output, "--verify", "2", "--quant", "f16", "--llama-cpp", converter)
    assert done.returncode == 5, done.stderr
    where = "arabic-calls-F16.gguf" if damage != "model" else str(output / "merged")
    assert where in (last := done.stderr.splitlines()[-1])
    assert TOLD[damage] in last
    assert not (output / "release.json").exists()
    assert not (output / ".export").exists()
    kept = json.loads((output / ".export.json").read_text(encoding="utf-8"))["steps"]
    assert {"adapter", "merged"} <= kept.keys()
