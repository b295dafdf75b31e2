"""Carries over what has to outlive a build: the history of predictions, and the figures of the last published build."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb

from pipeline.engines.duckdb_messages import cannot_be_opened, disk_is_full
from pipeline.engines.sql import literal
from pipeline.errors import ClvError
from pipeline.events import Warned
from pipeline.warehouse import parquet
from pipeline.warehouse.build_info import SCHEMA_VERSION
from pipeline.warehouse.damage import stop_unless_damaged, why_damaged, why_missing
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
EVERY_VALUE = f"bit_xor(hash({', '.join(HISTORY)}))"
LAST_BUILD = (
    "select max(as_of_date) as as_of_date, count(*) as customers, sum(predicted_clv) as predicted_clv "
    "from {predictions}"
)


def carry_over(warehouse: Warehouse, by_date: Path | None = None) -> list[Warned]:
    """Begins the new build file with the published one's history. Returns what was not the plain case.

    A history that was published in files by date goes on as such in the folder `by_date`, and comes into the build file
    where the engine has no such folder; each of its dates is judged by itself. What is published stays as it was,
    whatever wrote it. Raises ClvError where it may be whole but cannot be read now: to go on would lose its history.
    """
    warnings = []
    if warehouse.current.is_symlink() and not warehouse.published_file.exists():
        gone = _within(warehouse, warehouse.published_file)
        warnings.append(Warned("published_file_gone", f"{gone} was gone: this build puts it back"))
    files = warehouse.published_files()
    for number, published in enumerate(files):
        try:
            said = _begin_with(published, files[number + 1 :], warehouse, by_date)
        except duckdb.Error as error:
            stop_unless_damaged(published, error)
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


def _begin_with(published: Path, older: list[Path], warehouse: Warehouse, by_date: Path | None) -> list[Warned]:
    """Returns what is to be said of a file that another DuckDB wrote, or whose customers or dates are gone."""
    with warehouse.read(published) as file:
        columns = _columns(file)
        _stop_unless_ours(file, published, columns)
        other_engine = _another_engine(file, published)
        in_files = parquet.named_by_date(file)
        # To write 73 million rows anew takes half a minute; to copy the file that they are in, a second or two.
        copy_file = not other_engine and _is_mostly_history(file)
        if copy_file:
            _read_every_value(file)
    if in_files and "," in str(warehouse.folder):
        raise ClvError(
            f"{warehouse.folder} has a comma in its path, so that DuckDB does not find the files that are published "
            "in it. Rename the folder, or choose another one with WAREHOUSE=."
        )
    if copy_file:
        copy(published, warehouse.build_file)
        with warehouse.open_build() as build:
            customers_gone = not _noted_last_build(build, "predictions")
            _keep_history_only(build)
    else:
        with warehouse.open_build() as build:
            customers_gone = not _copy_rows(build, published, with_history=not in_files)
    warnings = [*other_engine, *(_take_dates(in_files, older, warehouse, by_date) if in_files else ())]
    if customers_gone:
        text = f"{published} has lost files of its customers, and this build replaces it"
        warnings.append(Warned("published_file_damaged", _within(warehouse, text)))
    return warnings


def _take_dates(
    in_files: dict[str, list[str]], older: list[Path], warehouse: Warehouse, by_date: Path | None
) -> list[Warned]:
    """Each date whose files read, or else from the builds before. Returns what is to be said of the others.

    To read all dates would take longer with each. Where they go on in links, it is the footers of all, every value of
    the newest, which no build has gone on from, and of one that chance picks: what a disk does to any of them is met.
    """
    lost: dict[str, str] = {}
    from_before: dict[str, str] = {}
    *others, newest = sorted(in_files)
    read_whole = {newest, *random.sample(others, min(1, len(others)))}
    with warehouse.open_build() as build:
        if not by_date:
            build.execute(f"create table prediction_history ({HISTORY_COLUMNS})")
        for date, names in in_files.items():
            why = _why_not_taken(build, date, names, warehouse, by_date, read_whole=date in read_whole)
            if why:
                found = any(_is_taken_from(before, build, date, warehouse, by_date) for before in older)
                (from_before if found else lost)[date] = _within(warehouse, why)
    warnings = []
    if lost:
        text = f"dates that the history has lost, for their files are damaged or gone: {_listed(lost)}"
        warnings.append(Warned("history_dates_lost", text, {"dates": len(lost)}))
    if from_before:
        text = f"dates of the history that go on from the build before, as theirs do not read: {_listed(from_before)}"
        warnings.append(Warned("history_dates_from_build_before", text, {"dates": len(from_before)}))
    return warnings


def _listed(why: dict[str, str]) -> str:
    """The dates, and of the first of them why."""
    return f"{', '.join(why)} ({next(iter(why.values()))})"


def _why_not_taken(
    build: duckdb.DuckDBPyConnection,
    date: str,
    names: list[str],
    warehouse: Warehouse,
    by_date: Path | None,
    read_whole: bool = True,
) -> str | None:
    """None where the date is linked into the folder `by_date`, or has come into the build file where there is none."""
    files = [warehouse.folder / name for name in names]
    missing = next(filter(None, map(why_missing, files)), None)
    if missing:
        return missing
    rows = parquet.rows(names, HISTORY)
    try:
        if not by_date:
            build.execute(f"insert into prediction_history {rows}")
        else:
            build.execute(f"select {EVERY_VALUE if read_whole else 'count(*)'} from ({rows})").fetchall()
    except duckdb.Error as error:
        return why_damaged(files, error)
    if by_date:
        parquet.link_date(files, by_date, date)
    return None


def _is_taken_from(
    before: Path, build: duckdb.DuckDBPyConnection, date: str, warehouse: Warehouse, by_date: Path | None
) -> bool:
    """Whether an older build has the date too, in files that read or in a table."""
    try:
        with warehouse.read(before) as file:
            in_files = parquet.named_by_date(file)
        if in_files:
            return date in in_files and not _why_not_taken(build, date, in_files[date], warehouse, by_date)
        build.execute(f"create table if not exists prediction_history ({HISTORY_COLUMNS})")
        build.execute(f"attach {literal(before)} as before (read_only)")
        try:
            rows = f"select {', '.join(HISTORY)} from before.main.prediction_history where as_of_date = ?"
            ((taken,),) = build.execute(f"insert into prediction_history {rows}", [date]).fetchall()
        finally:
            build.execute("detach before")
    except duckdb.Error as error:
        stop_unless_damaged(before, error)
        return False
    return bool(taken)


def _is_mostly_history(file: duckdb.DuckDBPyConnection) -> bool:
    """By rows. In any other file it is cheaper to copy those few rows than to copy and drop all others."""
    sql = "select sum(if(table_name = 'prediction_history', 2, 1) * estimated_size), sum(estimated_size)"
    twice_history_and_others, all_rows = file.sql(f"{sql} from duckdb_tables()").fetchall()[0]
    history = (twice_history_and_others or 0) - (all_rows or 0)
    return history > (all_rows or 0) - history


def _read_every_value(file: duckdb.DuckDBPyConnection) -> None:
    """Raises duckdb.Error where a block is damaged, which would else be copied from build to build."""
    file.execute(f"select {EVERY_VALUE} from prediction_history").fetchall()


def _noted_last_build(build: duckdb.DuckDBPyConnection, predictions: str) -> bool:
    """False where it cannot be known, because the Parquet files of a large build are damaged or gone.

    The history stands in the file itself. Where the predictions do too, what cannot be read is raised.
    """
    try:
        build.execute(f"create or replace table last_build as {LAST_BUILD.format(predictions=predictions)}")
    except duckdb.Error as error:
        is_view = build.execute("select 1 from duckdb_views() where view_name = 'predictions'").fetchall()
        if not is_view or disk_is_full(str(error)) or cannot_be_opened(str(error)):
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


def _columns(file: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    columns: dict[str, set[str]] = {}
    for table, column in file.execute("select table_name, column_name from duckdb_columns()").fetchall():
        columns.setdefault(table, set()).add(column)
    return columns
