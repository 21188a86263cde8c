"""Files of a release next to the weights: adapter configuration, parser, examples, Modelfile."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from dataset_tools.io.checksums import sha256
from dataset_tools.io.json_text import read_object
from dataset_tools.prompt import parser
from publishing.export.gguf import file_name
from publishing.export.run import ADAPTER_CONFIG, TEMPLATE, ExportedRun

__all__ = ["consumer_files", "modelfile", "write_adapter", "write_consumer_files"]

_OLLAMA_MINIMUM = "0.13.5"  # the first version with FunctionGemma's renderer and parser
_CONSUME = Path(__file__).parent / "consume"
_PARSER = "parser.py"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", TEMPLATE)
# By part: the example's name in the package, and in the release.
_EXAMPLES = {
    "adapter": {"adapter.py": "example.py"},
    "merged": {"merged.py": "example.py"},
    "gguf": {"llama_cpp.py": "example.py", "ollama.py": "example_ollama.py"},
}
_CONTEXT = 4096


def write_adapter(folder: Path, run: ExportedRun) -> None:
    """Copy the trained adapter; its configuration gets the base's public name."""
    shutil.copyfile(run.adapter / "adapter_model.safetensors", folder / "adapter_model.safetensors")
    for name in _TOKENIZER_FILES:
        for source in (run.adapter / name, run.base.tokenizer.folder / name):
            if source.is_file():
                shutil.copyfile(source, folder / name)
                break
    config = read_object(run.adapter / ADAPTER_CONFIG, "train again")
    config |= {
        "base_model_name_or_path": run.base_id,
        "revision": run.base_revision or None,
        "auto_mapping": None,  # classes of the trainer, which loading does not need
        "inference_mode": True,
        "task_type": "CAUSAL_LM",
    }
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def write_consumer_files(folder: Path, part: str) -> None:
    """Copy the parser of the model's output and the examples of a part."""
    for name, source in _sources(part).items():
        shutil.copyfile(source, folder / name)


def consumer_files(part: str) -> dict[str, str]:
    """Return name and SHA-256 of each file that :func:`write_consumer_files` writes."""
    return {name: sha256(source) for name, source in _sources(part).items()}


def _sources(part: str) -> dict[str, Path]:
    return {_PARSER: Path(str(parser.__file__)), **{name: _CONSUME / file for file, name in _EXAMPLES[part].items()}}


def modelfile(name: str, quants: Sequence[str]) -> str:
    """Return the Modelfile for `ollama create`, for the Q8_0 file or else the first of ``quants``."""
    chosen = "q8_0" if "q8_0" in quants else quants[0]
    return f"""\
# Needs Ollama {_OLLAMA_MINIMUM} or later, the first version with this renderer and parser.
FROM ./{file_name(name, chosen)}
RENDERER functiongemma
PARSER functiongemma
PARAMETER stop <end_of_turn>
PARAMETER stop <start_function_response>
PARAMETER temperature 0
PARAMETER num_ctx {_CONTEXT}
"""
