"""Carries over what has to outlive a build: the history of predictions, and the figures of the last published build."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from pipeline.engines.duckdb_messages import disk_is_full, file_is_locked, file_is_of_a_newer_duckdb
from pipeline.engines.sql import literal
from pipeline.errors import ClvError
from pipeline.events import Warned
from pipeline.warehouse import parquet
from pipeline.warehouse.build_info import SCHEMA_VERSION
from pipeline.warehouse.files import copy
from pipeline.warehouse.folder import Warehouse

HISTORY = {
    "customer_id": "varchar",
    "as_of_date": "date",
    "predicted_clv": "double",
    "model_id": "varchar",
    "horizon_days": "bigint",
    "discount_rate": "double",
    "predicted_at": "timestamp",
}
HISTORY_COLUMNS = ", ".join(f"{name} {kind}" for name, kind in HISTORY.items())
LAST_BUILD = (
    "select max(as_of_date) as as_of_date, count(*) as customers, sum(predicted_clv) as predicted_clv "
    "from {predictions}"
)


def carry_over(warehouse: Warehouse, by_date: Path | None = None) -> list[Warned]:
    """Begins the new build file with the published one's history. Returns what was not the plain case.

    A history that was published in files by date goes on as such in the folder `by_date`, and comes into the build file
    where the engine has no such folder. What is published stays as it was, whatever wrote it. Raises ClvError where it
    is whole but cannot be read now: to go on would lose its history.
    """
    warnings = []
    if warehouse.current.is_symlink() and not warehouse.published_file.exists():
        gone = _within(warehouse, warehouse.published_file)
        warnings.append(Warned("published_file_gone", f"{gone} was gone: this build puts it back"))
    for published in warehouse.published_files():
        try:
            said = _begin_with(published, warehouse, by_date)
        except duckdb.Error as error:
            _stop_unless_damaged(published, error)
            text = f"{published} is damaged and this build replaces it ({str(error).splitlines()[0]})"
            warnings.append(Warned("published_file_damaged", _within(warehouse, text)))
            warehouse.build_file.unlink(missing_ok=True)
        else:
            if warnings:
                text = f"the history goes on from {_within(warehouse, published)}"
                warnings.append(Warned("history_from_another_file", text))
            return warnings + said
    return [*warnings, Warned("history_lost", "no history was left to carry over")] if warnings else []


def _within(warehouse: Warehouse, text: object) -> str:
    """Without where the warehouse is: warnings are published, and who reads them need not know."""
    return str(text).replace(f"{warehouse.folder}/", "")


def _begin_with(published: Path, warehouse: Warehouse, by_date: Path | None) -> list[Warned]:
    """Returns what is to be said of a file that another DuckDB wrote, or whose customers are gone."""
    dates = parquet.dates(published.resolve().parent / parquet.HISTORY_TABLE)
    stays_in_files = bool(by_date and dates)
    with warehouse.read(published) as file:
        columns = _columns(file)
        _stop_unless_ours(file, published, columns)
        other_engine = _another_engine(file, published)
        # To write 73 million rows anew takes half a minute; to copy the file that they are in, a second or two.
        copy_file = not other_engine and _is_mostly_history(file)
        if copy_file:
            _read_every_value(file)
        if stays_in_files:
            file.execute("select count(*) from prediction_history").fetchall()  # raises where one of them is gone
    if copy_file:
        copy(published, warehouse.build_file)
        with warehouse.open_build() as build:
            customers_gone = not _noted_last_build(build, "predictions")
            _keep_history_only(build)
    else:
        with warehouse.open_build() as build:
            customers_gone = not _copy_rows(build, published, with_history=not stays_in_files)
    if by_date:
        for date, files in dates.items():
            parquet.link_date(files, by_date, date)
    if not customers_gone:
        return other_engine
    text = f"{published} has lost files of its customers, and this build replaces it; its history is whole"
    return [*other_engine, Warned("published_file_damaged", _within(warehouse, text))]


def _is_mostly_history(file: duckdb.DuckDBPyConnection) -> bool:
    """By rows. In any other file it is cheaper to copy those few rows than to copy and drop all others."""
    sql = "select sum(if(table_name = 'prediction_history', 2, 1) * estimated_size), sum(estimated_size)"
    twice_history_and_others, all_rows = file.sql(f"{sql} from duckdb_tables()").fetchall()[0]
    history = (twice_history_and_others or 0) - (all_rows or 0)
    return history > (all_rows or 0) - history


def _read_every_value(file: duckdb.DuckDBPyConnection) -> None:
    """Raises duckdb.Error where a block is damaged, which would else be copied from build to build."""
    file.execute(f"select bit_xor(hash({', '.join(HISTORY)})) from prediction_history").fetchall()


def _noted_last_build(build: duckdb.DuckDBPyConnection, predictions: str) -> bool:
    """False where it cannot be known, because the Parquet files of a large build are damaged or gone.

    The history stands in the file itself. Where the predictions do too, what cannot be read is raised.
    """
    try:
        build.execute(f"create or replace table last_build as {LAST_BUILD.format(predictions=predictions)}")
    except duckdb.Error as error:
        is_view = build.execute("select 1 from duckdb_views() where view_name = 'predictions'").fetchall()
        if not is_view or disk_is_full(str(error)):
            raise
        build.execute("drop table if exists last_build")
        return False
    return True


def _keep_history_only(build: duckdb.DuckDBPyConnection) -> None:
    kept = ("prediction_history", "last_build")
    for kind in ("view", "table"):
        for (name,) in build.execute(f"select {kind}_name from duckdb_{kind}s() where not internal").fetchall():
            if name not in kept:
                build.execute(f'drop {kind} "{name}"')


def _copy_rows(build: duckdb.DuckDBPyConnection, published: Path, with_history: bool) -> bool:
    """Whether the last build could be noted beside the history."""
    build.execute(f"attach {literal(published)} as published (read_only)")
    if with_history:
        columns = ", ".join(HISTORY)
        build.execute(f"create table prediction_history ({HISTORY_COLUMNS})")
        build.execute(f"insert into prediction_history select {columns} from published.main.prediction_history")
    noted = _noted_last_build(build, "published.main.predictions")
    build.execute("detach published")
    return noted


def _stop_unless_ours(file: duckdb.DuckDBPyConnection, published: Path, columns: dict[str, set[str]]) -> None:
    """Raises ClvError where the file is sound, but its history is not in tables that this version knows."""
    version = None
    if "schema_version" in columns.get("build_info", set()):
        version = file.execute("select any_value(schema_version) from build_info").fetchall()[0][0]
    if version != SCHEMA_VERSION or not HISTORY.keys() <= columns.get("prediction_history", set()):
        raise ClvError(
            f"{published} was not published by this version of this project (its schema_version is "
            f"{'missing' if version is None else version}, not {SCHEMA_VERSION}), so its history cannot go on. "
            "Choose another folder with WAREHOUSE=."
        )


def _another_engine(file: duckdb.DuckDBPyConnection, published: Path) -> list[Warned]:
    wrote, reads = file.execute("select any_value(duckdb_version), version() from build_info").fetchall()[0]
    if wrote == reads:
        return []
    text = f"{published.name} was written by DuckDB {wrote}: this build is a new file beside it, with its history"
    return [Warned("another_duckdb", text, {"wrote": wrote, "reads": reads})]


def _stop_unless_damaged(published: Path, error: duckdb.Error) -> None:
    """Raises what stops the build where the file itself is sound."""
    text = str(error)
    if disk_is_full(text) or isinstance(error, duckdb.OutOfMemoryException):
        raise error
    if file_is_of_a_newer_duckdb(text):
        raise ClvError(
            f"{published} was written by a newer DuckDB, whose history this one cannot read. "
            "Use the version of this project that built it, or choose another folder with WAREHOUSE=."
        ) from None
    if file_is_locked(text):
        raise ClvError(
            f"{published} is open for writing in another program, so its history cannot be read. "
            "Close it there, and open it read-only from now on."
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
