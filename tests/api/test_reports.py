"""What the summary, the metrics and /health tell: each figure under its own name, of its own time, in its own order."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from werkzeug.test import Client

from api import create_app
from api.settings import Settings
from tests.api.conftest import VALUES, publish

REPORTS = """
create or replace table value_by_date as from (values
    (date '2017-10-17', 'newer', 365, 4, 44e0), (date '2016-10-17', 'older', 180, 2, 22e0),
    (date '2017-01-01', 'older', 90, 3, 33e0)) as t(as_of_date, model_id, horizon_days, customers, predicted_clv);
create or replace table int_compared_dates as
    select date '2017-10-17' as as_of_date, date '2017-10-09' as compared_with, {comparable} as is_comparable;
create or replace table value_changes as from (values
    ('risen', 5, 50e0, 70e0), ('left', 2, 7e0, 0e0), ('joined', 1, 0e0, 3e0))
    as t(movement, customers, predicted_before, predicted_now);
create or replace table movers as from (values
    ('e', 0e0, 8e0, 8e0), ('d', 4e0, 1e0, -3e0), ('c', 5e0, 7e0, 2e0), ('b', 20e0, 9e0, -11e0), ('a', 1e0, 9e0, 8e0))
    as t(customer_id, predicted_before, predicted_now, change);
create or replace table predicted_and_actual as from (values
    (date '2016-10-10', 'older', 180, 2, 11, 3, 20e0, 5e0), (date '2016-10-10', 'older', 180, 1, 12, 6, 100e0, 90e0))
    as t(as_of_date, model_id, horizon_days, decile, customers, customers_who_ordered, predicted_value, actual_value);
create or replace table cohorts as from (values
    (date '2017-02-01', 8, 3, 80e0, 30e0), (date '2016-12-01', 9, 4, 200e0, 50e0))
    as t(first_order_month, customers, repeat_customers, total_revenue, predicted_clv);
create or replace table rejected_orders as
    select unnest(['missing_order_id', 'left_out', 'invalid_date', 'left_out']) as reason;
"""


def summary(warehouse: Path, reports: str) -> dict:
    with duckdb.connect(publish(warehouse, "one", VALUES) / "clv.duckdb") as db:
        db.execute(reports)
    return Client(create_app(Settings(warehouse)).wsgi_app).get("/summary").json


@pytest.mark.parametrize("comparable", [True, False])
def test_the_summary_tells_the_reports_of_the_build(tmp_path: Path, comparable: bool) -> None:
    told = summary(tmp_path, REPORTS.format(comparable=comparable))
    days = ("as_of_date", "customers", "total", "model_id", "horizon_days")
    assert told["history"] == [
        dict(zip(days, day, strict=True))
        for day in (
            ("2016-10-17", 2, 22.0, "older", 180),
            ("2017-01-01", 3, 33.0, "older", 90),
            ("2017-10-17", 4, 44.0, "newer", 365),
        )
    ]
    assert told["changes"] == {
        "since": "2017-10-09",
        "comparable": comparable,
        "movements": [
            {"movement": "joined", "customers": 1, "before": 0.0, "now": 3.0},
            {"movement": "left", "customers": 2, "before": 7.0, "now": 0.0},
            {"movement": "risen", "customers": 5, "before": 50.0, "now": 70.0},
        ],
        "risers": [
            {"user_id": "a", "clv": 9.0, "before": 1.0},
            {"user_id": "e", "clv": 8.0, "before": 0.0},
            {"user_id": "c", "clv": 7.0, "before": 5.0},
        ],
        "fallers": [{"user_id": "b", "clv": 9.0, "before": 20.0}, {"user_id": "d", "clv": 1.0, "before": 4.0}],
    }
    tenths = ("decile", "customers", "customers_who_ordered", "predicted", "actual")
    assert told["outcome"] == {
        "as_of_date": "2016-10-10",
        "until": "2017-04-08",
        "model_id": "older",
        "horizon_days": 180,
        "predicted": 120.0,
        "actual": 95.0,
        "deciles": [
            dict(zip(tenths, (1, 12, 6, 100.0, 90.0), strict=True)),
            dict(zip(tenths, (2, 11, 3, 20.0, 5.0), strict=True)),
        ],
    }
    months = ("month", "customers", "repeat_customers", "revenue", "clv")
    assert told["cohorts"] == [
        dict(zip(months, ("2016-12-01", 9, 4, 200.0, 50.0), strict=True)),
        dict(zip(months, ("2017-02-01", 8, 3, 80.0, 30.0), strict=True)),
    ]
    unused = [("left_out", 2), ("invalid_date", 1), ("missing_order_id", 1)]
    assert told["lines_not_used"] == [{"reason": reason, "lines": lines} for reason, lines in unused]


def test_where_there_is_no_earlier_date_and_no_horizon_has_passed_nothing_is_told_of_them(tmp_path: Path) -> None:
    told = summary(tmp_path, "delete from int_compared_dates; delete from predicted_and_actual")
    assert (told["changes"], told["outcome"]) == (None, None)


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A clock nine hours ahead: what is UTC has to stay so."""
    with monkeypatch.context() as there:
        there.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def figures(client: Client) -> dict[str, float]:
    """The metrics without labels."""
    lines = re.findall(r"^clv_snapshot_(\w+) (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return {name: float(value) for name, value in lines}


@pytest.mark.usefixtures("in_tokyo")
def test_metrics_and_health_tell_which_build_is_served_since_when_and_what_is_wrong(tmp_path: Path) -> None:
    app = create_app(Settings(tmp_path))
    client, publication = Client(app.wsgi_app), app.extensions["publication"]
    assert figures(client) == {"ready": 0}
    assert client.get("/health").json["status"] == "unavailable"

    doubts = [{"code": "similar_ids", "text": "Two ids are alike.", "figures": {}}]
    with duckdb.connect(publish(tmp_path / "prepared", "one", VALUES, doubts) / "clv.duckdb") as db:
        db.execute("update build_info set built_at = timestamp '2017-10-17 03:00:00'")
    started, built_at = time.time(), datetime(2017, 10, 17, 3, tzinfo=UTC).timestamp()
    (tmp_path / "clv.duckdb").symlink_to(tmp_path / "prepared" / "clv.duckdb")
    publication.refresh()
    found = figures(client)
    assert started <= found.pop("loaded_seconds") <= time.time()
    served = {"ready": 1, "problem": 0, "customers": 100, "warnings": 1, "switches": 1, "built_seconds": built_at}
    assert found == served
    health = client.get("/health").json
    assert (health["status"], health["warnings"]) == ("ok", doubts)
    assert abs(health["age_seconds"] - (time.time() - built_at)) < 60

    (tmp_path / "clv.duckdb").unlink()
    publication.refresh()
    assert served | {"problem": 1} == {name: value for name, value in figures(client).items() if name in served}
    assert client.get("/health").json["status"] == "degraded"
