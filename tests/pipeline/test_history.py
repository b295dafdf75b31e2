"""What is kept of each as-of date across builds, and what the audit says beside the last published build."""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import ClvError
from pipeline.warehouse import parquet
from pipeline.warehouse.build_info import SCHEMA_VERSION
from pipeline.warehouse.damage import stop_unless_damaged
from pipeline.warehouse.folder import Warehouse
from pipeline.warehouse.history import HISTORY, carry_over
from tests.pipeline.conftest import ROOT, Shop

BY_DATE = """
select strftime(as_of_date, '%Y-%m-%d'), list(customer_id order by customer_id)
from prediction_history group by as_of_date order by as_of_date
"""


def history(shop: Shop, file: Path | None = None) -> dict[str, list[str]]:
    return dict(shop.query(BY_DATE, file))


@pytest.mark.slow
def test_history_keeps_each_date_as_it_was_last_built_in_whatever_order_dates_and_clocks_come(built: Shop):
    # The last build is from the future by its name, as after the clock was set back.
    warehouse = built.warehouse
    future = warehouse / "builds" / "29990101T000000-ffffff"
    (warehouse / "current").resolve().rename(future)
    (warehouse / "current").unlink()
    (warehouse / "current").symlink_to("builds/29990101T000000-ffffff")

    built.write_orders({"b": 20, "d": 40, "e": 1})
    printed = built.run(AS_OF="2017-10-10")
    assert "the as-of date is before the last published build's, by days: 7" in printed
    assert built.assert_whole() != future.name
    assert history(built) == {
        "2017-10-10": ["b", "d", "e"],
        "2017-10-16": ["a", "b", "c"],
        "2017-10-17": ["a", "b", "c"],
    }

    def total() -> float:
        return built.query("select sum(predicted_clv) from predictions")[0][0]

    total_before = total()
    before = built.query("from prediction_history where as_of_date <> '2017-10-16' order by all")
    built.write_orders({"z": 1})
    printed = built.run(AS_OF="2017-10-16")
    fewer = "the orders hold fewer than half of the customers of the last published build, 2 fewer: "
    assert f"{fewer}where they are only a part, give all parts as one folder" in printed
    assert "the number of customers is" not in printed
    percent = 100 * (1 - total() / total_before)
    assert f"the total predicted value is {percent:.0f} % off the last published build's" in printed
    assert "as-of date" not in printed
    assert history(built)["2017-10-16"] == ["z"]
    assert built.query("from prediction_history where as_of_date <> '2017-10-16' order by all") == before
    built.assert_tidy()


@pytest.mark.slow
def test_a_failed_build_leaves_no_trace_in_history_and_strict_makes_warnings_fail(built: Shop):
    repeated = "a,a1,1,1,10,2017-10-01\nb,a1,1,1,5,2017-10-02"
    built.write_orders({"a": 10, "b": 20, "c": 30}, more=repeated)
    before, published = history(built), built.build_id()

    printed = built.run(status=1, AS_OF="2017-10-18", STRICT="1")
    assert "STRICT=1" in printed
    assert built.assert_whole() == published

    printed = built.run(AS_OF="2017-10-19")
    assert "repeated order lines: 1" in printed
    assert "order ids under more than one customer: 1" in printed
    assert history(built) == before | {"2017-10-19": ["a", "b", "c"]}


