"""Everybody with all that is known of them, as CSV and page by page, and who changed since the build before."""

from __future__ import annotations

import csv
import http.client
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from api import create_app
from api.settings import Settings
from api.store import changes, details
from tests.api.conftest import VALUES, Server, publish
from tests.api.test_slow_clients import HurriedServer

NAMES = {"user_id": "customer_id", "clv": "predicted_clv", "rank": "clv_rank", "percentile": "clv_percentile"}
NAMES |= {"decile": "clv_decile", "tier": "value_tier"}
Rows = dict[str, dict[str, str]]


def table(file: Path) -> Rows:
    """The published table by customer, each value as text."""
    with duckdb.connect(file, read_only=True) as db:
        found = db.sql("select columns(*)::varchar from customer_value order by customer_id").fetchall()
        names = [name for (name,) in db.sql("select column_name from (describe customer_value)").fetchall()]
    return {row[0]: dict(zip(names, ["" if value is None else value for value in row], strict=True)) for row in found}


def as_csv(client: Client, asked: str = "") -> Rows:
    answer = client.get(f"/customers.csv{asked}")
    assert answer.status_code == 200
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["customer_id"] for row in rows] == sorted((row["customer_id"] for row in rows), key=str.encode)
    return {row["customer_id"]: row for row in rows}


def as_pages(client: Client, asked: str, limit: int) -> list[dict[str, Any]]:
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/customers?limit={limit}&{asked}{cursor and f'&cursor={cursor}'}").json
        assert len(page["customers"]) == limit or page["next_cursor"] is None
        assert page["next_cursor"] != cursor  # else this would never end
        seen += page["customers"]
        cursor = page["next_cursor"]
    return seen


def same(found: dict[str, Any], wanted: dict[str, str]) -> bool:
    """Whether texts mean the same: numbers by value, a timestamp with or without zeros behind the second."""
    return found.keys() == wanted.keys() and all(_read(found[name]) == _read(wanted[name]) for name in wanted)


def _read(text: Any) -> Any:
    try:
        return float(text)
    except (TypeError, ValueError):
        return str(text or "").replace("T", " ").removesuffix(".000000")


@contextmanager
def asking(warehouse: Path) -> Iterator[Client]:
    """The API on what is published now; it then lets go of the file, so that the next build can be written here."""
    app = create_app(Settings(warehouse))
    yield Client(app.wsgi_app)
    app.extensions["publication"].close()


@pytest.fixture(scope="module")
def client(warehouse: Path) -> Client:
    return Client(create_app(Settings(warehouse)).wsgi_app)


@pytest.mark.parametrize("asked", ["", "tier=medium", "lifecycle=slipping&tier=low", "decile=2", "max_clv=1&decile=10"])
def test_csv_and_pages_have_every_column_of_everybody_who_passes(warehouse: Path, client: Client, asked: str) -> None:
    passes = dict(part.split("=") for part in asked.split("&")) if asked else {}
    highest = float(passes.pop("max_clv", "inf"))
    wanted = {
        customer: row
        for customer, row in table(warehouse / "clv.duckdb").items()
        if float(row["predicted_clv"]) <= highest
        and all(row[NAMES.get(name, name)] == value for name, value in passes.items())
    }
    assert wanted
    with patch.object(details, "PIECE", 7):
        found = as_csv(client, f"?{asked}")
    assert found.keys() == wanted.keys()
    assert all(same(found[customer], row) for customer, row in wanted.items())
    by_id = [*wanted.values()]
    for order, rows in {"id": by_id, "value": sorted(by_id, key=lambda row: -float(row["predicted_clv"]))}.items():
        pages = as_pages(client, f"order={order}&{asked}", limit=3)
        assert [one["user_id"] for one in pages] == [row["customer_id"] for row in rows]
        for one, row in zip(pages, rows, strict=True):
            assert one.pop("horizon_days") == 365
            assert same({NAMES.get(name, name): value for name, value in one.items()}, row)


values = st.dictionaries(st.text(min_size=1, max_size=2), st.sampled_from([1.0, 2.5, 7.0]), max_size=12)


