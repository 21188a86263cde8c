"""Options shared by ``afg evaluate``, ``call`` and ``serve``."""

from typing import Annotated

import typer

__all__ = ["BaseName", "MaxTokens", "ModelName"]

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="Run, adapter, weights, GGUF file, or Hub id.")]
MaxTokens = Annotated[int, typer.Option("--max-tokens", metavar="N", min=1, help="Limit of the tokens in an answer.")]
BaseName = Annotated[
    str, typer.Option("--base", metavar="PATH|ID", help="Base of an adapter, if it is not found by name.")
]
