"""Rows of Parquet files of any schema as JSON; types that JSON lacks become text, NaN is an error."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import orjson

from dataset_tools.errors import DamagedError, InputError, RowError
from dataset_tools.io.json_text import parse_json
from dataset_tools.io.remote_path import RemotePath, unreadable
from schemas.record import JsonObject

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ParquetRow", "iter_rows", "open_parquet", "row_groups"]

_BATCH = 256  # rows in memory at a time

Decoder = Callable[[Any, str], Any]
"""Function that turns a value of Arrow into JSON; the text is the column's name, for errors."""


class ParquetRow(NamedTuple):
    """One row of a table, numbered from 1 over the whole file."""

    number: int
    value: JsonObject | None
    error: RowError | None


def row_groups(path: Path, shard_bytes: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield runs of row groups of about ``shard_bytes``: first, one past the last, first row's number, size on disk.

    Raises:
        InputError: the file is not a complete Parquet file.
    """
    metadata = open_parquet(path).metadata
    start, first_row, rows, size, plain = 0, 1, 0, 0, 0
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        rows += group.num_rows
        plain += group.total_byte_size
        size += sum(group.column(column).total_compressed_size for column in range(group.num_columns))
        if plain >= shard_bytes or index == metadata.num_row_groups - 1:
            yield start, index + 1, first_row, size
            start, first_row, rows, size, plain = index + 1, first_row + rows, 0, 0, 0


def iter_rows(
    path: Path, start: int, stop: int, first_row: int, begin: Callable[[int, int], bool] | None = None
) -> Iterator[ParquetRow]:
    """Yield the rows of the row groups [start, stop), read in batches.

    With ``begin``, rows are decoded one by one. It is called before each with the row's number and size in memory; a
    row for which it returns False is not decoded and has neither value nor error.

    Raises:
        DamagedError: the row groups are damaged; earlier rows have been yielded.
        InputError: the file cannot be read.
    """
    import pyarrow as pa

    file = open_parquet(path)
    decoders = _decoders(file.schema_arrow)
    number = first_row
    groups = list(range(start, stop if stop >= 0 else file.metadata.num_row_groups))
    batches = file.iter_batches(batch_size=_BATCH, row_groups=groups, use_threads=False)
    while True:
        try:
            batch = next(batches, None)
        except (OSError, pa.ArrowException) as error:
            if _is_fault(error):
                raise unreadable(error, path, number) from error
            raise DamagedError(
                f"damaged Parquet data: {error}", where=f"{path}:{number}", hint="download or write it again"
            ) from error
        if batch is None:
            return
        for value in _values(batch) if begin is None else _wanted_values(batch, number, begin):
            yield ParquetRow(number, None, None) if value is None else _row(number, value, decoders)
            number += 1


def open_parquet(path: Path) -> "pa.parquet.ParquetFile":
    """Open a Parquet file; only the footer is read.

    Raises:
        InputError: the file is not a complete Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path.open("rb") if isinstance(path, RemotePath) else path, pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        if _is_fault(error):
            raise unreadable(error, path) from error
        what = f"not a complete Parquet file: {error}"
        raise InputError(what, where=str(path), hint="download or write it again") from error


def _is_fault(error: Exception) -> TypeGuard[OSError]:
    """Return whether the system or the store failed, which set ``errno``, rather than the content of the file."""
    return isinstance(error, OSError) and error.errno is not None


def _wanted_values(
    batch: "pa.RecordBatch", number: int, begin: Callable[[int, int], bool]
) -> Iterator[JsonObject | RowError | None]:
    for index in range(batch.num_rows):
        row = batch.slice(index, 1)
        if begin(number + index, row.nbytes):
            yield from _values(row)
        else:
            yield None


def _values(batch: "pa.RecordBatch") -> Iterator[JsonObject | RowError]:
    """Yield the rows of a batch; a row that cannot be converted does not affect the others."""
    try:
        yield from batch.to_pylist(maps_as_pydicts="strict")
    except (UnicodeDecodeError, KeyError, ValueError, OverflowError) as error:
        if batch.num_rows == 1:
            yield RowError("unreadable-row", f"a value of the table cannot be read: {error}")
            return
        for index in range(batch.num_rows):
            yield from _values(batch.slice(index, 1))


def _row(number: int, value: JsonObject | RowError, decoders: dict[str, Decoder]) -> ParquetRow:
    if isinstance(value, RowError):
        return ParquetRow(number, None, value)
    try:
        for name, decode in decoders.items():
            value[name] = decode(value[name], name)
    except RowError as error:
        return ParquetRow(number, None, error)
    return ParquetRow(number, value, None)


def _decoders(schema: "pa.Schema") -> dict[str, Decoder]:
    """Return a decoder per column; none for columns whose values are JSON already."""
    features: dict[str, Any] = {}
    if note := (schema.metadata or {}).get(b"huggingface"):
        try:
            features = orjson.loads(note)["info"]["features"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            features = {}
    found = {field.name: _decoder(field.type, features.get(field.name)) for field in schema}
    return {name: decode for name, decode in found.items() if decode is not None}


def _decoder(kind: "pa.DataType", feature: Any) -> Decoder | None:  # noqa: ANN401, PLR0911 - one result per type
    import pyarrow as pa

    inner = feature if isinstance(feature, dict) else {}
    if isinstance(kind, pa.JsonType) or (inner.get("_type") == "Json" and pa.types.is_string(kind)):
        return _from_json
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _in_list(_decoder(kind.value_type, inner.get("feature")))
    if pa.types.is_struct(kind):
        found = {field.name: _decoder(field.type, inner.get(field.name)) for field in kind}
        return _in_struct({name: decode for name, decode in found.items() if decode is not None})
    if pa.types.is_map(kind):
        return _in_map(_decoder(kind.item_type, None))
    if pa.types.is_dictionary(kind):
        return _decoder(kind.value_type, None)
    if pa.types.is_floating(kind):
        return _finite
    plain = pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return None if plain or text else _as_text


def _from_json(value: Any, column: str) -> Any:  # noqa: ANN401
    if value is None:
        return None
    try:
        return parse_json(value.encode("utf-8"))
    except RowError as error:
        raise RowError(error.code, f"column {column!r}: {error.what}", hint=error.hint) from error


def _in_list(decode: Decoder | None) -> Decoder | None:
    if decode is None:
        return None
    return lambda value, column: None if value is None else [decode(item, column) for item in value]


def _in_map(decode: Decoder | None) -> Decoder | None:
    if decode is None:
        return None
    return lambda value, column: None if value is None else {key: decode(item, column) for key, item in value.items()}


def _in_struct(decoders: dict[str, Decoder]) -> Decoder | None:
    def decode(value: Any, column: str) -> Any:  # noqa: ANN401
        if value is not None:
            for name, inner in decoders.items():
                value[name] = inner(value[name], f"{column}.{name}")
        return value

    return decode if decoders else None


def _finite(value: Any, column: str) -> Any:  # noqa: ANN401
    if value is not None and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124 - NaN
        what = f"column {column!r} holds {value}, which is not JSON"
        raise RowError("unreadable-row", what, hint="write null or a number")
    return value


def _as_text(value: Any, column: str) -> Any:  # noqa: ANN401
    """Return dates, decimals and bytes, which JSON lacks, as text."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RowError("unreadable-row", f"column {column!r} holds bytes that are not UTF-8 text") from error
    return value.isoformat() if hasattr(value, "isoformat") else None if value is None else str(value)
