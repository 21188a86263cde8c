"""Who does the shards of a run: processes of this machine, or a Ray cluster. What comes out is the same."""

from dataset_tools.engines.base import Engine
from dataset_tools.engines.local import Local

__all__ = ["Engine", "Local"]
