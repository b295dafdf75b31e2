"""Tables as one CSV file, written while it is sent."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from flask import Response, current_app
from pyarrow import csv

from api.routes.gzip import gzipped

FORMULA = r"^([=+\-@\t\r])"  # how a cell begins that a spreadsheet computes


def csv_file(tables: Iterable[pa.Table], build: str) -> Response:
    """The rows of one or more tables of the same columns, the first of which is customer_id."""
    safe_cells = current_app.extensions["settings"].safe_cells
    response = Response(_written(tables, safe_cells), content_type="text/csv; charset=utf-8")
    response.headers["Build-Id"] = build
    return gzipped(response, level=1)


def _written(tables: Iterable[pa.Table], safe_cells: bool) -> Iterator[bytes]:
    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    for number, table in enumerate(tables):
        if number == 0:
            yield (",".join(table.column_names) + "\n").encode()
        if safe_cells:
            table = table.set_column(0, table.column_names[0], _harmless(table.column(0)))
        chunk = io.BytesIO()
        csv.write_csv(table, chunk, options)
        if chunk.tell():
            yield chunk.getvalue()


def _harmless(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """With an apostrophe before each text that a spreadsheet would take for a formula; it shows the text after it."""
    return pc.replace_substring_regex(texts, FORMULA, r"'\1")
