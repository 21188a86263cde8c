"""Worker process around llama.cpp: one JSON request on standard input, one JSON result on standard output.

llama.cpp aborts the process on a damaged file, and loads another thread library than torch. So only this module imports
it (the wheel is `cyllama`), and :mod:`publishing.export.llama_cpp` runs this module.
"""

import array
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["main"]

_TYPES = {"q8_0": 7, "q4_k_m": 15}  # llama.cpp's numbers of file types
_NAMES = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K",
          13: "Q5_K", 14: "Q6_K", 20: "IQ4_NL", 23: "IQ4_XS", 30: "BF16"}  # fmt: skip
_FACTS = ("general.architecture", "general.file_type", "tokenizer.chat_template", "tokenizer.ggml.add_bos_token",
          "tokenizer.ggml.bos_token_id")  # fmt: skip
_BATCH = 2048
_ADD_BOS = _READ_CONTROL_TOKENS = True
_STATUS = Path("/proc/self/status")


def add_keys(library: Any, path: str, out: str, keys: dict[str, int]) -> dict[str, Any]:  # noqa: ANN401
    """Copy ``path`` to ``out`` with more keys in its header; the weights stay the same."""
    head = library.GGUFContext.from_file(path)
    start = head.data_offset
    for key, token in keys.items():
        head.set_val_u32(key, token)
    head.write_to_file(out, only_meta=True)
    with Path(path).open("rb") as source, Path(out).open("ab") as target:
        source.seek(start)
        shutil.copyfileobj(source, target, 1 << 20)
    return {}


def quantize(library: Any, path: str, out: str, quant: str, threads: int) -> dict[str, Any]:  # noqa: ANN401
    """Copy ``path`` to ``out`` with its matrices in another type."""
    params = library.LlamaModelQuantizeParams()
    params.ftype = _TYPES[quant]
    params.nthread = threads
    library.model_quantize(path, out, params)
    return {}


def describe(library: Any, path: str) -> dict[str, Any]:  # noqa: ANN401
    """Return facts of a file's header, types of its tensors, size of its vocabulary, and stop tokens."""
    head = library.GGUFContext.from_file(path)
    facts = {key: head.get_value(key) for key in _FACTS if head.find_key(key) >= 0}
    tensors = {info["name"]: _NAMES.get(info["type"], str(info["type"])) for info in head.get_all_tensor_info()}
    model = _model(library, path)  # keeps the model alive, as the vocabulary needs it
    vocabulary = model.get_vocab()
    stops = [token for token in range(vocabulary.n_vocab) if vocabulary.is_eog(token)]
    return {
        "facts": facts,
        "tensors": tensors,
        "vocabulary": vocabulary.n_vocab,
        "stops": [(token, vocabulary.get_text(token)) for token in stops],
    }


def answer(
    library: Any,  # noqa: ANN401
    path: str,
    prompts: list[str],
    *,
    max_tokens: int,
    threads: int,
    logits: str = "",
) -> dict[str, Any]:
    """Return the tokens of prompts and of greedy answers; write the logits after the first prompt into a file.

    The prompts have no BOS, because llama.cpp adds it.
    """
    model = _model(library, path)
    vocabulary = model.get_vocab()
    tokens = [list(vocabulary.tokenize(prompt, _ADD_BOS, _READ_CONTROL_TOKENS)) for prompt in prompts]
    context = _context(library, model, max(map(len, tokens), default=0) + max_tokens, threads)
    answers = []
    for at, row in enumerate(tokens):
        context.kv_cache_clear()
        _feed(library, context, row, 0)
        if at == 0 and logits:
            Path(logits).write_bytes(array.array("f", context.get_logits_ith(-1)).tobytes())
        answers.append(_greedy(library, context, len(row), max_tokens, vocabulary.is_eog))
    return {"tokens": tokens, "answers": answers}


def measure(
    library: Any,  # noqa: ANN401
    path: str,
    *,
    token: int,
    context: int,
    decode: int,
    threads: int,
) -> dict[str, Any]:
    """Return tokens per second of reading ``context`` tokens and writing ``decode`` more, and the peak memory."""
    model = _model(library, path)
    loaded = _context(library, model, context + decode, threads)
    _feed(library, loaded, [token] * 8, 0)  # the first use of the weights reads them from the disk
    loaded.kv_cache_clear()
    start = time.perf_counter()
    _feed(library, loaded, [token] * context, 0)
    read = time.perf_counter()
    _greedy(library, loaded, context, decode + 1, lambda _token: False)  # reading gives the first one
    done = time.perf_counter()
    return {
        "prefill": context / (read - start),
        "decode": decode / (done - read),
        "peak_bytes": _peak_bytes(),
    }


def _peak_bytes() -> int | None:
    """Return the peak memory of this process; None if the system does not report it."""
    if not _STATUS.is_file():
        return None
    # The resource module would include the parent process.
    lines = _STATUS.read_text(encoding="utf-8").splitlines()
    held = next((line for line in lines if line.startswith("VmHWM")), None)
    return int(held.split()[1]) * 1024 if held else None


def _model(library: Any, path: str) -> Any:  # noqa: ANN401
    params = library.LlamaModelParams()
    params.n_gpu_layers = 0
    # The binding reads a size of the model that this version lacks.
    kind = type("Model", (library.LlamaModel,), {"n_vocab": property(lambda model: model.get_vocab().n_vocab)})
    return kind(path_model=path, params=params, verbose=False)


def _context(library: Any, model: Any, size: int, threads: int) -> Any:  # noqa: ANN401
    params = library.LlamaContextParams()
    params.n_ctx = size
    params.n_batch = params.n_ubatch = min(_BATCH, size)
    params.n_threads = params.n_threads_batch = threads
    return library.LlamaContext(model=model, params=params, verbose=False)


def _feed(library: Any, context: Any, tokens: list[int], position: int) -> None:  # noqa: ANN401
    for start in range(0, len(tokens), _BATCH):
        context.decode(library.llama_batch_get_one(tokens[start : start + _BATCH], position + start))


def _greedy(
    library: Any,  # noqa: ANN401
    context: Any,  # noqa: ANN401
    position: int,
    most: int,
    is_stop: Callable[[int], bool],
) -> list[int]:
    """Return greedily chosen ids, with the stop id."""
    sampler = library.LlamaSampler(library.LlamaSamplerChainParams())
    sampler.add_greedy()
    made: list[int] = []
    while len(made) < most:
        made.append(sampler.sample(context, -1))
        if is_stop(made[-1]) or len(made) == most:
            break
        _feed(library, context, [made[-1]], position + len(made) - 1)
    return made


_TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "add_keys": add_keys,
    "quantize": quantize,
    "describe": describe,
    "answer": answer,
    "measure": measure,
}


def main() -> None:
    """Run the task that standard input names."""
    request = json.load(sys.stdin)
    from cyllama.llama import llama_cpp  # type: ignore[import-not-found,import-untyped,unused-ignore]

    llama_cpp.disable_logging()
    result = _TASKS[request.pop("task")](llama_cpp, **request)
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main()
