"""Order lines out of SQLite, DuckDB, an object store and a web server: the same lines, and what is missing by name."""

from __future__ import annotations

import functools
import http.server
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import orders_file
from pipeline.address import Address
from pipeline.settings import Settings
from pipeline.sources import parquet
from pipeline.sources import sqlite as sqlite_source
from tests.pipeline.conftest import HEADER
from tests.postgres import PASSWORD
from tests.sources.conftest import Command, copied

LINES = ["a,1,1,2,10.50,2024-01-01", "b,2,1,1,7,2024-01-02"]
FOUND = "2 lines of 2 customers, 2024-01-01 to 2024-01-02"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that speaks as S3 does, with a bucket of order files."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    store = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="id", aws_secret_access_key=PASSWORD
    )
    store.create_bucket(Bucket="shop")
    for key, lines in {
        "exports/2024-01/orders.csv": LINES[:1],
        "exports/2024-02/orders.csv": LINES[1:],
        "folder/1.csv": LINES[:1],
        "folder/2.csv": LINES[1:],
        "folder/README.pdf": ["no orders"],
        "broken.csv.gz": ["no gzip"],
    }.items():
        store.put_object(Bucket="shop", Key=key, Body="\n".join([HEADER, *lines]) + "\n")
    yield endpoint
    server.stop()


@pytest.fixture
def in_s3(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"ENDPOINT_URL": s3, "ACCESS_KEY_ID": "id", "SECRET_ACCESS_KEY": PASSWORD, "DEFAULT_REGION": "us-east-1"}
    for name, value in given.items():
        monkeypatch.setenv(f"AWS_{name}", value)


@pytest.mark.usefixtures("in_s3")
@pytest.mark.parametrize("place", ["exports/*/orders.csv", "folder", "folder/", "folder/[12].csv"])
def test_files_in_an_object_store_are_read_as_files_here_are(place: str, command: Command) -> None:
    printed = command("inspect", ORDERS=f"s3://shop/{place}")
    assert FOUND in printed
    assert f"Orders      s3://shop/{place.rstrip('/')}" in printed


@pytest.mark.usefixtures("in_s3")
@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"ORDERS": "s3://shop/nothing.csv"}, 1, "There is nothing at s3://shop/nothing.csv."),
        ({"ORDERS": "s3://shop/*.jsonl"}, 1, "There is nothing at s3://shop/*.jsonl."),
        ({"ORDERS": "s3://nowhere/orders.csv"}, 1, "There is nothing at s3://nowhere/orders.csv."),
        ({"ORDERS": "s3://shop/broken.csv.gz"}, 1, "s3://shop/broken.csv.gz is damaged or no gzip file"),
        ({"ORDERS": "s3://shop/folder", "TABLE": "lines"}, 2, "s3://shop/folder is not a database. Leave TABLE out."),
        ({"ORDERS": "gs://shop/orders.csv"}, 2, "python -m pip install gcsfs"),
        ({"ORDERS": "snowflake://me@there/shop", "TABLE": "l"}, 2, "python -m pip install adbc-driver-snowflake"),
    ],
)
def test_what_is_wrong_with_a_place_is_said(given: dict[str, str], status: int, words: str, command: Command) -> None:
    printed = command("inspect", status, **given)
    assert words in printed
    assert len(printed.splitlines()) <= 2


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing: what is printed is the command's."""


def test_a_file_behind_https_is_read_and_what_signs_its_address_is_not_shown(tmp_path: Path, command: Command) -> None:
    (tmp_path / "orders.csv").write_text("\n".join([HEADER, *LINES]) + "\n")
    serve = functools.partial(Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}"
        printed = command("inspect", ORDERS=f"{place}/orders.csv?X-Amz-Signature={PASSWORD}")
        assert f"Orders      {place}/orders.csv" in printed
        assert FOUND in printed
        assert f"There is nothing at {place}/other.csv" in command("inspect", 1, ORDERS=f"{place}/other.csv")
        server.shutdown()


@pytest.fixture
def sqlite(tmp_path: Path) -> Path:
    """A file whose column of money begins with whole numbers, and goes on with others."""
    path = tmp_path / "shop #1.db"
    with sqlite3.connect(path) as file:
        columns = HEADER.replace("revenue", "revenue numeric").replace("num_items", "num_items int")
        file.execute(f'create table "order lines" ({columns})')
        rows = [("a", 1, 1, 1, 10, "2024-01-01")] * 3000 + [("b", "B-2", None, 2, 1.234, "2024-01-02")]
        file.executemany('insert into "order lines" values (?, ?, ?, ?, ?, ?)', rows)
    return path


