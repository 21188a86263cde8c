"""Decoding of GGUF files with llama.cpp, from the prebuilt wheel ``xllamacpp``.

The file's own vocabulary tokenizes the prompts. Several prompts are decoded in parallel, one thread each.
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
_STEP = 512  # tokens by which the context of a slot grows


class GgufDecoder:
    """A model in llama.cpp.

    Args:
        source: the file.
        batch: prompts decoded together; 0 chooses.

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
        """Library and version, device, and dtype."""
        device = "cpu" if len(self._library.get_device_info()) <= 1 else "gpu"
        return {"backend": f"llama.cpp, xllamacpp {version('xllamacpp')}", "device": device, "number": "as stored"}

    def answers(self, prompts: Sequence[Sequence[Segment]], max_tokens: int) -> Iterator[tuple[int, Answer]]:
        """Yield the index of each prompt with its answer, as they come.

        Raises:
            InputError: a prompt is longer than the context of the model, or the file cannot be loaded.
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
        """Return a server with a context of at least ``longest`` tokens per slot; a token has at least one byte.

        The server also listens on this machine, so it gets a random key. Without a prompt cache, an answer depends on
        its prompt only.
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
            what = "llama.cpp cannot load the file: it is damaged, or memory is too small"
            raise InputError(what, where=self._source.name, hint="download or convert it again") from error
        self._room = room
        return self._server

    def _ask(self, server: Any, text: str, max_tokens: int) -> Answer:  # noqa: ANN401 - a server of llama.cpp
        prompt = [CONTROL_TOKENS[_BOS], text]
        result = server.handle_completions(
            {"prompt": prompt, "max_tokens": max_tokens, "temperature": 0, "stop": _STOPS}
        )
        if "error" in result:
            what = f"llama.cpp rejects a prompt: {result['error'].get('message', result['error'])}"
            raise InputError(what, where=self._source.name, hint="drop such rows, or offer fewer tools")
        choice = result["choices"][0]
        stopped = choice["finish_reason"] == "stop"
        return Answer(choice["text"], result["usage"]["completion_tokens"] - stopped, stopped)  # without the stop token


def _done(waiting: dict[Future[Answer], int]) -> Iterator[tuple[int, Answer]]:
    """Yield the finished answers, at least one."""
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        yield waiting.pop(future), future.result()
