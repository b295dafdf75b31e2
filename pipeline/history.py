"""Carries over what has to outlive a build: the history of predictions, and the figures of the last published build."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from pipeline.errors import Stop
from pipeline.failures import DISK_FULL
from pipeline.warehouse import Warehouse

HISTORY = {
    "customer_id": "varchar",
    "as_of_date": "date",
    "predicted_clv": "double",
    "model_id": "varchar",
    "predicted_at": "timestamp",
}


def carry_over(warehouse: Warehouse, build: duckdb.DuckDBPyConnection) -> str:
    """Fills the new build with the published one's history. Returns a sentence where that was not the plain case.

    Every build starts in a new file: whatever wrote the published one, it stays as it was, and its history goes on.
    Raises Stop where the published file is whole but cannot be read now: to go on would lose its history.
    """
    remarks = []
    if warehouse.current.is_symlink() and not warehouse.published_file.exists():
        remarks.append(f"{warehouse.published_file} was gone: this build puts it back")
    for published in warehouse.published_files():
        try:
            told = _copy_history(build, published)
        except duckdb.Error as error:
            _stop_unless_damaged(published, error)
            remarks.append(f"{published} is damaged and this build replaces it ({str(error).splitlines()[0]})")
            for table in ("prediction_history", "last_build"):
                build.execute(f"drop table if exists {table}")
        else:
            if remarks:
                told = f"the history goes on from {published.resolve()}"
            return "; ".join([*remarks, *([told] if told else [])])
    return "; ".join([*remarks, "no history was left to carry over"]) if remarks else ""


def _copy_history(build: duckdb.DuckDBPyConnection, published: Path) -> str:
    """Copies it row by row. Returns what is to be said of a file that another version wrote."""
    build.execute(f"attach '{str(published).replace(chr(39), chr(39) * 2)}' as published (read_only)")
    try:
        columns = _columns(build)
        # Older versions of this project had no history yet, but predictions with their date.
        source = next((t for t in ("prediction_history", "predictions") if HISTORY.keys() <= columns.get(t, set())), "")
        if source:
            build.execute(f"create table prediction_history ({', '.join(f'{n} {t}' for n, t in HISTORY.items())})")
            build.execute(f"insert into prediction_history select {', '.join(HISTORY)} from published.main.{source}")
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
        return _another_version(build, published, columns, carried=bool(source))
    finally:
        build.execute("detach published")


def _another_version(build: duckdb.DuckDBPyConnection, published: Path, columns: dict, carried: bool) -> str:
    if {"project_version", "duckdb_version"} <= columns.get("build_info", set()):
        project, engine, this_engine = build.execute(
            "select project_version, duckdb_version, version() from published.main.build_info"
        ).fetchall()[0]
        if engine == this_engine:
            return ""
        writer = f"DuckDB {engine} (version {project} of this project)"
    else:
        writer = "an older version of this project"
    history = "its history is carried over" if carried else "it has no predictions with a date to carry over"
    return f"{published} was written by {writer}: this build is a new file beside it, and {history}"


def _stop_unless_damaged(published: Path, error: duckdb.Error) -> None:
    """Raises what stops the build where the file itself is sound."""
    text = str(error)
    if DISK_FULL.search(text) or isinstance(error, duckdb.OutOfMemoryException):
        raise error
    if "newer version" in text:
        raise Stop(
            f"{published} was written by a newer DuckDB, whose history this one cannot read. "
            "Use the version of this project that built it, or choose another folder with WAREHOUSE=."
        ) from None
    if "Could not set lock" in text:
        raise Stop(
            f"{published} is open for writing in another program, so its history cannot be read. "
            "Close it there, and open it read-only from now on: make sql"
        ) from None
    if not os.access(published, os.R_OK):
        raise Stop(f"{published} cannot be read: permission denied. See who may: ls -l {published.resolve()}") from None


def _columns(build: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    rows = build.execute(
        "select table_name, column_name from duckdb_columns() where database_name = 'published'"
    ).fetchall()
    columns: dict[str, set[str]] = {}
    for table, column in rows:
        columns.setdefault(table, set()).add(column)
    return columns
