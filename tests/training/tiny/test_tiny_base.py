"""The bundled base model: FunctionGemma in everything but size, with a log of its pre-training."""

import dataclasses
import json
import struct
from typing import Any

import pytest

from dataset_tools.samples.tokenizer import CONTROL_TOKENS, STOP_IDS, load_tokenizer
from tools.tiny.pretrain import Settings
from tools.tiny.pretraining.architecture import ARCHITECTURE
from training.answers.model_source import ModelKind, find_model
from training.base.base import base_problems, find_base
from training.tiny import base_path, tokenizer_path

LOG = base_path().parent / "pretrain.jsonl"


def _read(name: str) -> Any:
    return json.loads((base_path() / name).read_text(encoding="utf-8"))


def _tensors() -> dict[str, Any]:
    """Return the header of the weights file."""
    with (base_path() / "model.safetensors").open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        found: dict[str, Any] = json.loads(file.read(size))
    found.pop("__metadata__", None)
    return found


def test_it_is_found_by_name() -> None:
    """It is a base without problems, with its tokenizer, and a model."""
    base = find_base("tiny")
    assert (base.name, base.revision, base.folder) == ("tiny", "", base_path().resolve())
    assert base.tokenizer.folder == tokenizer_path().resolve()
    assert base_problems(base, 32_768) == []
    model = find_model("tiny")
    assert (model.kind, model.path, model.base, model.tokenizer) == (
        ModelKind.MERGED, base.folder, base, base.tokenizer,
    )  # fmt: skip


def test_it_is_gemma_3_with_both_kinds_of_layers() -> None:
    """Sliding and full attention, with the settings of the script."""
    config = _read("config.json")
    assert (config["model_type"], config["architectures"]) == ("gemma3_text", ["Gemma3ForCausalLM"])
    assert config["layer_types"] == (["sliding_attention"] * 3 + ["full_attention"]) * 2
    # Transformers omits defaults, such as tied embeddings.
    assert {key: config.get(key, True) for key in ARCHITECTURE} == ARCHITECTURE


def test_it_is_small() -> None:
    """At most 8.1 MB, all in bfloat16, with the number of parameters that the plan counts."""
    assert sum(path.stat().st_size for path in base_path().iterdir()) <= 8_100_000
    tensors = _tensors()
    assert {tensor["dtype"] for tensor in tensors.values()} == {"BF16"}
    ends = [tensor["data_offsets"][1] for tensor in tensors.values()]
    shape = find_base("tiny").shape
    assert max(ends) == 2 * (shape.body + shape.embedding) == 2 * 4_022_496


def test_its_control_tokens_have_the_real_ids() -> None:
    """Ids and stop ids are FunctionGemma's, and decoding is greedy."""
    tokenizer = load_tokenizer(tokenizer_path())
    assert {token: tokenizer.token_to_id(token) for token in CONTROL_TOKENS} == CONTROL_TOKENS
    generation = _read("generation_config.json")
    assert generation["eos_token_id"] == sorted(STOP_IDS)
    assert generation["do_sample"] is False
    for name, token in {"bos": "<bos>", "eos": "<eos>", "pad": "<pad>"}.items():
        assert _read("config.json")[f"{name}_token_id"] == CONTROL_TOKENS[token]


def test_the_log_has_settings_and_progress() -> None:
    """The first line holds the settings of the script and the padding done afterwards; the last one the result."""
    first, *progress = [json.loads(line) for line in LOG.read_text(encoding="utf-8").splitlines()]
    assert first["settings"].keys() == {field.name for field in dataclasses.fields(Settings)}
    assert {**first["architecture"], "intermediate_size": first["padded"]["intermediate_size"]} == ARCHITECTURE
    assert (first["parameters"], first["padded"]["parameters"]) == (3_979_488, 4_022_496)
    assert first["settings"] == {**dataclasses.asdict(Settings()), "seconds": 465.0}
    tokens = [line["tokens"] for line in progress]
    assert tokens == sorted(tokens)
    assert progress[-1]["done"] >= 1
    assert progress[-1]["name"] == 1.0
    assert progress[-1]["exact"] == pytest.approx(0.918, abs=1e-4)
