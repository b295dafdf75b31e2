"""What a delivery leaves in a Postgres, and what it says where it cannot."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from adbc_driver_manager import AdbcStatusCode, OperationalError

from pipeline import delivery
from pipeline.errors import ClvError
from pipeline.postgres import Postgres as PostgresAddress
from tests.delivery.conftest import Warehouse
from tests.postgres import PASSWORD, Postgres

TABLES = ["customer_features", "customer_value", "prediction_history", "predictions"]


def published(warehouse: Warehouse, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    with duckdb.connect(warehouse.published, read_only=True) as file:
        return sorted(file.sql(f"select {columns} from {table}").fetchall(), key=repr)


def delivered(database: Postgres, table: str) -> list[tuple[Any, ...]]:
    return sorted(database.query(f"select * from clv.{table}"), key=repr)


def assert_delivered(database: Postgres, warehouse: Warehouse, tables: list[str]) -> None:
    for table in [*tables, "build_info"]:
        assert delivered(database, table) == published(warehouse, table), table


def test_what_is_published_arrives_whole_and_what_people_built_on_it_stays(
    database: Postgres, builds: tuple[Warehouse, Warehouse]
) -> None:
    first, second = builds
    everything = {"DELIVER_TO": database.address("writer"), "TABLES": ",".join(TABLES)}
    told = first.run("deliver", **everything)
    assert_delivered(database, first, TABLES)
    ((build_id,),) = published(first, "build_info", "build_id")
    rows = ", ".join(f"{len(published(first, table)):,} of {table}" for table in everything["TABLES"].split(","))
    where = f"schema clv of {database.address('writer')}"
    assert re.fullmatch(rf"Delivered build {build_id} into {re.escape(where)}: {rows}; \d+\.\d seconds\n", told)
    with duckdb.connect(first.published, read_only=True) as file:
        described = file.sql(
            "select table_name, column_name, comment from duckdb_columns() where list_contains($tables, table_name)",
            params={"tables": [*TABLES, "build_info"]},
        ).fetchall()
    comments = "select relname::text, attname::text, col_description(attrelid, attnum) from pg_attribute "
    comments += "join pg_class on pg_class.oid = attrelid and relkind = 'r' and relnamespace = 'clv'::regnamespace "
    assert sorted(database.query(comments + "where attnum > 0")) == sorted(described)

    database.run(
        "create schema crm",
        "grant usage on schema clv to reader",
        "grant select on clv.customer_value to reader",
        "create view crm.best as select customer_id, clv_rank from clv.customer_value where clv_rank <= 3",
        "create index of_customer on clv.prediction_history (customer_id)",
        "create table crm.notes (customer_id text references clv.customer_value deferrable, note text)",
        "insert into crm.notes values ('Łukasz', 'likes tea')",
    )
    versions = "select customer_id, xmin::text from clv.prediction_history where as_of_date = '2017-10-16'"
    history = sorted(database.query(versions))

    second.run("deliver", **everything)
    assert_delivered(database, second, TABLES)
    best = [row for row in published(second, "customer_value", "customer_id, clv_rank") if row[1] <= 3]
    assert sorted(database.query("select * from crm.best")) == sorted(best) != []
    assert database.query("select has_table_privilege('reader', 'clv.customer_value', 'select')") == [(True,)]
    assert database.query("select to_regclass('clv.of_customer') is not null") == [(True,)]
    assert sorted(database.query(versions)) == history, "what was there of the history was sent again"

    second.run("deliver", **everything)
    assert_delivered(database, second, TABLES)


def test_the_history_goes_on_where_dates_were_trimmed_and_follows_dates_built_again_and_a_rollback(
    database: Postgres, builds: tuple[Warehouse, Warehouse]
) -> None:
    first, second = builds
    to = {"DELIVER_TO": database.address("writer"), "TABLES": "prediction_history", "SCHEMA": "Of my shop"}
    days = 'select as_of_date::text, count(*) from "Of my shop".prediction_history group by 1 order by 1'
    second.run("deliver", **to)
    columns = "customer_id, as_of_date, predicted_clv, model_id, predicted_at"
    older = f"({columns}) values ('long ago', '2016-01-01', 5, 'm', now())"
    database.run(f'insert into "Of my shop".prediction_history {older}')
    database.run("""delete from "Of my shop".prediction_history where as_of_date = '2017-10-16'""")
    second.run("deliver", **to)
    both = len(published(first, "predictions")), len(published(second, "predictions"))
    assert database.query(days) == [("2016-01-01", 1), ("2017-10-16", both[0]), ("2017-10-17", both[1])]

    before = "set predicted_clv = -1, predicted_at = predicted_at - interval '1 day' where as_of_date > '2016-01-01'"
    database.run(f'update "Of my shop".prediction_history {before}')  # each date, the first that is published too
    second.run("deliver", **to)
    values = "customer_id, as_of_date, predicted_clv"
    found = database.query(f"select {values} from \"Of my shop\".prediction_history where as_of_date > '2016-01-01'")
    assert sorted(found, key=repr) == published(second, "prediction_history", values)
    assert database.query(days)[0] == ("2016-01-01", 1)

    first.run("deliver", **to)
    assert database.query(days) == [("2016-01-01", 1), ("2017-10-16", both[0])]


def test_tables_that_people_made_wider_or_narrower_are_filled(
    database: Postgres, builds: tuple[Warehouse, Warehouse]
) -> None:
    database.run(
        "create schema clv authorization writer",
        "create table clv.predictions (customer_id varchar(40) primary key, predicted_clv numeric(12, 2), "
        "seen timestamptz default now())",
        "alter table clv.predictions owner to writer",
    )
    builds[0].run("deliver", DELIVER_TO=database.address("writer"), TABLES="predictions")
    rows = "select customer_id, predicted_clv::text, model_id, seen is not null from clv.predictions"
    sent = published(builds[0], "predictions", "customer_id, predicted_clv, model_id")
    wanted = [(customer, f"{value:.2f}", model, True) for customer, value, model in sent]
    assert sorted(database.query(rows)) == sorted(wanted)


def test_a_password_comes_from_a_file_and_an_address_from_a_service(
    database: Postgres, builds: tuple[Warehouse, Warehouse], tmp_path: Path
) -> None:
    (tmp_path / "pgpass").write_text(f"127.0.0.1:{database.port}:*:writer:{PASSWORD}\n")
    (tmp_path / "pgpass").chmod(0o600)
    (tmp_path / "services").write_text(f"[crm]\nhost=127.0.0.1\nport={database.port}\nuser=writer\ndbname=postgres\n")
    files = {"PGPASSFILE": str(tmp_path / "pgpass"), "PGSERVICEFILE": str(tmp_path / "services"), "PGPASSWORD": ""}
    builds[0].run("deliver", DELIVER_TO="postgresql://?service=crm", TABLES="predictions", **files)
    assert_delivered(database, builds[0], ["predictions"])


LOCKED = ("55P03", "40P01")  # a lock that was not to be had in time, and a deadlock: postgresql.org/docs, Appendix A


@pytest.mark.parametrize("sqlstate", [*LOCKED, "42501", "53100", None])
@pytest.mark.parametrize("failing", [0, 1, 2, 3, 4])
def test_what_is_locked_is_tried_again_without_any_lock_and_what_fails_otherwise_is_not(
    monkeypatch: pytest.MonkeyPatch, sqlstate: str | None, failing: int
) -> None:
    """At most TRIES times; a deadlock is another's turn too."""
    monkeypatch.setattr(delivery, "PAUSE", 0)
    monkeypatch.setattr(delivery, "TRIES", 3)
    done: list[str] = []

    def take() -> None:
        done.append("take")
        if done.count("take") <= failing:
            raise OperationalError("no", status_code=AdbcStatusCode.IO, sqlstate=sqlstate)

    cursor = SimpleNamespace(execute=done.append)
    address = PostgresAddress.parse("DELIVER_TO", "postgresql://writer@there/crm")
    target = delivery._Target(cursor, address, "clv")  # type: ignore[arg-type]
    done.clear()
    again, back = ["savepoint without_locks", "take"], ["rollback to savepoint without_locks"]
    if not failing:
        target._patiently(take, lambda: "somebody")
        assert done == again
    elif sqlstate not in LOCKED:
        with pytest.raises(OperationalError):
            target._patiently(take, lambda: "somebody")
        assert done == again
    elif failing < 3:
        target._patiently(take, lambda: "somebody")
        assert done == (again + back) * failing + again
    else:
        with pytest.raises(ClvError, match="Cannot deliver to postgresql://writer@there/crm: somebody"):
            target._patiently(take, lambda: "somebody")
        assert done == (again + back) * 3


