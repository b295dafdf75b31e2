"""Excel files: the one sheet with the orders, as CSV with a line for each row, dates and numbers in plain form."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from python_calamine import CalamineSheet, CalamineWorkbook, load_workbook

from pipeline.orders import names
from pipeline.orders.errors import OrdersError, plain
from pipeline.orders.excel_errors import error_cells
from pipeline.orders.source import Part
from pipeline.orders.text import unnamed_file

_OF_A_WHOLE_ORDER = ("customer_id", "order_id", "created_at_date")
_LOOKED_AT = 10  # rows, for the one that names the columns
_converted: ContextVar[tuple[ExitStack, dict[Part, Path]] | None] = ContextVar("converted", default=None)


@contextmanager
def converted_once() -> Iterator[None]:
    """Within it a sheet is converted the first time that it is needed, and its CSV file kept to the end."""
    if _converted.get():
        yield
        return
    with ExitStack() as stack:
        token = _converted.set((stack, {}))
        stack.callback(_converted.reset, token)
        yield


@contextmanager
def as_csv(part: Part, folder: Path) -> Iterator[Path]:
    """A CSV file of the sheet, gone afterwards. Raises OrdersError where it is no workbook or has several sheets."""
    kept = _converted.get()
    if kept is None:
        with _csv_of(part, folder) as path:
            yield path
        return
    stack, paths = kept
    if part not in paths:
        paths[part] = stack.enter_context(_csv_of(part, folder))
    yield paths[part]


@contextmanager
def _csv_of(part: Part, folder: Path) -> Iterator[Path]:
    path = part.path
    try:
        workbook = load_workbook(str(path))
    except Exception as error:  # calamine raises what its reader of zip, XML or OLE raises
        raise OrdersError(
            f"{path} is damaged or no Excel file: {error}. Open it and save it as .xlsx or .csv."
        ) from None
    sheet = workbook.get_sheet_by_name(part.member) if part.member else _sheet(workbook, path)
    errors = error_cells(path, sheet.name)
    left = sheet.start[1] if sheet.start else 0  # rows are given from the first one, columns from the first in use
    with unnamed_file(folder) as (file, csv_path):
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\n")
        for number, row in enumerate(_unmerged(sheet)):
            cells = [_text(cell) for cell in row]
            for column, failed in errors.get(number, ()):
                cells[column - left] = failed
            writer.writerow(cells)
        text.detach().flush()
        yield csv_path


def _unmerged(sheet: CalamineSheet) -> Iterator[list[Any]]:
    """The rows, with what one cell says of several orders' or lines' rows on each of them; never money or pieces."""
    merged = [(first, last) for first, last in sheet.merged_cell_ranges or [] if last[0] > first[0]]
    if not merged:
        yield from sheet.iter_rows()
        return
    left = sheet.start[1] if sheet.start else 0
    beginning = [list(map(str, row)) for _, row in zip(range(_LOOKED_AT), sheet.iter_rows(), strict=False)]
    header = max(beginning, key=names.known, default=[])
    filled = {i for column in _OF_A_WHOLE_ORDER for group in names.candidates(column, header) for i in group}
    until = {(first[0], first[1]): last[0] for first, last in merged if first[1] - left in filled}
    open_cells: dict[int, tuple[int, Any]] = {}
    for number, row in enumerate(sheet.iter_rows()):
        for column, (last, cell) in list(open_cells.items()):
            if number <= last:
                row[column] = cell
            else:
                del open_cells[column]
        for column in filled:
            if (number, column + left) in until:
                open_cells[column] = (until[number, column + left], row[column])
        yield row


def _sheet(workbook: CalamineWorkbook, path: Path) -> CalamineSheet:
    sheets = [sheet for name in workbook.sheet_names if (sheet := workbook.get_sheet_by_name(name)).height > 1]
    if not sheets:
        raise OrdersError(f"{path} has no sheet with more than one row.")
    if len(sheets) > 1:
        knowing = []
        for sheet in sheets:
            rows = [list(map(str, row)) for _, row in zip(range(_LOOKED_AT), sheet.iter_rows(), strict=False)]
            if max((names.known(row) for row in rows), default=0) >= 3:
                knowing.append(sheet)
        if len(knowing) != 1:
            titles = ", ".join(plain(sheet.name) for sheet in knowing or sheets)
            raise OrdersError(
                f"{path} has several sheets that may hold the orders: {titles}. Save the right one as .csv."
            )
        sheets = knowing
    return sheets[0]


def _text(cell: object) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d") if cell.time() == time() else cell.isoformat(" ", "seconds")
    if isinstance(cell, date | time | timedelta):
        return str(cell)
    return " ".join(str(cell).split("\n"))
