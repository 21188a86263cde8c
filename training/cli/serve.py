"""``afg serve``: parse, load a model, answer requests until stopped."""

import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from training.answers.decoder import MAX_TOKENS, let_threads_sleep
from training.cli.options import BaseName, MaxTokens, ModelName

__all__ = ["serve_command"]


def serve_command(
    model: ModelName,
    tools: Annotated[
        Path | None,
        typer.Option("--tools", "--tools-file", metavar="FILE", help="Tools for requests without any: a JSON array."),
    ] = None,
    host: Annotated[str, typer.Option(metavar="HOST", help="Address; the server has no password.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="Port; 0 chooses a free one.")] = 8766,
    max_tokens: MaxTokens = MAX_TOKENS,
    base: BaseName = "",
) -> None:
    """Serve a model on this machine with the OpenAI chat API.

    Tool calls are supported. Ctrl-C stops the server.

    Examples:
        afg serve run --tools tools.json
        afg serve release/gguf/NAME-Q8_0.gguf --port 0
    """
    from dataset_tools.records.reading import load_tools
    from training.answers.decode import DecodeOptions, load_decoder
    from training.answers.model_source import find_model
    from training.serve.server import ChatServer

    let_threads_sleep()
    declared = list(load_tools(tools).values()) if tools else []
    source = find_model(model, base=base)
    decoder = load_decoder(source, DecodeOptions(batch=1, max_tokens=max_tokens, base=base))
    signal.signal(signal.SIGTERM, _stop)
    with suppress(KeyboardInterrupt), ChatServer(decoder, model, declared, (host, port), max_tokens) as server:
        sys.stderr.write(f"afg serve: {model} is ready at {server.url}; stop it with Ctrl-C\n")
        server.serve_forever()
    sys.stderr.write("afg serve: stopped\n")


def _stop(_signal: int, _frame: object) -> NoReturn:
    """Stop like Ctrl-C."""
    raise KeyboardInterrupt