@pytest.mark.slow
def test_a_full_refresh_by_hand_does_not_empty_history_and_history_days_trims_it(built: Shop):
    shutil.copyfile(built.warehouse / "clv.duckdb", built.warehouse / "build.duckdb")
    env = os.environ | {"WAREHOUSE": str(built.warehouse), "ORDERS": str(built.orders), "AS_OF": "2017-10-18"}
    command = "build --full-refresh --exclude-resource-type unit_test --quiet --project-dir dbt_project"
    subprocess.run(
        [Path(sys.executable).with_name("dbt"), *command.split(), "--target-path", built.folder / "target"],
        cwd=ROOT, env=env | {"DBT_LOG_PATH": str(built.folder)}, check=True,
    )  # fmt: skip
    three = {day: ["a", "b", "c"] for day in ("2017-10-16", "2017-10-17", "2017-10-18")}
    assert history(built, built.warehouse / "build.duckdb") == three

    built.run(AS_OF="2017-10-18", HISTORY_DAYS="2")
    assert list(history(built)) == ["2017-10-17", "2017-10-18"]

    # The date that was just built stays, however old it is.
    built.run(AS_OF="2017-10-10", HISTORY_DAYS="1")
    assert list(history(built)) == ["2017-10-10", "2017-10-18"]


def test_a_file_with_other_tables_than_this_version_knows_stops_the_build_and_stays(built: Shop):
    published = (built.warehouse / "clv.duckdb").resolve()
    with duckdb.connect(published) as file:
        file.execute("update build_info set schema_version = 1")
    content = published.read_bytes()
    printed = built.run(status=1, AS_OF="2017-10-18")
    assert "its schema_version is 1, not 2" in printed and "WAREHOUSE=" in printed
    assert published.read_bytes() == content