def test_a_file_of_sqlite_is_read_whatever_types_its_values_have(
    sqlite: Path, tmp_path: Path, command: Command
) -> None:
    address = Address.of(f"sqlite://{sqlite}")
    rows = copied(tmp_path, Settings(orders=address, table="order lines"))
    assert len(rows) == 3001
    assert list(rows[0].values()) == ["a", "1", 1, 1, 10.0, "2024-01-01"]
    assert list(rows[-1].values()) == ["b", "B-2", None, 2, 1.234, "2024-01-02"]
    assert "3,001 lines of 2 customers" in command("inspect", ORDERS=str(address), TABLE="order lines")
    assert "no such table: lines" in command("inspect", 1, ORDERS=str(address), TABLE="lines")
    assert "There is no file" in command("inspect", 2, ORDERS="sqlite:///nowhere.db", TABLE="lines")
    assert not Path("nowhere.db").exists()


def test_rows_that_change_in_a_file_of_sqlite_while_it_is_read_are_read_as_they_were(
    sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(sqlite) as file:
        file.execute("pragma journal_mode = wal")  # who reads holds up nobody who writes
    as_one_type = sqlite_source._as_one_type

    def meanwhile(name: str, kinds: set[str]) -> str:
        with sqlite3.connect(sqlite) as file:
            file.execute("insert into \"order lines\" values ('late', 1, 1, 1, 'much', '2024-01-03')")
        return as_one_type(name, kinds)

    monkeypatch.setattr(sqlite_source, "_as_one_type", meanwhile)
    rows = copied(tmp_path, Settings(orders=Address.of(f"sqlite://{sqlite}"), table="order lines"))
    assert len(rows) == 3001
    assert "late" not in {row["customer_id"] for row in rows}
    with sqlite3.connect(sqlite) as file:
        assert file.execute('select count(*) from "order lines"').fetchone()[0] > 3001


def test_a_duckdb_file_is_read_and_one_that_is_written_to_is_said_to_be(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(path) as file:
        file.execute("create schema sales")
        file.execute("create type kind as enum ('web', 'store')")
        file.execute(
            "create table sales.lines as select 'a' as customer_id, 7::hugeint as order_id, 1.234::decimal(9, 3) as "
            "revenue, timestamptz '2024-01-01 23:30+00' as day, 'web'::kind as place, [1] as tags, uuid() as id"
        )
    (row,) = copied(tmp_path, Settings(orders=path, table="sales.lines"))
    assert list(row) == ["customer_id", "order_id", "revenue", "day", "place", "id"]
    assert str(row["day"]) == "2024-01-01 23:30:00"
    (tmp_path / "tokyo").mkdir()
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        (elsewhere,) = copied(tmp_path / "tokyo", Settings(orders=path, table="sales.lines"))
    time.tzset()
    assert elsewhere["day"] == row["day"]
    given = {"ORDERS": str(path)}
    assert "1 line of 1 customer, " in command("inspect", QUERY="from sales.lines;", **given)
    assert 'Did you mean "sales.lines"' in command("inspect", 1, TABLE="lines", **given)
    assert "TABLE=name or QUERY=" in command("inspect", 2, **given)
    path.write_text("no database")
    assert f"Cannot read from {path}: " in command("inspect", 1, TABLE="sales.lines", **given)


@pytest.mark.parametrize(
    ("way", "status", "says"),
    [
        ("", 1, "another program has it open for writing. Build again when that has ended."),
        (", read_only=True", 0, FOUND),
    ],
    ids=["writes", "reads"],
)
def test_a_duckdb_file_that_another_program_has_open_is_read_beside_readers_only(
    tmp_path: Path, command: Command, way: str, status: int, says: str
) -> None:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(path) as file:
        rows = ", ".join(str(tuple(line.split(","))) for line in LINES)
        file.execute(f"create table lines as from (values {rows}) as t({HEADER})")
    script = f"import duckdb; file = duckdb.connect({str(path)!r}{way}); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"open\n"
        assert says in command("inspect", status, ORDERS=str(path), TABLE="lines")
        other.communicate(b"\n")


def test_neither_a_view_in_a_duckdb_file_nor_a_query_reaches_other_files(tmp_path: Path, command: Command) -> None:
    path, private, written = (tmp_path / name for name in ("shop.duckdb", "private.csv", "written.csv"))
    private.write_text("customer_id\nsecret\n")
    with duckdb.connect(path) as file:
        file.execute(f"create view lines as select * from read_csv('{private}')")
    for given in (
        {"TABLE": "lines"},
        {"QUERY": f"select * from read_text('{private}')"},
        {"QUERY": f"select 1) as x; copy (select 1) to '{written}'; select * from (select 1"},
    ):
        printed = command("inspect", 2 if "copy" in given.get("QUERY", "") else 1, ORDERS=str(path), **given)
        assert "secret" not in printed
    assert "QUERY holds more than one statement" in printed
    assert not written.exists()


def test_what_came_in_part_only_is_not_taken_for_the_whole(
    in_s3: None, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaking:
        def __init__(self, store: Any) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        def get_file(self, there: str, here: str) -> None:
            self._store.get_file(there, here)
            os.truncate(here, 50)

    find = fsspec.url_to_fs
    monkeypatch.setattr(fsspec, "url_to_fs", lambda uri: (Breaking(find(uri)[0]), find(uri)[1]))
    assert "came in part only. Build again" in command("inspect", 1, ORDERS="s3://shop/folder/1.csv")


def test_a_store_that_names_a_file_outside_of_what_was_asked_for_is_not_followed(
    in_s3: None, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = tmp_path / "planted-by-a-store.csv"

    class Leading:
        def __init__(self, store: Any) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        def glob(self, _: str) -> list[str]:
            return [f"shop/folder/{'../' * 20}{planted}"]

        def get_file(self, there: str, here: str) -> None:
            Path(here).write_text("planted")

    find = fsspec.url_to_fs
    monkeypatch.setattr(fsspec, "url_to_fs", lambda uri: (Leading(find(uri)[0]), find(uri)[1]))
    assert "would be written outside of" in command("inspect", 1, ORDERS="s3://shop/folder/*.csv")
    assert not planted.exists()


def test_a_copy_of_files_keeps_their_bytes(in_s3: None, tmp_path: Path) -> None:
    found = orders_file.find(Settings(orders=Address.of("s3://shop/folder/1.csv")), tmp_path / "copy").fetch()
    assert Path(found.given).read_text() == f"{HEADER}\n{LINES[0]}\n"
    assert found.name == "s3://shop/folder/1.csv"


def test_a_type_that_any_driver_may_give_comes_as_a_plain_one_and_what_is_no_value_of_an_order_stays_there(
    tmp_path: Path,
) -> None:
    moment = datetime(2024, 1, 1, 2, 30, tzinfo=UTC)
    given = {
        "moment": pa.array([moment], pa.timestamp("ns", "America/New_York")),
        "day": pa.array([date(2024, 2, 29)], pa.date32()),
        "name": pa.array(["Łukasz"]).dictionary_encode(),
        "long": pa.array(["x"], pa.large_string()),
        "view": pa.array(["y"], pa.string_view()),
        "hour": pa.array([clock(10, 30)], pa.time64("us")),
        "whole": pa.array([7], pa.uint8()),
        "share": pa.array([0.5], pa.float32()),
        "paid": pa.array([True]),
        "money": pa.array([Decimal("10.50")], pa.decimal128(18, 2)),
        "list": pa.array([[1]]),
        "bytes": pa.array([b"x"]),
        "nothing": pa.nulls(1),
    }
    parquet.write(pa.table(given).to_reader(), tmp_path / "copy.parquet")
    assert pq.read_table(tmp_path / "copy.parquet").to_pylist() == [
        {
            "moment": datetime(2023, 12, 31, 21, 30),  # the day that it is there
            "day": date(2024, 2, 29),
            "name": "Łukasz",
            "long": "x",
            "view": "y",
            "hour": clock(10, 30),
            "whole": 7,
            "share": 0.5,
            "paid": True,
            "money": Decimal("10.50"),
            "nothing": None,
        }
    ]


def test_what_others_say_of_an_address_is_shown_without_its_secrets_as_written_and_as_meant():
    address = Address.of("snowflake://shop:se%40cret@host/sales?token=to%2Fken&role=r")
    said = f"{address.uri}: se@cret and se%40cret are wrong, and so are to/ken and to%2Fken"
    assert address.hide(said) == f"{address}: *** and *** are wrong, and so are *** and ***"
