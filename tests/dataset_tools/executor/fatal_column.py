"""A Parquet column with values that are fatal to decode; separate from poison.py, because Arrow starts threads."""

from typing import Any

import pyarrow as pa

from dataset_tools.readers.shards import Shard
from tests.dataset_tools.executor import poison


def rows(shard: Shard) -> list[tuple[int, str]]:
    """Return the result of :func:`tests.dataset_tools.executor.poison.rows`; the import registers the column type."""
    return poison.rows(shard)


class ActScalar(pa.ExtensionScalar):
    """A text that acts when it is converted to a Python value."""

    def as_py(self, **_: Any) -> str:
        """Act, and return the text."""
        poison.act(self.value.as_py())
        return str(self.value)


class ActType(pa.ExtensionType):
    """A column whose values may be fatal when they are decoded."""

    def __init__(self) -> None:
        super().__init__(pa.string(), "tests.act")

    def __arrow_ext_serialize__(self) -> bytes:
        """Return no parameters."""
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> "ActType":
        """Return the type."""
        return cls()

    def __arrow_ext_scalar_class__(self) -> type[ActScalar]:
        """Return the class of the values."""
        return ActScalar


pa.register_extension_type(ActType())