@pytest.mark.slow
def test_a_locked_table_is_waited_for_while_its_readers_are_not_held_up(
    database: Postgres, builds: tuple[Warehouse, Warehouse]
) -> None:
    first, second = builds
    to = {"DELIVER_TO": database.address("writer"), "TABLES": "predictions"}
    first.run("deliver", **to)
    with database.connect() as holder, holder.cursor() as cursor:
        cursor.execute("lock table clv.predictions in share mode")
        delivery = second.start("deliver", **to)
        slowest, until = 0.0, time.monotonic() + 8
        while time.monotonic() < until:
            started = time.monotonic()
            assert database.query("select count(*) from clv.predictions") == [(len(published(first, "predictions")),)]
            slowest = max(slowest, time.monotonic() - started)
        assert delivery.poll() is None
        holder.commit()
    assert delivery.wait(60) == 0, delivery.stdout.read()
    assert_delivered(database, second, ["predictions"])
    assert slowest < 4


@pytest.mark.slow
def test_one_delivery_waits_for_another_into_the_same_schema_and_for_none_into_another(
    database: Postgres, builds: tuple[Warehouse, Warehouse]
) -> None:
    to = {"DELIVER_TO": database.address("writer"), "TABLES": "predictions"}
    with database.connect() as other, other.cursor() as cursor:
        cursor.execute("select 1 from pg_advisory_xact_lock(hashtextextended('customer lifetime value in clv', 0))")
        waits = builds[0].start("deliver", **to)
        builds[1].run("deliver", **to, SCHEMA="elsewhere")
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        until = time.monotonic() + 60
        while database.query(waiting) == [(0,)]:
            assert waits.poll() is None and time.monotonic() < until
            time.sleep(0.01)
        assert database.query("select to_regclass('clv.predictions') is null") == [(True,)]
        other.commit()
    assert waits.wait(60) == 0, waits.communicate()[0]
    assert_delivered(database, builds[0], ["predictions"])


