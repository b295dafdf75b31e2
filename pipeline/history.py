"""Carries over what has to outlive a build: the history of predictions, and the figures of the last published build."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipeline.errors import Stop
from pipeline.warehouse import Warehouse

HISTORY_COLUMNS = ("customer_id", "as_of_date", "predicted_clv", "model_id", "predicted_at")


def carry_over(warehouse: Warehouse, build: duckdb.DuckDBPyConnection) -> str:
    """Fills the new build with the published one's history. Returns a sentence where that was not the plain case.

    Every build starts in a new file: whatever wrote the published one, it stays as it was, and its history goes on.
    """
    remark = ""
    for published in (warehouse.published_file, warehouse.current / "previous" / "clv.duckdb"):
        if not published.exists():
            continue
        try:
            _copy_history(build, published)
            return remark
        except duckdb.Error as error:
            if "newer version" in str(error):
                raise Stop(
                    f"{published} was written by a newer DuckDB, whose history this one cannot read. "
                    "Use the version of this project that built it, or choose another folder with WAREHOUSE=."
                ) from None
            remark = (
                f"{published} cannot be read as a DuckDB file: it is replaced, and its history is not carried over."
            )
            build.execute("drop table if exists prediction_history")
            build.execute("drop table if exists last_build")
    return remark


def _copy_history(build: duckdb.DuckDBPyConnection, published: Path) -> None:
    build.execute(f"attach '{str(published).replace(chr(39), chr(39) * 2)}' as published (read_only)")
    try:
        columns = _columns(build)
        # Older versions of this project had no history yet, but predictions with their date.
        source = next(
            (t for t in ("prediction_history", "predictions") if set(HISTORY_COLUMNS) <= columns.get(t, set())), None
        )
        if source:
            build.execute(
                f"create table prediction_history as select {', '.join(HISTORY_COLUMNS)} from published.main.{source}"
            )
        if {"as_of_date", "predicted_clv"} <= columns.get("predictions", set()):
            build.execute(
                """
                create table last_build as
                select
                    max(as_of_date) as as_of_date,
                    count(*) as customers,
                    sum(predicted_clv) as predicted_clv
                from published.main.predictions
                """
            )
    finally:
        build.execute("detach published")


def _columns(build: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    rows = build.execute(
        "select table_name, column_name from duckdb_columns() where database_name = 'published'"
    ).fetchall()
    columns: dict[str, set[str]] = {}
    for table, column in rows:
        columns.setdefault(table, set()).add(column)
    return columns