@pytest.mark.parametrize(
    ("error", "readable", "says"),
    [
        (duckdb.IOException('IO Error: Could not write file "x": No space left on device'), True, None),
        (duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block"), True, None),
        (duckdb.IOException("IO Error: Trying to read a database file with newer version"), True, "by a newer DuckDB"),
        (duckdb.IOException('IO Error: Could not set lock on file "x"'), True, "open for writing in another program"),
        (duckdb.IOException('IO Error: Cannot open file "x": Permission denied'), False, "cannot be read: permission"),
        (duckdb.IOException('IO Error: Cannot open file "x": Input/output'), True, 'cannot be read (IO Error: Cannot'),
        (duckdb.IOException('IO Error: Could not read from file "x": Input/output'), True, "cannot be read (IO Error"),
    ],
)  # fmt: skip
def test_a_file_that_may_be_sound_stops_the_build_with_what_is_in_the_way(tmp_path, monkeypatch, error, readable, says):
    monkeypatch.setattr(os, "access", lambda path, mode: readable)  # root may read everything
    with pytest.raises(ClvError if says else type(error)) as stopped:
        stop_unless_damaged(tmp_path / "clv.duckdb", error)
    assert says in str(stopped.value) if says else stopped.value is error


def test_a_file_that_does_not_read_though_it_may_be_opened_is_damaged(tmp_path):
    for text in ("Serialization Error: Failed to deserialize", "Corrupt database file: computed checksum"):
        stop_unless_damaged(tmp_path, duckdb.IOException(text))


THIS_DUCKDB = f"v{duckdb.__version__}"


def publish_by_hand(folder: Path, orders: int = 0, written_by: str = THIS_DUCKDB) -> list[tuple]:
    """Its history, 50 rows beside so many `orders`; in DuckDB's own format of files, which is not that of a build."""
    with duckdb.connect(folder / "clv.duckdb", config={"storage_compatibility_version": "latest"}) as published:
        published.execute(
            f"""
            create table build_info as select {SCHEMA_VERSION} as schema_version, '{written_by}' as duckdb_version;
            create table predictions as
                select date '2017-10-17' as as_of_date, unnest([2.0, 0.5]) as predicted_clv;
            create table last_build as
                select date '2016-01-01' as as_of_date, 9::bigint as customers, 9::double as predicted_clv;
            create table prediction_history as
                select 'c' || n as customer_id, date '2017-10-17' - (n % 3)::integer as as_of_date,
                    n / 7 as predicted_clv, 'm' as model_id, 90::bigint as horizon_days, 0.1::double as discount_rate,
                    now()::timestamp as predicted_at
                from range(50) rows(n);
            create table stg_orders as from range({orders});
            """
        )
        return published.sql("from prediction_history order by all").fetchall()


@pytest.mark.parametrize(
    ("orders", "written_by", "is_copied"),
    [(0, THIS_DUCKDB, True), (100, THIS_DUCKDB, False), (0, "v1.1.3", False)],
    ids=["mostly history", "little history", "of another DuckDB"],
)
def test_history_and_the_figures_of_the_last_build_alone_are_carried_over_whichever_way_is_cheaper(
    tmp_path, orders, written_by, is_copied
):
    history = publish_by_hand(tmp_path, orders, written_by)
    warehouse = Warehouse(tmp_path)
    said = [each.figures for each in carry_over(warehouse)]
    assert said == ([] if written_by == THIS_DUCKDB else [{"wrote": written_by, "reads": THIS_DUCKDB}])
    with duckdb.connect(warehouse.build_file) as build:
        assert build.sql("from prediction_history order by all").fetchall() == history
        assert build.sql("from last_build").fetchall() == [(date(2017, 10, 17), 2, 2.5)]
        tables = {name for (name,) in build.sql("select table_name from duckdb_tables()").fetchall()}
        tags = build.sql("select tags from duckdb_databases() where database_name = 'build'").fetchall()[0][0]
    assert tables == {"prediction_history", "last_build"}
    assert tags["storage_version"].startswith("v1.3.0") != is_copied


def test_too_little_memory_to_read_a_history_is_not_taken_for_damage_which_would_lose_it(tmp_path):
    history = publish_by_hand(tmp_path)
    with pytest.raises(duckdb.OutOfMemoryException):
        carry_over(Warehouse(tmp_path, memory="100KB"))
    warehouse = Warehouse(tmp_path)
    warehouse.builds.mkdir()
    warehouse.discard_unfinished()
    assert carry_over(warehouse) == []
    with duckdb.connect(warehouse.build_file) as build:
        assert build.sql("from prediction_history order by all").fetchall() == history


ROWS = f"select {', '.join(HISTORY)} from prediction_history order by as_of_date, customer_id"


@pytest.fixture
def in_files(built: Shop) -> tuple[Shop, Path, Path]:
    """Its newest build as a large one on Spark leaves it; and the files of 2017-10-16 and 2017-10-17.

    The build before has the table, and in it 2017-10-16.
    """
    folder = (built.warehouse / "current").resolve()
    with duckdb.connect(folder / "clv.duckdb", config=parquet.searching(built.warehouse)) as published:
        published.execute(
            f"copy prediction_history to '{folder}/prediction_history' (format parquet, partition_by (as_of_date))"
        )
        parquet.put_view(published, folder, "prediction_history", HISTORY)
    first, second = sorted((folder / "prediction_history").rglob("*.parquet"))
    return built, first, second


def shown(shop: Shop) -> list[tuple]:
    with Warehouse(shop.warehouse).read(shop.warehouse / "clv.duckdb") as published:
        return published.sql(ROWS).fetchall()


def damaged_within(sound: bytes) -> bytes:
    """A Parquet file with the footer whole: only who reads the last value in a page meets the damage."""
    return sound[:8] + bytes(60) + sound[68:]


def go_on(shop: Shop, in_links: bool = True) -> tuple[list[str], dict[str, list[str]], list[Path]]:
    """The warnings, the dates that the next build begins with, and the files that are linked for them."""
    warehouse, links = Warehouse(shop.warehouse), shop.folder / "links"
    shutil.rmtree(links, ignore_errors=True)
    warehouse.discard_unfinished()
    found = carry_over(warehouse, links if in_links else None)
    files = sorted(links.rglob("*.parquet"))
    with duckdb.connect(warehouse.build_file) as build:
        tables = {name for (name,) in build.sql("select table_name from duckdb_tables()").fetchall()}
        assert "last_build" in tables
        sources = [parquet.rows(files, HISTORY)] if files else []
        sources += ["from prediction_history"] if "prediction_history" in tables else []
        every = " union all ".join(sources)
        dates = dict(build.sql(f"with prediction_history as ({every}) {BY_DATE}").fetchall())
    return [each.code for each in found], dates, files


BOTH = {day: ["a", "b", "c"] for day in ("2017-10-16", "2017-10-17")}
LOST, FROM_BEFORE = "history_dates_lost", "history_dates_from_build_before"


def test_a_history_in_files_goes_on_in_links_or_comes_into_the_build_file(in_files, monkeypatch: pytest.MonkeyPatch):
    shop, *files = in_files
    before = shown(shop)
    (files[0].parent / "0000 copy.parquet").write_bytes(b"what somebody else has put there")

    assert go_on(shop, in_links=False) == ([], BOTH, [])
    assert shop.query(ROWS, shop.warehouse / "build.duckdb") == before

    warned, dates, links = go_on(shop)
    assert (warned, dates) == ([], BOTH)
    assert [link.relative_to(shop.folder / "links").parts[0] for link in links] == [f"as_of_date={day}" for day in BOTH]
    assert all(link.samefile(file) for link, file in zip(links, files, strict=True))
    with pytest.raises(FileExistsError):
        parquet.link_date(files[1:], shop.folder / "links", "2017-10-17")
    assert shown(shop) == before  # what it is linked to is as it was

    def no_links(error: int) -> tuple[list[str], dict[str, list[str]], list[Path]]:
        def link(*_: object) -> None:
            raise OSError(error, os.strerror(error))

        with monkeypatch.context() as patch:
            patch.setattr(os, "link", link)
            return go_on(shop)

    warned, dates, copies = no_links(errno.ENOTSUP)
    assert (warned, dates) == ([], BOTH)
    assert [(path.read_bytes(), path.stat().st_nlink) for path in copies] == [(path.read_bytes(), 1) for path in files]
    with pytest.raises(OSError, match="Input/output error"):
        no_links(errno.EIO)


@pytest.mark.parametrize("in_links", [True, False])
def test_of_a_history_in_files_only_the_date_is_lost_that_does_not_read_and_no_build_before_has(in_files, in_links):
    shop, first, second = in_files
    sound = second.read_bytes()
    for damaged in (b"", damaged_within(sound)):
        second.write_bytes(damaged)
        assert go_on(shop, in_links)[:2] == ([LOST], {"2017-10-16": BOTH["2017-10-16"]})
    second.write_bytes(sound)
    first.write_bytes(damaged_within(first.read_bytes()))
    assert go_on(shop, in_links)[:2] == ([FROM_BEFORE], BOTH)
    first.unlink()
    second.unlink()
    assert go_on(shop, in_links)[:2] == ([LOST, FROM_BEFORE], {"2017-10-16": BOTH["2017-10-16"]})


@pytest.mark.parametrize("picked", ["2017-10-14", "2017-10-15", "2017-10-16"])
def test_every_value_is_read_of_the_newest_date_and_of_the_one_that_chance_picks_among_the_others(
    in_files, monkeypatch, picked
):
    shop, first, second = in_files
    folder = (shop.warehouse / "current").resolve()
    files = {"2017-10-16": first, "2017-10-17": second}
    for day in ("2017-10-14", "2017-10-15"):
        files[day] = first.parents[1] / f"as_of_date={day}" / first.name
        files[day].parent.mkdir()
        shutil.copyfile(first, files[day])
    with duckdb.connect(folder / "clv.duckdb", config=parquet.searching(shop.warehouse)) as published:
        parquet.put_view(published, folder, "prediction_history", HISTORY)
    shutil.rmtree((shop.warehouse / "current" / "previous").resolve())
    warehouse, chosen_from = Warehouse(shop.warehouse), []

    def sample(dates: list[str], count: int) -> list[str]:
        chosen_from.append(dates)
        return [picked][:count]

    monkeypatch.setattr(random, "sample", sample)
    for day, file in files.items():
        sound = file.read_bytes()
        file.write_bytes(damaged_within(sound))
        warehouse.discard_unfinished()
        found = [each.code for each in carry_over(warehouse, shop.folder / f"links-{day}")]
        assert found == ([LOST] if day in (picked, "2017-10-17") else []), day
        file.write_bytes(sound)
    assert chosen_from == [["2017-10-14", "2017-10-15", "2017-10-16"]] * 4


def test_a_lost_date_is_taken_from_the_files_of_the_build_before_and_rollback_needs_them_all(in_files):
    shop, *files = in_files
    before, newest = (shop.warehouse / "current").resolve(), shop.warehouse / "builds" / "29990101T000000-ffffff"
    shutil.copytree(before, newest, symlinks=True)
    for link, target in (
        (newest / "previous", f"../{before.name}"),
        (shop.warehouse / "current", f"builds/{newest.name}"),
    ):
        link.unlink()
        link.symlink_to(target)
    with duckdb.connect(newest / "clv.duckdb", config=parquet.searching(shop.warehouse)) as published:
        parquet.put_view(published, newest, "prediction_history", HISTORY)

    kept = newest / files[1].relative_to(before)
    (newest / files[0].relative_to(before)).unlink()
    warned, dates, links = go_on(shop)
    assert (warned, dates) == ([FROM_BEFORE], BOTH)
    assert links[0].samefile(files[0]) and links[1].samefile(kept)

    sound = files[0].read_bytes()
    files[0].write_bytes(damaged_within(sound))
    assert [link.samefile(kept) for link in go_on(shop)[2]] == [True]
    files[0].write_bytes(sound)

    aside = files[1].rename(shop.folder / "aside.parquet")
    assert re.search(r"cannot be read .*build again instead: make build ", shop.run("rollback", status=1))
    assert (shop.warehouse / "current").resolve() == newest
    aside.rename(files[1])
    assert f"Back to build {before.name}" in shop.run("rollback")


def test_a_history_in_files_that_cannot_be_read_just_now_stops_the_build_and_is_not_taken_for_damaged(
    in_files, monkeypatch: pytest.MonkeyPatch
):
    shop, first, _ = in_files
    linked_to = first.rename(shop.folder / "elsewhere.parquet")
    first.mkdir()  # as good as a file that may not be opened, which root is not kept from
    for in_links in (True, False):
        with pytest.raises(ClvError, match=r"as_of_date=2017-10-16 cannot be read .*past mending can be removed"):
            go_on(shop, in_links)
    first.rmdir()
    linked_to.rename(first)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", refuse_to_show(first))
        with pytest.raises(ClvError, match=r"parquet cannot be read \(Permission denied\)"):
            go_on(shop)
    assert go_on(shop)[:2] == ([], BOTH)

    moved = Shop(shop.folder / "a,b")
    shutil.copytree(shop.warehouse, moved.warehouse, symlinks=True)
    with pytest.raises(ClvError, match="has a comma in its path"):
        go_on(moved)


def refuse_to_show(file: Path) -> Callable[..., os.stat_result]:
    stat = Path.stat

    def as_of(path: Path, **how: bool) -> os.stat_result:
        if path == file:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **how)

    return as_of


