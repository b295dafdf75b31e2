"""Rows as they come into one Parquet file, whose columns say by their types what `pipeline.orders` need not guess."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

KEPT = (
    pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal,
    pa.types.is_date, pa.types.is_time, pa.types.is_timestamp,
    pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null,
)  # fmt: skip


class Unreadable(Exception):
    """What holds the rows has failed while they were read."""


def write(rows: pa.RecordBatchReader, path: Path) -> None:
    """One batch at a time. Raises Unreadable where the rows break off: what is written then is not to be used.

    Types that no column of an order line has, such as lists and bytes, are left out. A number that came as text, to
    stay exact, is still named as a number in the file.
    """
    from pyarrow.parquet import ParquetWriter  # takes a while to import, which builds of files should not wait for

    kept = [i for i, column in enumerate(rows.schema) if any(test(_stored(column.type)) for test in KEPT)]
    columns = [rows.schema.field(i) for i in kept]
    numbers = [column.name for column in columns if getattr(column.type, "type_name", "") == "numeric"]
    schema = pa.schema(
        [pa.field(column.name, _plain(_stored(column.type))) for column in columns], {"numbers": json.dumps(numbers)}
    )
    with ParquetWriter(path, schema, compression="lz4") as file:
        for batch in _batches(rows):
            arrays = [_as_plain(batch.column(i)) for i in kept]
            file.write_batch(pa.record_batch(arrays, schema=schema))


def _batches(rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    from adbc_driver_manager import Error

    try:
        yield from rows
    except (OSError, pa.ArrowException, Error) as error:
        raise Unreadable(str(error)) from None


def _stored(found: pa.DataType) -> pa.DataType:
    found = found.storage_type if isinstance(found, pa.BaseExtensionType) else found
    return found.value_type if pa.types.is_dictionary(found) else found


def _plain(found: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(found):
        return pa.timestamp("us")
    if pa.types.is_null(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found):
        return pa.string()
    return found


def _as_plain(column: pa.Array) -> pa.Array:
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type) and column.type.tz:
        from pyarrow.compute import local_timestamp  # likewise

        column = local_timestamp(column)  # the day that the database would show
    return column.cast(_plain(column.type), safe=False)
