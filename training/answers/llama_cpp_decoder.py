"""Decoding a GGUF file with llama.cpp, through a wheel that brings it ready-made: ``pip install xllamacpp``.

The file's own vocabulary turns our prompt into tokens. llama.cpp decodes several prompts side by side and takes up
the next as soon as one is done; each waits in a thread of its own.
"""

import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from importlib.metadata import version
from typing import Any

from dataset_tools.errors import InputError, TrainingError
from dataset_tools.prompt.render import Segment
from dataset_tools.samples.tokenizer import CONTROL_TOKENS
from training.answers.decoder import Answer
from training.answers.model_source import ModelSource
from training.base.gguf_header import read_header

__all__ = ["GgufDecoder"]

_BATCH = 8
_BOS = "<bos>"
_STOPS = ["<start_function_response>", "<end_of_turn>", "<eos>"]
_SILENT = -1
_STEP = 512  # tokens by which the room for a prompt grows


class GgufDecoder:
    """A model in llama.cpp.

    Args:
        source: the file.
        batch: prompts that are decoded together; 0 for what suits the machine.

    Raises:
        TrainingError: the wheel is not installed.
    """

    def __init__(self, source: ModelSource, batch: int = 0) -> None:
        try:
            import xllamacpp
        except ImportError as error:
            hint = "pip install 'arabic-functiongemma[gguf]'"
            raise TrainingError("GGUF files need llama.cpp", where=source.name, hint=hint) from error
        self._library: Any = xllamacpp
        self._source = source
        self._batch = batch or _BATCH
        self._context = read_header(source.path).context
        self._server: Any = None
        self._room = 0

    @property
    def facts(self) -> dict[str, Any]:
        """What it runs on."""
        device = "cpu" if len(self._library.get_device_info()) <= 1 else "gpu"
        return {"backend": f"llama.cpp, xllamacpp {version('xllamacpp')}", "device": device, "number": "as stored"}

    def answers(self, prompts: Sequence[Sequence[Segment]], max_tokens: int) -> Iterator[tuple[int, Answer]]:
        """An answer to each prompt, as they come.

        Raises:
            InputError: a prompt is longer than what the model reads, or the file cannot be loaded.
        """
        texts = ["".join([part.text for part in prompt]).removeprefix(_BOS) for prompt in prompts]
        server = self._serve(max((len(text.encode()) for text in texts), default=0) + max_tokens)
        with ThreadPoolExecutor(self._batch) as pool:
            waiting: dict[Future[Answer], int] = {}
            left = iter(enumerate(texts))
            try:
                for at, text in left:
                    waiting[pool.submit(self._ask, server, text, max_tokens)] = at
                    if len(waiting) >= self._batch:
                        yield from _done(waiting)
                while waiting:
                    yield from _done(waiting)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _serve(self, longest: int) -> Any:  # noqa: ANN401 - a server of llama.cpp
        """llama.cpp with room for so many tokens in each of its places; a byte is a token at the most. It is kept.

        It listens, too, though only on this machine: with a key that nobody knows. A prompt is never begun from what
        another left behind, so that an answer depends on its prompt alone.
        """
        room = (longest // _STEP + 1) * _STEP
        room = min(room, self._context) if self._context else room
        if self._server is not None and room <= self._room:
            return self._server
        self._server = None  # frees its memory first
        params = self._library.CommonParams()
        params.model.path = str(self._source.path)
        params.n_parallel = self._batch
        params.n_ctx = room * self._batch
        params.special = True
        params.cache_prompt = False
        params.warmup = False
        params.verbosity = _SILENT
        params.api_keys = [secrets.token_hex()]
        try:
            self._server = self._library.Server(params)
        except RuntimeError as error:
            what = "llama.cpp cannot load it: a damaged file, or too little memory"
            raise InputError(what, where=self._source.name, hint="download or convert it again") from error
        self._room = room
        return self._server

    def _ask(self, server: Any, text: str, max_tokens: int) -> Answer:  # noqa: ANN401 - a server of llama.cpp
        found = server.handle_completions(
            {
                "prompt": [CONTROL_TOKENS[_BOS], text],
                "max_tokens": max_tokens,
                "temperature": 0,
                "stop": _STOPS,
            }
        )
        if "error" in found:
            what = f"llama.cpp refuses a prompt: {found['error'].get('message', found['error'])}"
            raise InputError(what, where=self._source.name, hint="leave such rows out, or offer fewer tools")
        choice = found["choices"][0]
        stopped = choice["finish_reason"] == "stop"
        return Answer(choice["text"], found["usage"]["completion_tokens"] - stopped, stopped)  # less what stopped it


def _done(waiting: dict[Future[Answer], int]) -> Iterator[tuple[int, Answer]]:
    """The answers that are there, at least one."""
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        yield waiting.pop(future), future.result()