@settings(deadline=None, max_examples=10)
@given(before=values, now=values, limit=st.integers(1, 4))
def test_the_build_before_and_what_changed_since_are_the_build_that_is_served(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, float], now: dict[str, float], limit: int
) -> None:
    folder = tmp_path_factory.mktemp("changes")
    publish(folder, "before", before)
    with asking(folder) as client:
        old = as_csv(client)
    later(folder, "now", now, previous="before")
    with asking(folder) as client, patch.object(changes, "PIECE", 3):
        changed = as_csv(client, "?changed_since=before")
        pages = as_pages(client, "changed_since=before", limit)
        assert as_csv(client, "?changed_since=now") == {}
        new = as_csv(client)
    assert {customer: row["change"] for customer, row in changed.items()} == {
        customer: "gone" if customer not in new else "new" if customer not in old else "changed"
        for customer in old.keys() | new.keys()
        if without_time(old.get(customer)) != without_time(new.get(customer))
    }
    for customer, row in changed.items():
        if row.pop("change") == "gone":
            assert not any(value for name, value in row.items() if name != "customer_id")
        else:
            assert row == new[customer]
    assert [one["user_id"] for one in pages] == [*changed]
    assert all(one.keys() == {"user_id", "change"} for one in pages if one["change"] == "gone")


def test_whatever_is_another_about_a_customer_is_a_change_but_when_it_was_predicted(tmp_path: Path) -> None:
    columns = table(publish(tmp_path / "any", "one", {"c": 1.0}) / "clv.duckdb")["c"].keys() - {"customer_id"}
    values = dict.fromkeys([*columns, "nothing"], 1.0)  # each customer is named after what will be another
    publish(tmp_path, "before", values)
    others = {"value_tier": "'high'", "lifecycle": "if(lifecycle = 'new', 'active', 'new')", "model_id": "'another'"}
    others["predicted_at"] = "predicted_at + interval 1 hour"
    with duckdb.connect(later(tmp_path, "now", values, previous="before")) as db:
        for column in columns:
            other = others.get(column, f"{column} + 1")
            db.execute(f"update customer_value set {column} = {other} where customer_id = '{column}'")
    with asking(tmp_path) as client:
        assert as_csv(client, "?changed_since=before").keys() == columns - {"predicted_at"}


def test_who_changed_passes_the_same_filters_as_everybody(tmp_path: Path) -> None:
    publish(tmp_path, "before", {"gone": 1.0})
    later(tmp_path, "now", {f"c{n}": n * 1.5 for n in range(30)}, previous="before")
    with asking(tmp_path) as client:
        for asked in ("min_clv=30", "max_clv=30", "decile=2", "tier=low", "lifecycle=active", "min_clv=6&max_clv=30"):
            passing = as_csv(client, f"?{asked}").keys()
            assert as_csv(client, f"?changed_since=before&{asked}").keys() == passing
            assert 0 < len(passing) < 30


def without_time(row: dict[str, str] | None) -> dict[str, str] | None:
    return row and {name: value for name, value in row.items() if name != "predicted_at"}


def later(folder: Path, build_id: str, values: dict[str, float], previous: str) -> Path:
    """Publishes a build that keeps the one before, predicted a day later; returns its file."""
    file = publish(folder, build_id, values) / "clv.duckdb"
    with duckdb.connect(file) as db:
        db.execute("update customer_value set predicted_at = predicted_at + interval 1 day")
    (file.parent / "previous").symlink_to(Path("..") / previous)
    return file


def test_a_build_that_is_not_kept_is_a_410_and_one_with_other_columns_changed_everybody(tmp_path: Path) -> None:
    first = publish(tmp_path, "first", {"a": 1.0, "b": 2.0})
    with duckdb.connect(first / "clv.duckdb") as db:
        db.execute("alter table customer_value drop column max_revenue")
    later(tmp_path, "second", {"a": 1.0, "b": 2.0}, previous="first")
    with asking(tmp_path) as client:
        assert {row["change"] for row in as_csv(client, "?changed_since=first").values()} == {"changed"}
        assert client.get("/customers.csv?changed_since=zeroth").status_code == 410
        os.replace(first, tmp_path / "builds" / "away")
        assert client.get("/customers.csv?changed_since=first").status_code == 410
        assert as_csv(client, "?changed_since=second") == {}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server that closes what stands still after a second, and the file of so many customers that it serves."""
    folder = tmp_path_factory.mktemp("large")
    build = publish(folder / "warehouse", "one", VALUES | {f"{'x' * 50}{n:07}": n * 0.1 for n in range(300_000)})
    server = HurriedServer(folder / "warehouse", folder / "log")
    try:
        yield server, build / "clv.duckdb"
    finally:
        server.stop()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="connections that stand still are closed on Linux only")
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_csv_that_fails_half_way_does_not_look_whole(large: tuple[Server, Path], encoding: str) -> None:
    server, file = large
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/customers.csv", headers={"Accept-Encoding": encoding})
    answer = connection.getresponse()
    assert answer.read(1000)
    os.utime(file)  # as if somebody wrote into it: from now on it may say anything
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()
    assert "was cut short" in server.log.read_text()
    server.wait(lambda: server.get("/predictions?limit=1").status == 200)
