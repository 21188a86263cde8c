"""Benchmark of the decoding in ``afg evaluate`` against its backends, with the same prompts and weights.

Each side runs in its own process: ``python benchmarks/decoding.py SIDE FOLDER`` with one of

torch-ours, torch-plain
    `TorchDecoder`, and ``tokenizer(...)`` with ``model.generate(...)`` over the same batches of eight.
gguf-ours, gguf-plain
    `GgufDecoder`, and ``xllamacpp.Server.handle_completions`` from eight threads; loading the file is included.

Loading of the torch weights and rendering of the prompts are not included. Idle threads sleep on all sides, because
spinning threads slow down many times if another program uses a core.
"""

import hashlib
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

__all__ = ["decode"]

_ROOT = Path(__file__).parent.parent
_ROWS, _BATCH, _MAX_TOKENS = 16, 8, 64
_STOPS = (1, 50, 106)

Side = Callable[[], list[str]]


def decode(folder: Path, times: int) -> None:
    """Print seconds and CPU seconds of both backends, with and without our decoder, in turns."""
    _write_models(folder)
    for backend in ("torch", "gguf"):
        runs: dict[str, list[dict[str, Any]]] = {f"{backend}-ours": [], f"{backend}-plain": []}
        for _ in range(times):
            for side, values in runs.items():
                values.append(_run(side, folder))
        for side, values in runs.items():
            seconds = [run["seconds"] for run in values]
            busy = statistics.median(run["busy"] for run in values)
            details = f"{min(seconds):.2f} to {max(seconds):.2f} s, {busy:.2f} s of CPU time"
            print(f"{f'{side}, {_ROWS} answers':<44}{statistics.median(seconds):8.2f} s   {details}")
        for name, measure in (("ratio", "seconds"), ("ratio of CPU time", "busy")):
            ratios = [plain[measure] / ours[measure] for ours, plain in zip(*runs.values(), strict=True)]
            span = f"{min(ratios):.2f} to {max(ratios):.2f}"
            print(f"{f'  {name}':<44}{statistics.median(ratios):8.2f} times    {span}")
        texts = {run["texts"] for values in runs.values() for run in values}
        print(f"{'  texts':<44}{'the same' if len(texts) == 1 else 'DIFFERENT'}", flush=True)


def _run(side: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, side, str(folder)]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return result


def _write_models(folder: Path) -> None:
    """Write the bundled model as a folder for transformers and as a GGUF file."""
    sys.path.insert(0, str(_ROOT / "tests" / "training"))
    from tiny_gguf import write_gguf

    from training.tiny import base_path, tokenizer_path

    for source in (base_path(), tokenizer_path()):
        shutil.copytree(source, folder / "tiny", dirs_exist_ok=True)
    layers = json.loads((folder / "tiny" / "config.json").read_text(encoding="utf-8"))["layer_types"]
    pattern = layers.index("full_attention") + 1
    write_gguf(folder / "tiny.gguf", folder / "tiny", gemma3__attention__sliding_window_pattern=pattern)


def _prompts() -> list[Any]:
    """Return the prompts of the first sample rows, as segments."""
    from dataset_tools.bundled import sample_path
    from training.answers.decode import prompt_of
    from training.evaluate.evaluate import read_questions

    return [prompt_of(question) for question in read_questions([str(sample_path())])[:_ROWS]]


def _ours(model: str, prompts: Sequence[Any]) -> Side:
    from training.answers.decode import DecodeOptions, load_decoder
    from training.answers.model_source import find_model

    decoder = load_decoder(find_model(model), DecodeOptions(batch=_BATCH))

    def answers() -> list[str]:
        return [answer.text for _, answer in sorted(decoder.answers(prompts, _MAX_TOKENS))]

    return answers


def _plain_torch(folder: str, prompts: Sequence[str]) -> Side:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    order = sorted(range(len(prompts)), key=lambda at: -len(tokenizer(prompts[at])["input_ids"]))

    def answers() -> list[str]:
        texts = [""] * len(prompts)
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            inputs = tokenizer(
                [prompts[at] for at in places], padding=True, add_special_tokens=False, return_tensors="pt"
            )
            with torch.inference_mode():
                out = model.generate(
                    **inputs, do_sample=False, max_new_tokens=_MAX_TOKENS, eos_token_id=list(_STOPS), pad_token_id=0
                )
            for at, ids in zip(places, out[:, inputs["input_ids"].shape[1] :].tolist(), strict=True):
                end = next((end for end, token in enumerate(ids) if token in _STOPS), len(ids))
                texts[at] = tokenizer.decode(ids[:end])
        return texts

    return answers


def _plain_gguf(path: str, prompts: Sequence[str]) -> Side:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = _BATCH * 4096
    params.n_parallel = _BATCH
    params.special = True
    params.cache_prompt = False
    params.warmup = False
    params.verbosity = -1
    stops = ["<start_function_response>", "<end_of_turn>", "<eos>"]
    asked = {"max_tokens": _MAX_TOKENS, "temperature": 0, "stop": stops}

    def answers() -> list[str]:
        server = xllamacpp.Server(params)
        with ThreadPoolExecutor(_BATCH) as threads:
            found = threads.map(
                lambda prompt: server.handle_completions({"prompt": prompt.removeprefix("<bos>"), **asked}), prompts
            )
            return [one["choices"][0]["text"] for one in found]

    return answers


def main(side: str, folder: str) -> None:
    """Run one side once and print its time."""
    from training.answers.decoder import let_threads_sleep

    let_threads_sleep()
    prompts = _prompts()
    texts = ["".join(part.text for part in prompt) for prompt in prompts]
    weights, path = str(Path(folder) / "tiny"), str(Path(folder) / "tiny.gguf")
    answers: dict[str, Callable[[], Side]] = {
        "torch-ours": lambda: _ours(weights, prompts),
        "torch-plain": lambda: _plain_torch(weights, texts),
        "gguf-ours": lambda: _ours(path, prompts),
        "gguf-plain": lambda: _plain_gguf(path, texts),
    }
    made = answers[side]()
    start, before = time.perf_counter(), time.process_time()
    found = made()
    seconds, busy = time.perf_counter() - start, time.process_time() - before
    digest = hashlib.sha256(json.dumps(found).encode()).hexdigest()
    print(json.dumps({"seconds": seconds, "busy": busy, "texts": digest}))


if __name__ == "__main__":
    main(*sys.argv[1:])