def test_a_folder_called_key_is_value_above_the_warehouse_adds_no_column(in_files):
    shop, *_ = in_files
    moved = Shop(shop.folder / "region=eu" / "customer_id=x" / "as_of_date=1999-01-01")
    shutil.copytree(shop.warehouse, moved.warehouse, symlinks=True)
    warned, dates, links = go_on(moved)
    assert (warned, dates) == ([], BOTH)
    assert set(duckdb.sql(parquet.rows(links)).columns) == HISTORY.keys() - {"as_of_date"}
    assert shown(moved) == shown(shop)


@pytest.fixture(scope="session")
def python_with_an_older_duckdb(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("older")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "duckdb==1.1.3"], check=True)
    return str(folder / "bin" / "python")


@pytest.mark.slow
def test_a_file_of_an_older_duckdb_is_kept_and_its_history_goes_on(built: Shop, python_with_an_older_duckdb: str):
    # The published build, as DuckDB 1.1 would have written it.
    published = (built.warehouse / "clv.duckdb").resolve()
    tables = ("predictions", "prediction_history", "build_info")
    for table in tables:
        with duckdb.connect(published, read_only=True) as file:
            file.execute(f"copy {table} to '{built.folder / table}.parquet'")
    published.unlink()
    write = f"""
import duckdb
file = duckdb.connect({str(published)!r})
for table in {tables!r}:
    file.execute(f"create table {{table}} as from '{built.folder}/{{table}}.parquet'")
file.execute("update build_info set duckdb_version = version()")
"""
    subprocess.run([python_with_an_older_duckdb, "-c", write], check=True)
    content = published.read_bytes()

    printed = built.run(AS_OF="2017-10-18")
    assert "was written by DuckDB v1.1.3" in printed
    assert list(history(built)) == ["2017-10-16", "2017-10-17", "2017-10-18"]
    assert published.read_bytes() == content
    assert (built.warehouse / "current" / "previous").resolve() == published.parent


