"""The adapter of a finished run on disk: what PEFT loads, with the base's tokenizer and template as they are."""

import json
import shutil
from pathlib import Path
from typing import Any

from dataset_tools.errors import TrainingError
from training.base.base import Base

__all__ = ["save_adapter"]

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "*_config.json", "*_tokens*.json", "chat_template.jinja")
_NOT_OURS = {"generation_config.json", "adapter_config.json"}
_CONFIG = "adapter_config.json"


def save_adapter(model: Any, base: Base, folder: Path) -> None:  # noqa: ANN401 - a patched model
    """Write the adapter of ``model`` to ``folder``, which appears when it is whole.

    Raises:
        TrainingError: PEFT has written no weights.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(partial)
    (partial / "README.md").unlink(missing_ok=True)  # a form to fill in; the card is written when a model is published
    if not any(partial.glob("*.safetensors")):
        raise TrainingError("the adapter was not written", where=str(folder))
    _name_base(partial / _CONFIG, base)
    for pattern in _TOKENIZER_FILES:
        for path in base.tokenizer.folder.glob(pattern):
            if path.name not in _NOT_OURS:
                shutil.copyfile(path, partial / path.name)
    for path in partial.iterdir():  # weights come readable by their owner alone, from a temporary file
        path.chmod((partial / _CONFIG).stat().st_mode)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _name_base(path: Path, base: Base) -> None:
    """Name the base as the user did: PEFT knows only the folder on this machine. Targets are put in order, too."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base.name
    config["revision"] = base.revision or None
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