TROUBLES = {
    "no server": ({"DELIVER_TO": "postgresql://writer@127.0.0.1:1/postgres"}, 1, "Connection refused"),
    "wrong password": ({"PGPASSWORD": "wrong"}, 1, "password authentication failed"),
    "no password": ({"PGPASSWORD": ""}, 1, "Give the password in PGPASSWORD, in ~/.pgpass"),
    "no such database": ({"DELIVER_TO": "postgresql://writer@{host}/nowhere"}, 1, 'database "nowhere" does not exist'),
    "no right to make a schema": ({"DELIVER_TO": "postgresql://reader@{host}/postgres"}, 1, "permission denied"),
    "no right to write": ({"DELIVER_TO": "postgresql://reader@{host}/postgres", "SCHEMA": "theirs"}, 1, "permission"),
    "encryption asked for": ({"DELIVER_TO": "postgresql://writer@{host}/postgres?sslmode=require"}, 1, "SSL"),
    "letters that the database has not": (
        {"DELIVER_TO": "postgresql://owner@{host}/latin"},
        1,
        "Only a database of the encoding UTF8",
    ),
    "another scheme": ({"DELIVER_TO": f"mysql://writer:{PASSWORD}@{{host}}/crm"}, 2, "DELIVER_TO=postgresql://"),
    "an @ in a password": ({"DELIVER_TO": f"postgresql://writer:{PASSWORD}@x@{{host}}/crm"}, 2, "PGPASSWORD"),
    "a / in a password": ({"DELIVER_TO": f"postgresql://writer:/{PASSWORD}@{{host}}/crm"}, 2, "PGPASSWORD"),
    "a % in a password": ({"DELIVER_TO": f"postgresql://writer:{PASSWORD}%zz@{{host}}/crm"}, 1, "percent"),
    "a service that is not": ({"DELIVER_TO": f"postgresql://?service=crm&password={PASSWORD}"}, 1, 'service "crm"'),
    "a table that is not": ({"TABLES": "orders"}, 2, "TABLES=customer_value"),
    "nothing published": ({"WAREHOUSE": "nowhere"}, 1, "make build"),
    "no address": ({"DELIVER_TO": ""}, 2, "make deliver DELIVER_TO=postgresql://"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_is_wrong_is_said_in_a_line_without_the_password(
    trouble: str, database: Postgres, builds: tuple[Warehouse, Warehouse]
) -> None:
    database.run("create schema theirs", "create table theirs.predictions (customer_id text)")
    given, status, words = TROUBLES[trouble]
    here = {name: value.format(host=f"127.0.0.1:{database.port}") for name, value in given.items()}
    printed = builds[0].run("deliver", status, **{"DELIVER_TO": database.address("writer")} | here)
    assert words in printed
    assert len(printed.strip().splitlines()) <= 2
    assert database.query("select to_regnamespace('clv') is null") == [(True,)]


@pytest.mark.slow
def test_a_build_whose_delivery_fails_is_published_says_so_and_is_delivered_later(
    database: Postgres, builds: tuple[Warehouse, Warehouse], warehouse: Warehouse
) -> None:
    nowhere = f"postgresql://writer:{PASSWORD}@127.0.0.1:1/postgres"
    events = warehouse.folder / "events.jsonl"
    printed = warehouse.run(f"build --deliver-to {nowhere}", 1, JSON=str(events))
    assert "Published" in printed
    assert [json.loads(line)["event"] for line in events.read_text().splitlines()][-2:] == ["published", "failed"]
    assert "make deliver DELIVER_TO=postgresql://writer@127.0.0.1:1/postgres" in printed
    kept = [path for path in warehouse.folder.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert kept == []
    tables = ["customer_value", "predictions", "prediction_history"]
    for command in ("build", "deliver"):
        warehouse.run(command, DELIVER_TO=database.address("writer", password=PASSWORD), JSON=str(events))
        assert_delivered(database, warehouse, tables)
        told = json.loads(events.read_text().splitlines()[-1])
        assert (told["event"], told["build_id"]) == ("delivered", published(warehouse, "build_info", "build_id")[0][0])
        assert told["rows"]["predictions"] == len(published(warehouse, "predictions"))
        assert told["to"].startswith("schema clv of postgresql://writer@") and PASSWORD not in events.read_text()