def test_the_file_of_a_newer_duckdb_stops_the_build_because_its_history_could_not_go_on(built: Shop):
    published = (built.warehouse / "clv.duckdb").resolve()
    content = published.read_bytes()
    # The main header: a checksum over what follows, "DUCK", the storage version.
    header = b"DUCK" + struct.pack("<Q", 80) + content[20:4096]
    checksum = 5381
    for (word,) in struct.iter_unpack("<Q", header):
        checksum ^= word * 0xBF58476D1CE4E5B9 & (2**64 - 1)
    newer = struct.pack("<Q", checksum) + header + content[4096:]
    published.write_bytes(newer)

    printed = built.run(status=1)
    assert "was written by a newer DuckDB, whose history this one cannot read" in printed
    assert published.read_bytes() == newer


@pytest.mark.slow
def test_a_long_history_is_carried_over_whole(built: Shop):
    """So many dates that most of the published file is history, which is then carried over with its file."""
    add_dates(built, 250)
    before = built.query("from prediction_history order by all")

    built.run(AS_OF="2017-10-18")
    assert built.query("from prediction_history where as_of_date <> '2017-10-18' order by all") == before
    assert history(built)["2017-10-18"] == ["a", "b", "c"]


def test_a_damaged_block_of_a_long_history_is_met_before_it_would_be_copied_from_build_to_build(built: Shop):
    add_dates(built, 250)
    published = (built.warehouse / "clv.duckdb").resolve()
    sound = published.read_bytes()
    for start in range(3 * 4096, len(sound), 262_144):  # block by block, until it is one of the history's
        published.write_bytes(sound[: start + 64] + bytes(64) + sound[start + 128 :])
        if only_the_history_is_damaged(published):
            break
    else:
        raise AssertionError("no block holds the history alone")

    warehouse = Warehouse(built.warehouse)
    warehouse.discard_unfinished()
    found = carry_over(warehouse)
    assert [each.code for each in found] == ["published_file_damaged", "history_from_another_file"]
    assert list(history(built, built.warehouse / "build.duckdb")) == ["2017-10-16"]


def only_the_history_is_damaged(file: Path) -> bool:
    try:
        with duckdb.connect(file, read_only=True) as opened:
            opened.sql("select (select sum(predicted_clv) from predictions), * from build_info").fetchall()
            try:
                opened.sql("from prediction_history").fetchall()
            except duckdb.Error:
                return True
    except duckdb.Error:
        pass
    return False


def add_dates(shop: Shop, dates: int) -> None:
    """To what is published, as so many builds before would have left it."""
    with duckdb.connect(shop.warehouse / "clv.duckdb") as published:
        published.execute(
            "insert into prediction_history select 'a', date '2017-01-01' + cast(day as integer), day, 'model', null, "
            f"null, now() from range({dates}) days(day)"
        )
