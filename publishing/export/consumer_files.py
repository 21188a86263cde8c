"""What stands in the parts of a release beside weights: the adapter's files, the parser, examples, a Modelfile."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from dataset_tools.io.checksums import sha256
from dataset_tools.prompt import parser
from publishing.export.gguf import file_name
from publishing.export.run import ADAPTER_CONFIG, TEMPLATE, ExportedRun

__all__ = ["OLLAMA_MINIMUM", "consumer_files", "modelfile", "write_adapter", "write_consumer_files"]

OLLAMA_MINIMUM = "0.13.5"
"""The first version of Ollama that knows FunctionGemma's renderer and parser."""

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
    """The adapter as it was trained, naming its base by the name that others know."""
    shutil.copyfile(run.adapter / "adapter_model.safetensors", folder / "adapter_model.safetensors")
    for name in _TOKENIZER_FILES:
        for source in (run.adapter / name, run.base.tokenizer.folder / name):
            if source.is_file():
                shutil.copyfile(source, folder / name)
                break
    config = json.loads((run.adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    config |= {
        "base_model_name_or_path": run.base_id,
        "revision": run.base_revision or None,
        "auto_mapping": None,  # a trainer's own classes, which nobody needs to load it
        "inference_mode": True,
        "task_type": "CAUSAL_LM",
    }
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def write_consumer_files(folder: Path, part: str) -> None:
    """The parser of the model's output, and the examples of a part."""
    for source, name in _sources(part).items():
        shutil.copyfile(source, folder / name)


def consumer_files(part: str) -> dict[str, str]:
    """The hashes of what :func:`write_consumer_files` writes, by name."""
    return {name: sha256(source) for source, name in _sources(part).items()}


def _sources(part: str) -> dict[Path, str]:
    examples = {_CONSUME / source: name for source, name in _EXAMPLES[part].items()}
    return {Path(str(parser.__file__)): _PARSER, **examples}


def modelfile(name: str, quants: Sequence[str]) -> str:
    """What `ollama create` reads: the file, how prompts are made and calls read, where an answer ends."""
    chosen = "q8_0" if "q8_0" in quants else quants[0]
    lines = [
        f"# Needs Ollama {OLLAMA_MINIMUM} or later, the first with this renderer and this parser.",
        f"FROM ./{file_name(name, chosen)}",
        "RENDERER functiongemma",
        "PARSER functiongemma",
        "PARAMETER stop <end_of_turn>",
        "PARAMETER stop <start_function_response>",
        "PARAMETER temperature 0",
        f"PARAMETER num_ctx {_CONTEXT}",
    ]
    return "\n".join(lines) + "\n"
