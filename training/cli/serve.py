"""``afg serve``: parse, load a model, answer until told to stop."""

import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from training.answers.decoder import MAX_TOKENS, let_threads_sleep

__all__ = ["serve_command"]


def serve_command(
    model: Annotated[str, typer.Argument(help="A run, an adapter, a folder with weights, a GGUF file, or a Hub id.")],
    tools: Annotated[
        Path | None, typer.Option("--tools", metavar="FILE", help="Tools of requests that name none: a JSON array.")
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen; nothing protects it, so leave it on this machine.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8766,
    max_tokens: Annotated[int, typer.Option(min=1, help="The most tokens that an answer may have.")] = MAX_TOKENS,
    base: Annotated[str, typer.Option(metavar="PATH|ID", help="An adapter's base, where it is not found.")] = "",
) -> None:
    """Answer the chat interface of the OpenAI API on this machine, tool calls included, until Ctrl-C.

    Example: afg serve run --tools tools.json
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
        sys.stderr.write(f"afg serve: {model} answers at {server.url}; Ctrl-C stops it\n")
        server.serve_forever()
    sys.stderr.write("afg serve: stopped\n")


def _stop(_signal: int, _frame: object) -> NoReturn:
    """Stop as Ctrl-C does.

    Raises:
        KeyboardInterrupt: always.
    """
    raise KeyboardInterrupt
