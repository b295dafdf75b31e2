"""Excel files: the one sheet with the orders, as CSV with a line for each row, dates and numbers in plain form."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path

from python_calamine import CalamineSheet, CalamineWorkbook, load_workbook

from pipeline.orders import names
from pipeline.orders.errors import OrdersError, plain
from pipeline.orders.source import Part
from pipeline.orders.text import unnamed_file


@contextmanager
def as_csv(part: Part, folder: Path) -> Iterator[Path]:
    """A CSV file of the sheet, gone afterwards. Raises OrdersError where it is no workbook or has several sheets."""
    path = part.path
    try:
        workbook = load_workbook(str(path))
    except Exception as error:  # calamine raises what its reader of zip, XML or OLE raises
        raise OrdersError(
            f"{path} is damaged or no Excel file: {error}. Open it and save it as .xlsx or .csv."
        ) from None
    sheet = workbook.get_sheet_by_name(part.member) if part.member else _sheet(workbook, path)
    with unnamed_file(folder) as (file, csv_path):
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\n")
        for row in sheet.iter_rows():
            writer.writerow([_text(cell) for cell in row])
        text.detach().flush()
        yield csv_path


def _sheet(workbook: CalamineWorkbook, path: Path) -> CalamineSheet:
    sheets = [sheet for name in workbook.sheet_names if (sheet := workbook.get_sheet_by_name(name)).height > 1]
    if not sheets:
        raise OrdersError(f"{path} has no sheet with more than one row.")
    if len(sheets) > 1:
        knowing = []
        for sheet in sheets:
            rows = [list(map(str, row)) for _, row in zip(range(10), sheet.iter_rows(), strict=False)]
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
