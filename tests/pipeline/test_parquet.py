"""A large build's customers as files: each row once, in order, cut where it should be, and described as before."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import duckdb
import pyarrow.parquet
import pytest

from pipeline.warehouse import parquet

COMMENTS = """
comment on table {table} is 'What it is, and whose: O''Brien''s.';
comment on column {table}.customer_id is 'Who.';
"""


@pytest.mark.parametrize(("customers", "rows_a_file"), [(1, 1), (7, 1), (7, 3), (8, 4), (9, 4), (5, 5), (5, 100)])
def test_every_customer_is_in_one_file_and_files_and_rows_are_in_order_of_ids(tmp_path, customers, rows_a_file):
    ids = [f"c{number}" for number in random.Random(customers).sample(range(100), customers)]
    folder = tmp_path / "builds" / "next"
    folder.mkdir(parents=True)
    with duckdb.connect(config=parquet.searching(tmp_path)) as build:
        for table in parquet.TABLES:
            build.execute(f"create table {table} (customer_id varchar, value double)")
            build.executemany(f"insert into {table} values (?, ?)", [[each, float(each[1:])] for each in ids])
            build.execute(COMMENTS.format(table=table))
        said = "select table_name, column_name, data_type, comment from duckdb_columns() order by all"
        tables = "select {0}_name, comment from duckdb_{0}s() where not internal order by all"
        before, about = build.sql(said).fetchall(), build.sql(tables.format("table")).fetchall()

        parquet.move_out(build, folder, rows_a_file)
        assert build.sql(said).fetchall() == before
        assert build.sql(tables.format("view")).fetchall() == about
        for table in parquet.TABLES:
            assert build.sql(f"from {table}").fetchall() == [(each, float(each[1:])) for each in sorted(ids)]
            files = [pyarrow.parquet.read_table(path)["customer_id"] for path in sorted((folder / table).iterdir())]
            sizes = [len(each) for each in files]
            assert sizes[:-1] == [rows_a_file] * (len(files) - 1) and 0 < sizes[-1] <= rows_a_file
            assert [each for file in files for each in file.to_pylist()] == sorted(ids)
    assert parquet.is_moved_out(folder)
    parquet.remove(folder)
    assert list(folder.iterdir()) == [] and not parquet.is_moved_out(folder)


def test_a_build_is_large_that_has_more_customers_than_one_file_is_meant_for():
    for customers, large in ((49, False), (50, False), (51, True)):
        assert parquet.is_for(customers, 50, Path("/some/where")) is large
        assert not parquet.is_for(customers, 50, Path("/some,where"))  # DuckDB would not find the files


def test_what_a_program_hides_is_no_file_of_a_history(tmp_path):
    for name in ("0000.parquet", ".0000.parquet", "_0000.parquet", ".0000.parquet.crc", "_SUCCESS", "note.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in parquet.files_in(tmp_path)] == ["0000.parquet"]


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOTSUP, errno.EXDEV, errno.EMLINK])
def test_where_there_can_be_no_link_a_date_is_copied(tmp_path, monkeypatch, error):
    """Not every file system has links, none leads to another one, and each file has a most of them."""
    file = tmp_path / "0000.parquet"
    file.write_bytes(b"a date of the history")

    def link(*_: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "link", link)
    parquet.link_date([file], tmp_path / "history", "2017-10-17")
    (copied,) = parquet.dates(tmp_path / "history")["2017-10-17"].iterdir()
    assert copied.read_bytes() == file.read_bytes() and not copied.samefile(file)
