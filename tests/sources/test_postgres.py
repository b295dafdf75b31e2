"""Order lines out of a Postgres: the same values as from a file, each type as what it is, plain words for trouble."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from pipeline import orders, orders_file
from pipeline.postgres import HINTS
from pipeline.postgres import Postgres as PostgresAddress
from pipeline.settings import DEMO_ORDERS, Settings
from pipeline.sources import postgres
from tests.pipeline.conftest import ROOT, Shop
from tests.postgres import PASSWORD, Postgres
from tests.sources.conftest import Command, copied

CDNOW = ROOT.parent / "shared" / "data" / "cdnow" / "orders.csv"
COLUMNS = "customer_id text, order_id text, order_item_id text, num_items int, revenue numeric, created_at_date date"


def orders_of(database: Postgres, user: str = "owner") -> PostgresAddress:
    return PostgresAddress.parse("ORDERS", database.address(user, password=PASSWORD))


@pytest.fixture
def lines(database: Postgres) -> Postgres:
    """The server with a table of 3,000 order lines under our names, which `reader` may read."""
    database.run(
        "create schema shop",
        f"create table shop.order_lines ({COLUMNS})",
        "insert into shop.order_lines select 'c' || n % 50, n, 1, n % 3 + 1, n % 90 + 1.5, date '2017-01-01' + n % 200 "
        "from generate_series(1, 3000) n",
        "grant usage on schema shop to reader",
        "grant select on shop.order_lines to reader",
    )
    return database


@pytest.mark.slow
def test_a_database_gives_the_same_values_as_a_file_and_takes_them_back(database: Postgres, tmp_path: Path) -> None:
    """The demo data under other names and as other types, built, delivered, compared."""
    with duckdb.connect() as memory:
        memory.execute(
            "create table lines as select customer_id as shopper, order_id::bigint as no, order_item_id as place, "
            "num_items::smallint as pieces, revenue::decimal(12, 2) as paid, created_at_date::timestamp as bought "
            f"from read_csv('{DEMO_ORDERS}', all_varchar = true, ignore_errors = true) where customer_id is not null "
            "and try_cast(revenue as decimal(12, 2)) is not null and try_cast(num_items as smallint) is not null "
            "and try_cast(order_id as bigint) is not null and try_cast(created_at_date as date) is not null"
        )
        memory.execute(
            "copy (select shopper as customer_id, no as order_id, place as order_item_id, pieces as num_items, "
            f"paid as revenue, bought::date as created_at_date from lines) to '{tmp_path / 'orders.csv'}'"
        )
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("create schema shop")
            cursor.adbc_ingest("Line Items", memory.table("lines").to_arrow_table(), db_schema_name="shop")
            connection.commit()
    (tmp_path / "orders.yml").write_text(
        "columns: {customer_id: shopper, order_id: 'no', order_item_id: place, num_items: pieces, revenue: paid, "
        "created_at_date: bought}"
    )
    from_file, from_database = Shop(tmp_path / "file"), Shop(tmp_path / "database")
    from_file.run(ORDERS=str(tmp_path / "orders.csv"), AS_OF="2017-10-17")
    address = database.address("owner", password=PASSWORD)
    printed = from_database.run(
        ORDERS=address, TABLE="shop.Line Items", MAPPING=str(tmp_path / "orders.yml"), AS_OF="2017-10-17",
        DELIVER_TO=address, JSON=str(tmp_path / "events.jsonl"),
    )  # fmt: skip
    values = [(each.warehouse / "predictions.csv").read_bytes() for each in (from_file, from_database)]
    assert values[0] == values[1]
    delivered = database.query("select customer_id, predicted_clv from clv.predictions")
    assert sorted(delivered) == sorted(from_file.query("select customer_id, predicted_clv from predictions"))
    assert from_database.query("select orders_file from build_info") == [
        (f"shop.Line Items of {database.address('owner')}",)
    ]
    from_database.assert_tidy()
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert PASSWORD not in printed and kept == []


@pytest.mark.slow
def test_real_orders_that_psql_loaded_under_other_names_are_valued_as_those_of_their_file(
    database: Postgres, tmp_path: Path
) -> None:
    if not CDNOW.exists():
        assert not os.environ.get("CI"), f"{CDNOW} is missing"
        pytest.skip(f"{CDNOW} is not on this machine")
    columns = "shopper text, purchase bigint, line int, pieces int, paid numeric(10, 2), bought date"
    for statement in (
        f"create table cd_sales ({columns})",
        f"\\copy cd_sales from '{CDNOW}' with (format csv, header)",
    ):
        psql = ["psql", database.address(), "-v", "ON_ERROR_STOP=1", "-c", statement]
        subprocess.run(psql, env=os.environ | {"PGPASSWORD": PASSWORD}, check=True)
    (tmp_path / "orders.yml").write_text(
        "columns: {customer_id: shopper, order_id: purchase, order_item_id: line, num_items: pieces, revenue: paid, "
        "created_at_date: bought}"
    )
    from_file, from_database = Shop(tmp_path / "file"), Shop(tmp_path / "database")
    from_file.run(ORDERS=str(CDNOW), AS_OF="1997-09-30")
    from_database.run(
        ORDERS=database.address(), TABLE="cd_sales", MAPPING=str(tmp_path / "orders.yml"), AS_OF="1997-09-30",
        DELIVER_TO=database.address(), PGPASSWORD=PASSWORD,
    )  # fmt: skip
    values = [(each.warehouse / "predictions.csv").read_bytes() for each in (from_file, from_database)]
    assert values[0] == values[1]
    assert database.query("select count(*), sum(total_orders)::bigint from clv.customer_value") == from_file.query(
        "select count(*), sum(total_orders)::bigint from customer_value"
    )


TYPES = {  # a value in SQL: what a reader of orders is given
    "1234567890123456789012.123456789::numeric": "1234567890123456789012.123456789",
    "12.50::numeric(10, 2)": "12.50",
    "'12.30'::money": "12.30",
    "1.5::real": 1.5,
    "9223372036854775807": 9223372036854775807,
    "true": True,
    "'2024-01-01 23:30+00'::timestamptz": datetime(2024, 1, 2, 0, 30),
    "'2024-01-01 23:30'::timestamp": datetime(2024, 1, 1, 23, 30),
    "'2024-01-02'::date": date(2024, 1, 2),
    "'infinity'::date": None,
    "'-infinity'::timestamptz": None,
    "'6ea9ab1b-aa0e-fb9e-1909-4440c317e21b'::uuid": "6ea9ab1b-aa0e-fb9e-1909-4440c317e21b",
    "'Łukasz'::citext": "Łukasz",
    "'paid'::shop.state": "paid",
    "5::shop.cents": 5,
    "'1 day'::interval": "1 day",
    "'10:00'::time": "10:00:00",
    "'127.0.0.1'::inet": "127.0.0.1/32",
    "null::uuid": None,
    "null": None,
    "''": "",
}
LEFT_OUT = ("array[1]", "'{}'::jsonb", "'\\x00'::bytea")


def test_each_type_comes_as_what_it_is(lines: Postgres, tmp_path: Path) -> None:
    lines.run(
        "create extension if not exists citext",
        "create type shop.state as enum ('paid', 'open')",
        "create domain shop.cents as integer",
    )
    values = ", ".join(f"{value} as column_{i}" for i, value in enumerate([*TYPES, *LEFT_OUT]))
    address = f"{lines.address(password=PASSWORD)}?options=-c%20TimeZone%3DEurope/Berlin"
    settings = Settings(orders=PostgresAddress.parse("ORDERS", address), query=f"select {values} -- all of them")
    (row,) = copied(tmp_path, settings)
    assert list(row.values()) == list(TYPES.values())


def test_the_type_of_a_number_says_how_it_is_read_and_text_beside_it_is_asked_about(
    lines: Postgres, command: Command
) -> None:
    """1.234 is read in two ways where somebody wrote it, and in one where it is a number."""
    query = "select customer_id, order_id, {} as revenue, created_at_date from shop.order_lines"
    given = {"ORDERS": lines.address("reader")}
    printed = command("inspect", QUERY=query.format("1.234::numeric"), **given)
    assert "3,000 lines of 50 customers, 2017-01-01 to 2017-07-19" in printed
    asked = command("inspect", 1, QUERY=query.format("'1.234'"), **given)
    assert "1.234 with a decimal point or 1234 with a decimal comma" in asked
    assert f"the query of {lines.address('reader')}: what only you can say" in asked


@pytest.mark.parametrize(
    "table", ["shop.order_lines", "SHOP.Order_Lines", '"shop"."order_lines"', "shop.Mixed", "shop.MIXED"]
)
def test_a_table_is_found_as_it_is_spelled_or_as_postgres_spells_what_nobody_has_quoted(
    lines: Postgres, tmp_path: Path, table: str
) -> None:
    lines.run('create table shop."Mixed" as select 1 as n', "create table shop.mixed as select 2 as n")
    rows = copied(tmp_path, Settings(orders=orders_of(lines), table=table))
    assert len(rows) == (1 if "ixed" in table.lower() else 3000)
    assert rows[0].get("n") == {"shop.Mixed": 1, "shop.MIXED": 2}.get(table)


def test_what_was_read_has_a_digest_that_another_read_of_the_same_has_too(lines: Postgres, tmp_path: Path) -> None:
    def digest(name: str) -> str:
        found = orders_file.find(Settings(orders=orders_of(lines), table="shop.order_lines"), tmp_path / name)
        return orders.fingerprint(found.fetch()).sha256

    first, again = digest("first"), digest("again")
    lines.run("update shop.order_lines set revenue = revenue + 1 where order_id = '7'")
    assert first == again != digest("changed")


def test_a_read_is_one_that_changes_nothing_and_two_give_the_rows_in_one_order(lines: Postgres, tmp_path: Path) -> None:
    wanted = {"transaction_read_only": "on", "transaction_isolation": "repeatable read", "synchronize_seqscans": "off"}
    asked = ", ".join(f"current_setting('{name}') as {name}" for name in wanted)
    assert copied(tmp_path, Settings(orders=orders_of(lines), query=f"select {asked}")) == [wanted]


def test_rows_that_change_while_they_are_read_are_read_as_they_were(lines: Postgres) -> None:
    lines.run("insert into shop.order_lines select l.* from shop.order_lines l, generate_series(1, 200)")
    with postgres.rows(orders_of(lines), "shop.order_lines", "") as rows:
        first = rows.read_next_batch().num_rows
        lines.run("delete from shop.order_lines where num_items = 1")
        others = sum(batch.num_rows for batch in rows)
    assert others > 0
    assert first + others == 3000 * 201


def end_session(database: Postgres) -> None:
    sessions = "from pg_stat_activity where application_name = 'customer-lifetime-value'"
    database.run(f"select pg_terminate_backend(pid) {sessions}")


def restart(database: Postgres) -> None:
    database.kill()
    database.start()


@pytest.mark.slow
@pytest.mark.parametrize("breaks", [end_session, restart])
def test_a_connection_that_breaks_half_way_leaves_no_half_of_the_orders(
    breaks: Callable[[Postgres], None], lines: Postgres, built: Shop
) -> None:
    before = built.assert_whole()
    slow = "select *, pg_sleep(0.01) from shop.order_lines"
    build = built.start(ORDERS=lines.address("reader"), QUERY=slow, PGPASSWORD=PASSWORD)
    reading = "select count(*) from pg_stat_activity where state = 'active' and usename = 'reader'"
    while lines.query(reading) == [(0,)]:
        assert build.poll() is None
        time.sleep(0.05)
    time.sleep(1)
    breaks(lines)
    printed = build.communicate(timeout=120)[0]
    assert build.returncode == 1
    said = "(server closed the connection unexpectedly|terminating connection due to administrator command)"
    where = re.escape(f"Cannot read from {lines.address('reader')}: ")
    assert re.fullmatch(where + said + r"\. Run it again when the server is back\.\n", printed)
    assert built.assert_whole() == before


@pytest.mark.slow
def test_no_rows_are_no_orders(lines: Postgres, built: Shop) -> None:
    before = built.assert_whole()
    nothing = "select * from shop.order_lines where false"
    printed = built.run(status=1, ORDERS=lines.address("reader"), QUERY=nothing, PGPASSWORD=PASSWORD)
    assert printed == f"{lines.address('reader')} has no order lines.\n"
    assert built.assert_whole() == before


TROUBLES = {
    "no server": ({"ORDERS": "postgresql://reader@127.0.0.1:1/postgres"}, 1, "Connection refused"),
    "wrong password": ({"PGPASSWORD": "wrong"}, 1, "password authentication failed"),
    "no such database": ({"ORDERS": "postgresql://reader@{host}/nowhere"}, 1, 'database "nowhere" does not exist'),
    "no such table": ({"TABLE": "order_line"}, 1, "The nearest is TABLE=shop.order_lines."),
    "no such column": ({"TABLE": "", "QUERY": "select revnue from shop.order_lines"}, 1, '"revnue" does not exist'),
    "no right to read": ({"TABLE": "shop.theirs"}, 1, "permission denied for table theirs. Let its owner grant that."),
    "no right to the schema": ({"TABLE": "hidden.lines"}, 1, "permission denied for schema hidden"),
    "encryption asked for": ({"ORDERS": "postgresql://reader@{host}/postgres?sslmode=require"}, 1, "SSL"),
    "a statement timeout": (
        {"TABLE": "", "QUERY": "select pg_sleep(5)", "PGOPTIONS": "-c statement_timeout=200"},
        1,
        "statement timeout. Allow it more time: PGOPTIONS='-c statement_timeout=0'",
    ),
    "a query that writes": (
        {"TABLE": "", "QUERY": "delete from shop.order_lines returning *"},
        1,
        "syntax error",
    ),
    "a function that writes": ({"TABLE": "", "QUERY": "select nextval('shop.numbers')"}, 1, "read-only transaction"),
    "two columns of a name": (
        {"TABLE": "", "QUERY": "select a.*, b.* from shop.order_lines a, shop.order_lines b"},
        1,
        "Give each column of the query a name of its own",
    ),
    "an array for a customer": ({"TABLE": "", "QUERY": "select array[1] as customer_id, 1 as revenue, now() as day"}, 1,
                                "No column is known to be customer_id"),
    "neither table nor query": ({"TABLE": ""}, 2, "TABLE=name or QUERY="),
    "both": ({"QUERY": "select 1"}, 2, "one of them, not both"),
    "a password with an @": ({"ORDERS": f"postgresql://reader:{PASSWORD}@x@{{host}}/shop"}, 2, "PGPASSWORD"),
    "a password with a ?": ({"ORDERS": f"postgresql://reader:x?{PASSWORD}@{{host}}/shop"}, 2, "PGPASSWORD"),
    "a password as a parameter": (
        {"ORDERS": f"postgresql://{{host}}/postgres?user=reader&password=no-{PASSWORD}"},
        1,
        "password authentication failed",
    ),
}  # fmt: skip


SAID = {  # in the words of libpq and of the server: what helps, as it begins
    'password authentication failed for user "reader"': "Give the password in PGPASSWORD",
    "fe_sendauth: no password supplied": "Give the password in PGPASSWORD",
    'database "nowhere" does not exist': "See which there are: psql --list",
    "permission denied for table lines": "Let its owner grant that",
    "must be owner of table lines": "Let its owner grant that",
    'could not translate host name "nowhere" to address: Name or service not known': "See whether the name is right",
    "Connection refused": "See whether a server runs there",
    "timeout expired": "See whether a server runs there",
    "No such file or directory": "See whether a server runs there",
    "server does not support SSL, but SSL was required": "sslmode in the address says",
    'update or delete on table "x" violates foreign key constraint "y" on table "z"': "Declare that key deferrable",
    'character with byte sequence 0xe2 0x82 0xac in encoding "UTF8" has no equivalent in encoding "LATIN1"': "Only a",
    'invalid byte sequence for encoding "UTF8": 0x00': "No text in Postgres can hold a zero byte",
    "canceling statement due to statement timeout": "Allow it more time",
    'column reference "order_id" is ambiguous': "Give each column of the query a name of its own",
    "server closed the connection unexpectedly": "Run it again when the server is back",
    "terminating connection due to administrator command": "Run it again when the server is back",
    "the database system is shutting down": "Run it again when the server is back",
    "the database system is starting up": "Run it again when the server is back",
    'relation "x" already exists': "",
}


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize(
    "frame", ["{}", "INTERNAL: [libpq] Failed to connect: connection to server at x failed: FATAL:  {}\n"]
)
def test_what_a_server_says_is_told_in_its_words_and_with_what_helps(said: str, frame: str) -> None:
    told = PostgresAddress.parse("ORDERS", f"postgresql://reader:{PASSWORD}@there/shop").plain(
        Exception(frame.format(said))
    )
    assert told.startswith(f"{said}.")
    helps = told.removeprefix(f"{said}.").strip()
    assert helps.startswith(SAID[said]) and bool(helps) is bool(SAID[said])


def test_every_hint_about_a_server_is_one_that_is_given() -> None:
    assert {pattern for pattern in HINTS if not any(re.search(pattern, said) for said in SAID)} == set()


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_is_wrong_is_said_in_plain_lines_without_the_password(
    trouble: str, lines: Postgres, command: Command
) -> None:
    lines.run(
        "create table shop.theirs (customer_id text)",
        "create schema hidden",
        "create table hidden.lines (customer_id text)",
        "create sequence shop.numbers",
        "grant usage on shop.numbers to reader",
    )
    given, status, words = TROUBLES[trouble]
    here = {name: value.format(host=f"127.0.0.1:{lines.port}") for name, value in given.items()}
    asked = {"ORDERS": lines.address("reader"), "TABLE": "shop.order_lines"} | here
    printed = command("inspect", status, **asked)
    assert words in printed
    assert "Traceback" not in printed


@pytest.mark.slow
def test_a_hundred_times_the_rows_take_no_more_memory(lines: Postgres, tmp_path: Path) -> None:
    def most(rows: int) -> int:
        """The most MB of memory that a process needs to copy so many."""
        code = (
            "import resource, sys; from pathlib import Path; from pipeline import orders_file; "
            "from pipeline.settings import Settings; from pipeline.postgres import Postgres; "
            "orders_file.find(Settings(orders=Postgres.parse('ORDERS', sys.argv[1]), query=sys.argv[2]), "
            "Path(sys.argv[3])).fetch(); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
        )
        query = (
            f"select md5(n::text) as customer_id, n * 1.5 as revenue, now() as day from generate_series(1, {rows}) n"
        )
        told = subprocess.run(
            [sys.executable, "-c", code, lines.address("owner"), query, str(tmp_path / f"{rows}")],
            cwd=ROOT, env=os.environ | {"PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return int(told.stdout)

    little, much = most(30_000), most(3_000_000)
    print(f"{little} MB, {much} MB")
    assert much - little < 200
