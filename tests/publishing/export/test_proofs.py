"""Failed checks of an export: message, exit code 5, and no file under its final name."""

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
MISSING = "adapter/: PEFT cannot load the adapter on its base: Found missing adapter keys"
LAST = "base_model.model.model.layers.5.self_attn.v_proj"
KEPT = "(nothing of it was kept)"


def _change(adapter: Path, change: Callable[[dict[str, Any]], object]) -> None:
    tensors = load_file(adapter / "adapter_model.safetensors")
    change(tensors)
    save_file(tensors, adapter / "adapter_model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    "change, kept, message",
    [
        (lambda tensors: tensors.pop(f"{LAST}.lora_B.weight"), [], MISSING),
        (
            lambda tensors: tensors[f"{LAST}.lora_A.weight"].fill_(float("nan")),
            [],
            f"adapter/: {LAST}.lora_A.weight holds NaN or infinity (train again)",
        ),
        (
            lambda tensors: [tensor.mul_(1e30) for tensor in tensors.values()],
            ["adapter"],
            "merged/: PEFT cannot merge the adapter: NaNs detected in the merged weights.",
        ),
        (
            lambda tensors: [tensor.zero_() for name, tensor in tensors.items() if "lora_B" in name],
            ["adapter"],
            f"the adapter changes nothing {KEPT}",
        ),
    ],
    ids=["missing", "nan", "overflow", "nothing"],
)
def test_a_broken_adapter_is_not_exported(
    run: Path,
    afg_export: Export,
    tmp_path: Path,
    change: Callable[[dict[str, Any]], object],
    kept: list[str],
    message: str,
) -> None:
    """The damage is found at loading or merging; only the parts that passed before are kept."""
    _change(run / "adapter", change)
    output = tmp_path / "release"
    done = afg_export(run, output, "--verify", "1", "--quant", "none")
    assert done.returncode == 5, done.stderr
    assert message in done.stderr.splitlines()[-1]
    assert sorted(path.name for path in output.iterdir()) == [".export.json", *kept]


def test_a_truncated_adapter_is_not_exported(run: Path, afg_export: Export, tmp_path: Path) -> None:
    """An incomplete file is reported in one line."""
    path = run / "adapter" / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    done = afg_export(run, tmp_path / "release", "--verify", "1")
    assert done.returncode == 5
    assert "PEFT cannot load the adapter on its base: Error while deserializing header" in done.stderr.splitlines()[-1]


def test_an_adapter_of_another_base_is_not_exported(
    run: Path, made_run: Path, afg_export: Export, tmp_path: Path
) -> None:
    """Other weights than the run's base exit with 2, and a base that does not fit the adapter with 5."""
    other = make_run(tmp_path / "other", hidden_size=96).parent / "base"
    output = tmp_path / "release"
    done = afg_export(run, output, "--base", other)
    assert done.returncode == 2
    assert done.stderr == f"afg: {other}: its weights are not those of the run's base (name the base with --base)\n"
    assert not output.exists()
    write_manifest(run, other)
    done = afg_export(run, output, "--verify", "1")
    assert done.returncode == 5
    assert "PEFT cannot load the adapter on its base: Error(s) in loading state_dict" in done.stderr.splitlines()[-1]
    assert [path.name for path in output.iterdir()] == [".export.json"]
    with pytest.raises(ProofError, match="PEFT cannot load the adapter"):
        load_adapted(other, made_run / "adapter")


def test_a_base_without_its_sentencepiece_model_is_refused(
    run: Path, made_run: Path, afg_export: Export, tmp_path: Path
) -> None:
    """Before anything is loaded, because the converter would need it."""
    base = shutil.copytree(made_run.parent / "base", tmp_path / "base")
    (base / "tokenizer.model").unlink()
    done = afg_export(run, tmp_path / "release", "--base", base)
    assert done.returncode == 2
    hint = "download the base again, with its tokenizer.model"
    assert done.stderr == f"afg: {base}: the base has no tokenizer.model, which llama.cpp needs ({hint})\n"


def test_merged_weights_with_a_missing_tensor_do_not_load(whole: Path, tmp_path: Path) -> None:
    """Transformers would initialize a missing tensor and only warn."""
    folder = Path(shutil.copytree(whole / "merged", tmp_path / "merged"))
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.3.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ProofError, match=r"missing keys: model\.layers\.3\.mlp\.up_proj\.weight"):
        load_merged(folder)


MESSAGES = {
    "weights": "a logit of llama.cpp differs by ",
    "number": "a logit of llama.cpp differs by nan standard deviations (limit 0.05)",
    "template": "the header has another chat template: ",
    "model": "llama.cpp's converter failed on the merged weights: ",
    "vocabulary": "the vocabulary has 4,160 tokens, not 4,096",
    "stop": "it also stops on 107 ('\\n'), which is neither FunctionGemma's nor a text known to llama.cpp",
    "bos": "the header does not request a BOS before the prompt",
    "tokens": "llama.cpp tokenizes prompt 1 differently from token ",
}


@pytest.mark.parametrize("damage", [*BEFORE, *AFTER])
def test_a_wrong_gguf_file_is_not_kept(
    whole: Path, made_run: Path, afg_export: Export, tmp_path: Path, damage: str
) -> None:
    """Each damage of a converter is found by the check for it; the other parts are kept."""
    output = Path(shutil.copytree(whole, tmp_path / "arabic-calls"))
    converter = damaging_converter(tmp_path / "llama.cpp", damage)
    done = afg_export(made_run, output, "--verify", "2", "--quant", "f16", "--llama-cpp", converter)
    assert done.returncode == 5, done.stderr
    where = "arabic-calls-F16.gguf" if damage != "model" else str(output / "merged")
    assert where in (last := done.stderr.splitlines()[-1])
    assert MESSAGES[damage] in last
    assert not (output / "release.json").exists()
    assert not (output / ".export").exists()
    kept = json.loads((output / ".export.json").read_text(encoding="utf-8"))["steps"]
    assert {"adapter", "merged"} <= kept.keys()
