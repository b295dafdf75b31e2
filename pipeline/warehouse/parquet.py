"""The customers of a large build as Parquet, sorted and cut by customer, beside a `clv.duckdb` that has views on them.

builds/<build id>/<table>/0000.parquet, 0001.parquet …
builds/<build id>/prediction_history/as_of_date=2017-10-17/0000.parquet …   of a build on Spark: its history too

A date of the history is written once, and every later build has links to the same files. So each build is one folder,
whole, and the rename that publishes it switches the history with it. Which files count, the view names.

The views name the files as seen from the warehouse's folder, so that it can be moved, or mounted elsewhere: who opens
the file from another folder sets `file_search_path` to it.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import duckdb

from pipeline.engines.sql import literal
from pipeline.warehouse.files import copy

TABLES = ("customer_value", "customer_features", "predictions")
HISTORY_TABLE, DATE = "prediction_history", "as_of_date"
GROUP_ROWS = 8192  # which whoever looks one customer up has to read

NAMED = re.compile(rf"'([^']*/{DATE}=([^/']+)/[^/']+)'")
DATE_OF_FILE = f"cast(regexp_extract(filename, '.*/{DATE}=([^/]+)/', 1) as date)"
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EXDEV, errno.EMLINK)

FIRST_OF_EACH_FILE = """
select customer_id from predictions
qualify (row_number() over (order by customer_id) - 1) % ? = 0
order by customer_id
"""
COMMENTS = """
select 'view ' || table_name, comment
from (select table_name, comment from duckdb_tables() union all select view_name, comment from duckdb_views())
where table_name = $table and comment is not null
union all
select 'column ' || table_name || '."' || column_name || '"', comment from duckdb_columns()
where table_name = $table and comment is not null
"""


def searching(warehouse: Path) -> dict[str, str | bool | int | float | list[str]]:
    """How DuckDB is opened to find the files that the views name."""
    return {"file_search_path": str(warehouse)}


def is_for(customers: int, one_file: int, warehouse: Path) -> bool:
    """Whether a build of so many is published so. To DuckDB, a comma in the path would begin another folder."""
    return customers > one_file and "," not in str(warehouse)


def move_out(build: duckdb.DuckDBPyConnection, folder: Path, rows_a_file: int) -> None:
    """Writes the customers' tables into the folder of the build, and puts views in their place."""
    firsts = [first for (first,) in build.execute(FIRST_OF_EACH_FILE, [rows_a_file]).fetchall()]
    for table in TABLES:
        (folder / table).mkdir()
        for number, (first, following) in enumerate(pairwise([*firsts, None])):
            part = f"from {table} where customer_id >= $first and ($next is null or customer_id < $next)"
            path = folder / table / f"{number:04}.parquet"
            build.sql(f"{part} order by customer_id", params={"first": first, "next": following}).to_parquet(
                str(path), row_group_size=GROUP_ROWS
            )
        put_view(build, folder, table)


def put_view(build: duckdb.DuckDBPyConnection, folder: Path, table: str, by_date: Iterable[str] = ()) -> None:
    """Has a view on a table's files in the folder of a build stand in its place, with the same comments."""
    # Each by its name, because of a pattern nobody would notice that a file is gone.
    files = sorted(path for each in _folders(folder / table) for path in files_in(each))
    names = (path.relative_to(folder.parents[1]) for path in files)
    comments = build.execute(COMMENTS, {"table": table}).fetchall()
    is_view = build.execute("select 1 from duckdb_views() where view_name = $table", {"table": table}).fetchall()
    build.execute(f"drop {'view' if is_view else 'table'} {table}")
    build.execute(f"create view {table} as {rows(names, by_date)}")
    for what, comment in comments:
        build.execute(f"comment on {what} is {literal(comment)}")


def rows(files: Iterable[object], by_date: Iterable[str] = ()) -> str:
    """The query for what is in the files, or for these columns of a history.

    DuckDB itself would take folders called `key=value` for columns, those above the warehouse too.
    """
    columns = ", ".join(f"{DATE_OF_FILE} as {name}" if name == DATE else name for name in by_date) or "*"
    names = ", ".join(map(literal, files))
    return f"select {columns} from read_parquet([{names}], hive_partitioning = false)"


def named_by_date(file: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The files that the view on a history names, as seen from the warehouse's folder; none where it is a table."""
    views = file.execute("select sql from duckdb_views() where view_name = $table", {"table": HISTORY_TABLE}).fetchall()
    named: dict[str, list[str]] = {}
    for (sql,) in views:
        for name, date in NAMED.findall(sql):
            named.setdefault(date, []).append(name)
    return named


def is_moved_out(folder: Path) -> bool:
    """Whether the build in this folder was published so."""
    return (folder / TABLES[0]).is_dir()


def link_date(files: Iterable[Path], history: Path, date: str) -> None:
    """Has Parquet files be a date in a folder of histories too. Raises FileExistsError where it has that date."""
    folder = history / f"{DATE}={date}"
    folder.mkdir(parents=True)
    for path in files:
        try:
            os.link(path, folder / path.name)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            copy(path, folder / path.name)  # not every file system that machines share has links


def dates(history: Path) -> dict[str, Path]:
    """The folder of each date."""
    return {path.name.partition("=")[2]: path for path in sorted(history.glob(f"{DATE}=*"))}


def written(folder: Path) -> Iterator[Path]:
    """What stands in the folder of a build in this form: files, then the folders that they are in."""
    for table in (*TABLES, HISTORY_TABLE):
        for each in _folders(folder / table):
            yield from files_in(each)
            if each.is_dir():
                yield each


def _folders(table: Path) -> list[Path]:
    """Those that a table's files may be in, the innermost first."""
    return [*dates(table).values(), table]


def files_in(folder: Path) -> Iterator[Path]:
    """The Parquet files right in it, but for those that a program hides: Spark's checksums."""
    return (path for path in folder.glob("*.parquet") if not path.name.startswith((".", "_")))


def remove(folder: Path) -> None:
    """Removes it again, but for what somebody else has put there."""
    for path in list(written(folder)):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()
