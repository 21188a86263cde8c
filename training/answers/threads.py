"""How the threads of a model wait for each other."""

import os

__all__ = ["wait_asleep"]


def wait_asleep() -> None:
    """Let threads of torch and llama.cpp sleep while they wait, unless the environment says otherwise.

    Awake, they take minutes where another program has one of the cores. It has to be said before torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
