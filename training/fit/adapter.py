"""The adapter of a finished run on disk: PEFT's files with the base's tokenizer and chat template."""

import json
import shutil
from pathlib import Path
from typing import Any

from dataset_tools.errors import TrainingError
from dataset_tools.io.atomic_folder import AtomicFolder
from training.base.base import Base

__all__ = ["save_adapter"]

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "*_config.json", "*_tokens*.json", "chat_template.jinja")
_NOT_OURS = {"generation_config.json", "adapter_config.json"}
_CONFIG = "adapter_config.json"


def save_adapter(model: Any, base: Base, folder: Path) -> None:  # noqa: ANN401 - a patched model
    """Write the adapter of ``model`` to ``folder``, which appears only when it is complete.

    Raises:
        OutputError: the folder cannot be written.
        TrainingError: PEFT has written no weights.
    """
    with AtomicFolder(folder, ["*"]) as target:
        partial = target.file(_CONFIG).parent
        model.save_pretrained(partial)
        (partial / "README.md").unlink(missing_ok=True)  # PEFT's empty form; publishing writes the card
        if not any(partial.glob("*.safetensors")):
            raise TrainingError("PEFT wrote no adapter weights", where=str(folder))
        _name_base(partial / _CONFIG, base)
        for pattern in _TOKENIZER_FILES:
            for path in base.tokenizer.folder.glob(pattern):
                if path.name not in _NOT_OURS:
                    shutil.copyfile(path, partial / path.name)
        for path in partial.iterdir():  # PEFT writes the weights readable by their owner only
            path.chmod((partial / _CONFIG).stat().st_mode)


def _name_base(path: Path, base: Base) -> None:
    """Put the user's name of the base in the place of the local folder that PEFT knows, and sort the targets."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base.name
    config["revision"] = base.revision or None
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
