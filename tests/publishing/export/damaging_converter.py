"""A folder for ``--llama-cpp`` with the real converter, which damages its input or its output."""

from pathlib import Path

from publishing.export.gguf import find_converter

__all__ = ["AFTER", "BEFORE", "HTML", "damaging_converter"]

# Input: a copy of the merged weights, as `folder`, `config` and `tensors`.
BEFORE = {
    "weights": "tensors['model.layers.0.mlp.up_proj.weight'].neg_()",
    "number": "tensors['model.norm.weight'][0] = float('nan')",
    "template": "(folder / 'chat_template.jinja').write_text('{{ messages }}')",
    "model": "(folder / 'tokenizer.model').unlink()",
    "vocabulary": (
        "name = 'model.embed_tokens.weight'; config['vocab_size'] += 64; "
        "tensors[name] = torch.cat([tensors[name], tensors[name][:64]])"
    ),
}
# Output: a header, as `head`.
AFTER = {
    "stop": "head.set_val_u32('tokenizer.ggml.eos_token_id', 107)",
    "bos": "head.set_val_bool('tokenizer.ggml.add_bos_token', False)",
    "tokens": "head.set_val_bool('tokenizer.ggml.add_space_prefix', True)",
}
HTML = "html"
"""No damage: an unused token becomes Gemma 3's HTML tag, which llama.cpp takes for a stop token."""
_HTML_TAG = (
    "path = folder / 'tokenizer_config.json'; read = json.loads(path.read_text()); "
    "read['added_tokens_decoder']['6']['content'] = '</s>'; path.write_text(json.dumps(read))"
)
_SCRIPT = """
import json, shutil, subprocess, sys, tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

source, out = Path(sys.argv[1]), Path(sys.argv[sys.argv.index("--outfile") + 1])
with tempfile.TemporaryDirectory() as name:
    folder = Path(shutil.copytree(source, Path(name) / "merged"))
    config = json.loads((folder / "config.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    {before}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors", metadata={{"format": "pt"}})
    done = subprocess.run([sys.executable, {real!r}, str(folder), *sys.argv[2:]])
if done.returncode:
    sys.exit(done.returncode)
if {after!r} != "pass":
    from cyllama.llama.llama_cpp import GGUFContext

    whole = out.with_name("whole")
    out.rename(whole)
    head = GGUFContext.from_file(str(whole))
    start = head.data_offset
    {after}
    head.write_to_file(str(out), only_meta=True)
    with whole.open("rb") as weights, out.open("ab") as target:
        weights.seek(start)
        shutil.copyfileobj(weights, target)
    whole.unlink()
"""


def damaging_converter(folder: Path, damage: str) -> Path:
    """Write a converter with one of the changes above."""
    real = find_converter()
    assert real is not None
    before, after = {**BEFORE, HTML: _HTML_TAG}.get(damage, "pass"), AFTER.get(damage, "")
    text = _SCRIPT.format(before=before, after=after or "pass", real=str(real.script))
    folder.mkdir()
    (folder / "convert_hf_to_gguf.py").write_text(text, encoding="utf-8")
    return folder
