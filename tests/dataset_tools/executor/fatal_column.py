"""A column that is fatal to decode. A module of its own: Arrow has threads, and poison.py is for processes without."""

from typing import Any

import pyarrow as pa

from dataset_tools.readers.shards import Shard
from tests.dataset_tools.executor import poison


def rows(shard: Shard) -> list[tuple[int, str]]:
    """As :func:`tests.dataset_tools.executor.poison.rows`; whoever imports this module knows the column's type."""
    return poison.rows(shard)


class ActScalar(pa.ExtensionScalar):
    """A text that acts when Python wants to see it."""

    def as_py(self, **_: Any) -> str:
        """The text, if there is still a process."""
        poison.act(self.value.as_py())
        return str(self.value)


class ActType(pa.ExtensionType):
    """A column whose values may be fatal to whoever decodes them, once they are read from the file."""

    def __init__(self) -> None:
        super().__init__(pa.string(), "tests.act")

    def __arrow_ext_serialize__(self) -> bytes:
        """It has no parameters."""
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> "ActType":
        """As above."""
        return cls()

    def __arrow_ext_scalar_class__(self) -> type[ActScalar]:
        """What a value is seen as."""
        return ActScalar


pa.register_extension_type(ActType())
