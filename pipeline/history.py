"""Carries over what has to outlive a build: the history of predictions, and the figures of the last published build."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from pipeline.errors import ClvError
from pipeline.failures import DISK_FULL
from pipeline.warehouse import Warehouse, copy

HISTORY = {
    "customer_id": "varchar",
    "as_of_date": "date",
    "predicted_clv": "double",
    "model_id": "varchar",
    "predicted_at": "timestamp",
}
LAST_BUILD = (
    "select max(as_of_date) as as_of_date, count(*) as customers, sum(predicted_clv) as predicted_clv "
    "from {predictions}"
)


def carry_over(warehouse: Warehouse) -> str:
    """Begins the new build file with the published one's history. Returns a sentence where that was not the plain case.

    The published file stays as it was, whatever wrote it. Raises ClvError where it is whole but cannot be read now: to
    go on would lose its history.
    """
    remarks = []
    if warehouse.current.is_symlink() and not warehouse.published_file.exists():
        remarks.append(f"{warehouse.published_file} was gone: this build puts it back")
    for published in warehouse.published_files():
        try:
            told = _begin_with(published, warehouse)
        except duckdb.Error as error:
            _stop_unless_damaged(published, error)
            remarks.append(f"{published} is damaged and this build replaces it ({str(error).splitlines()[0]})")
            warehouse.build_file.unlink(missing_ok=True)
        else:
            if remarks:
                told = f"the history goes on from {published.resolve()}"
            return "; ".join([*remarks, *([told] if told else [])])
    return "; ".join([*remarks, "no history was left to carry over"]) if remarks else ""


def _begin_with(published: Path, warehouse: Warehouse) -> str:
    """Returns what is to be said of a file that another version wrote."""
    with duckdb.connect(published, read_only=True, config={"memory_limit": "512MB"}) as file:
        columns = _columns(file)
        carried = any(HISTORY.keys() <= columns.get(table, set()) for table in ("prediction_history", "predictions"))
        told = _another_version(file, published, columns, carried)
        # To write 73 million rows anew takes half a minute; to copy the file that they are in, a second or two.
        copy_file = not told and _is_mostly_history(file)
        if copy_file:
            _read_every_value(file)
    if copy_file:
        copy(published, warehouse.build_file)
        with warehouse.open_build() as build:
            _keep_history_only(build)
    else:
        with warehouse.open_build() as build:
            _copy_rows(build, published, columns)
    return told


def _is_mostly_history(file: duckdb.DuckDBPyConnection) -> bool:
    """By rows. In any other file it is cheaper to copy those few rows than to copy and drop all others."""
    sql = "select sum(if(table_name = 'prediction_history', 2, 1) * estimated_size), sum(estimated_size)"
    twice_history_and_others, all_rows = file.sql(f"{sql} from duckdb_tables()").fetchall()[0]
    history = (twice_history_and_others or 0) - (all_rows or 0)
    return history > (all_rows or 0) - history


def _read_every_value(file: duckdb.DuckDBPyConnection) -> None:
    """Raises duckdb.Error where a block is damaged, which would else be copied from build to build."""
    file.execute(f"select bit_xor(hash({', '.join(HISTORY)})) from prediction_history").fetchall()


def _keep_history_only(build: duckdb.DuckDBPyConnection) -> None:
    build.execute(f"create or replace table last_build as {LAST_BUILD.format(predictions='predictions')}")
    kept = ("prediction_history", "last_build")
    for (table,) in build.execute("select table_name from duckdb_tables()").fetchall():
        if table not in kept:
            build.execute(f'drop table "{table}"')


def _copy_rows(build: duckdb.DuckDBPyConnection, published: Path, columns: dict[str, set[str]]) -> None:
    build.execute(f"attach '{str(published).replace(chr(39), chr(39) * 2)}' as published (read_only)")
    # Older versions of this project had no history yet, but predictions with their date.
    source = next((t for t in ("prediction_history", "predictions") if HISTORY.keys() <= columns.get(t, set())), "")
    if source:
        build.execute(f"create table prediction_history ({', '.join(f'{n} {t}' for n, t in HISTORY.items())})")
        build.execute(f"insert into prediction_history select {', '.join(HISTORY)} from published.main.{source}")
    if {"as_of_date", "predicted_clv"} <= columns.get("predictions", set()):
        build.execute(f"create table last_build as {LAST_BUILD.format(predictions='published.main.predictions')}")
    build.execute("detach published")


def _another_version(file: duckdb.DuckDBPyConnection, published: Path, columns: dict, carried: bool) -> str:
    if {"project_version", "duckdb_version"} <= columns.get("build_info", set()):
        project, engine, this_engine = file.execute(
            "select project_version, duckdb_version, version() from build_info"
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
    if "newer version" in text or "Unsupported Storage Version" in text:
        raise ClvError(
            f"{published} was written by a newer DuckDB, whose history this one cannot read. "
            "Use the version of this project that built it, or choose another folder with WAREHOUSE=."
        ) from None
    if "Could not set lock" in text:
        raise ClvError(
            f"{published} is open for writing in another program, so its history cannot be read. "
            "Close it there, and open it read-only from now on: make sql"
        ) from None
    if not os.access(published, os.R_OK):
        raise ClvError(
            f"{published} cannot be read: permission denied. See who may: ls -l {published.resolve()}"
        ) from None


def _columns(file: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    columns: dict[str, set[str]] = {}
    for table, column in file.execute("select table_name, column_name from duckdb_columns()").fetchall():
        columns.setdefault(table, set()).add(column)
    return columns
