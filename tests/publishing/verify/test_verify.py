"""Verification with loading: recorded answers are repeated, and other weights are detected.

Code that imports torch runs in a process of its own, because Unsloth, which other tests load, must be imported first.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hub.client import environment
from tests.hub.server import Hub
from tests.publishing.conftest import gguf, write_manifest
from tests.training.bases import write_base

pytestmark = pytest.mark.slow

# A base and an adapter with weights of chance, merged, and what the merged model answers.
SCRIPT = """
import json, sys
from pathlib import Path
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer, Gemma3ForCausalLM, Gemma3TextConfig
base, release = Path(sys.argv[1]), Path(sys.argv[2])
torch.manual_seed(0)
config = json.loads((base / "config.json").read_text())
model = Gemma3ForCausalLM(Gemma3TextConfig(**config))
for name, weight in model.named_parameters():  # so that it does not say one thing only
    torch.nn.init.normal_(weight, std=0.02 if "embed" in name else 0.3)
model.save_pretrained(base)
tuned = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False))
tuned.peft_config["default"].base_model_name_or_path = "org/base"
tuned.save_pretrained(release / "adapter")
merged = tuned.merge_and_unload()
tokenizer = AutoTokenizer.from_pretrained(base)
prompt = "<bos><start_of_turn>user\\nكيف الطقس في جدة؟<end_of_turn>\\n<start_of_turn>model\\n"
inputs = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
output = merged.generate(**inputs, max_new_tokens=12, do_sample=False)
made = output[0, inputs["input_ids"].shape[1]:].tolist()
length = max(at for at, token in enumerate(made) if token not in made[:at])
merged.generation_config.eos_token_id = [1, made[length]]
merged.save_pretrained(release / "merged")
print(json.dumps([{"prompt": prompt, "output": tokenizer.decode(made[:length])}], ensure_ascii=False))
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, and a release with recorded answers of the merged model."""
    path = tmp_path_factory.mktemp("models")
    base, release = write_base(path / "base"), path / "release"
    (release / "gguf").mkdir(parents=True)
    smoke = json.loads(_run(["-c", SCRIPT, str(base), str(release)]).splitlines()[-1])
    for part in ("adapter", "merged"):
        (release / part / "README.md").unlink(missing_ok=True)
        for source in base.glob("*token*"):
            shutil.copy(source, release / part)
        shutil.copy(base / "chat_template.jinja", release / part)
    template = (base / "chat_template.jinja").read_text(encoding="utf-8")
    (release / "gguf" / "tiny-Q8_0.gguf").write_bytes(gguf(b"x" * 68, tokenizer__chat_template=template))
    write_manifest(release)
    _record(release, smoke)
    return path


def _record(release: Path, smoke: list[dict[str, str]]) -> None:
    facts = json.loads((release / "release.json").read_bytes())
    (release / "release.json").write_text(json.dumps({**facts, "smoke": smoke}), encoding="utf-8")


def _run(arguments: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, encoding="utf-8", check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def verify(hub: Hub, models: Path, tmp_path: Path) -> Callable[[Path], dict[tuple[str, str], tuple[str, str]]]:
    """Run ``afg verify`` with the base on the Hub; return the result and detail of each check."""
    for path in (models / "base").iterdir():
        hub.store.put("model", "org/base", {path.name: path.read_bytes()})

    def run(release: Path) -> dict[tuple[str, str], tuple[str, str]]:
        done = subprocess.run(
            [sys.executable, "-c", "from publishing.cli.main import main; main()", "verify", str(release), "--json"],
            env=environment(hub, tmp_path / "home"), capture_output=True, text=True, encoding="utf-8", timeout=300,
            check=False,
        )  # fmt: skip
        found = json.loads(done.stdout)
        failed = any(check["result"] == "failed" for check in found)
        assert done.returncode == (1 if failed else 0), done.stderr
        return {(check["what"], check["where"]): (check["result"], check["detail"]) for check in found}

    return run


def test_models_give_the_recorded_answers(models: Path, verify: Any) -> None:
    """Merged model and adapter, on its base from the Hub, load and give the recorded answer.

    The GGUF file has only a header and fails; complete ones are tested with the exports.
    """
    smoke = json.loads((models / "release" / "release.json").read_bytes())["smoke"]
    assert smoke[0]["output"]
    found = verify(models / "release")
    assert {key: result for key, (result, _) in found.items() if key[0] in {"load", "smoke"}} == {
        ("load", "merged/"): "ok",
        ("smoke", "merged/ prompt 1"): "ok",
        ("load", "adapter/"): "ok",
        ("smoke", "adapter/ prompt 1"): "ok",
        ("load", "gguf/tiny-Q8_0.gguf"): "failed",
    }
    assert "parameters" in found["load", "merged/"][1]


def test_other_answers_and_weights_fail(models: Path, verify: Any, tmp_path: Path) -> None:
    """Correct checksums, but another answer, weights of another shape, or an unknown base."""
    release = tmp_path / "release"
    shutil.copytree(models / "release", release)
    facts = json.loads((release / "release.json").read_bytes())
    adapter = json.loads((release / "adapter" / "adapter_config.json").read_bytes())
    adapter["base_model_name_or_path"] = "org/none"
    (release / "adapter" / "adapter_config.json").write_text(json.dumps(adapter), encoding="utf-8")
    write_manifest(release)
    _record(release, [{**facts["smoke"][0], "output": "something else"}])
    found = verify(release)
    assert found["smoke", "merged/ prompt 1"][0] == "failed"
    assert repr(facts["smoke"][0]["output"]) in found["smoke", "merged/ prompt 1"][1]
    assert found["load", "adapter/"][0] == "skipped"
    assert "org/none: the model does not exist on the Hub" in found["load", "adapter/"][1]
    config = json.loads((release / "merged" / "config.json").read_bytes())
    (release / "merged" / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 4,
        "layer_types": [*config["layer_types"], "full_attention"]}), encoding="utf-8")  # fmt: skip
    write_manifest(release)
    result, message = verify(release)["load", "merged/"]
    assert (result, message.startswith("missing keys: model.layers.3")) == ("failed", True)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda tensors: tensors.pop(next(name for name in tensors if "lora_B" in name)), "Found missing adapter keys"),
        (lambda tensors: next(iter(tensors.values())).fill_(float("nan")), "holds NaN or infinity"),
        (lambda tensors: tensors.update(more=next(iter(tensors.values())).clone()), "without more"),
    ],
    ids=["lacking", "nan", "one more"],
)
def test_a_broken_adapter_fails(models: Path, verify: Any, tmp_path: Path, damage: Any, message: str) -> None:
    """With a correct checksum and no recorded answers, the check of its tensors fails."""
    from safetensors.torch import load_file, save_file

    release = tmp_path / "release"
    shutil.copytree(models / "release", release, ignore=shutil.ignore_patterns("merged", "gguf"))
    weights = release / "adapter" / "adapter_model.safetensors"
    tensors = load_file(weights)
    damage(tensors)
    save_file(tensors, weights, metadata={"format": "pt"})
    write_manifest(release)
    result, found = verify(release)["load", "adapter/"]
    assert (result, message in found) == ("failed", True), found
