"""The customers of a large build as Parquet, sorted and cut by customer, beside a `clv.duckdb` that has views on them.

builds/<build id>/<table>/0000.parquet, 0001.parquet …   one number holds the same customers in each of the tables

The views name the files as seen from the warehouse's folder, so that it can be moved, or mounted elsewhere: who opens
the file from another folder sets `file_search_path` to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import duckdb

from pipeline.engines.sql import literal

TABLES = ("customer_value", "customer_features", "predictions")
GROUP_ROWS = 8192  # which whoever looks one customer up has to read

FIRST_OF_EACH_FILE = """
select customer_id from predictions
qualify (row_number() over (order by customer_id) - 1) % ? = 0
order by customer_id
"""
COMMENTS = """
select 'view ' || table_name, comment from duckdb_tables() where table_name = $table and comment is not null
union all
select 'column ' || table_name || '."' || column_name || '"', comment from duckdb_columns()
where table_name = $table and comment is not null
"""


def searching(warehouse: Path) -> dict[str, str | bool | int | float | list[str]]:
    """How DuckDB is opened to find the files that the views name."""
    return {"file_search_path": str(warehouse)}


def can_search(warehouse: Path) -> bool:
    """Whether it can be told of the folder: to DuckDB, a comma begins another one."""
    return "," not in str(warehouse)


def move_out(build: duckdb.DuckDBPyConnection, folder: Path, rows_a_file: int) -> None:
    """Writes the customers' tables into the folder of the build, and puts views in their place."""
    firsts = [first for (first,) in build.execute(FIRST_OF_EACH_FILE, [rows_a_file]).fetchall()]
    for table in TABLES:
        (folder / table).mkdir()
        names = []
        for number, (first, following) in enumerate(pairwise([*firsts, None])):
            rows = f"from {table} where customer_id >= $first and ($next is null or customer_id < $next)"
            path = folder / table / f"{number:04}.parquet"
            build.sql(f"{rows} order by customer_id", params={"first": first, "next": following}).to_parquet(
                str(path), row_group_size=GROUP_ROWS
            )
            names.append(f"'{folder.parent.name}/{folder.name}/{table}/{path.name}'")
        comments = build.execute(COMMENTS, {"table": table}).fetchall()
        build.execute(f"drop table {table}")
        # Each by its name, because of a pattern nobody would notice that a file is gone.
        build.execute(f"create view {table} as select * from read_parquet([{', '.join(names)}])")
        for what, comment in comments:
            build.execute(f"comment on {what} is {literal(comment)}")


def is_moved_out(folder: Path) -> bool:
    """Whether the build in this folder was published so."""
    return (folder / TABLES[0]).is_dir()


def written(folder: Path) -> Iterator[Path]:
    """What `move_out` has written into the folder of a build: files, then the folders that they are in."""
    for table in TABLES:
        yield from (folder / table).glob("*.parquet")
        if (folder / table).is_dir():
            yield folder / table


def remove(folder: Path) -> None:
    """Removes it again, but for what somebody else has put there."""
    for path in list(written(folder)):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()
