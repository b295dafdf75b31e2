"""A training says what makes its model doubtful, each just from its threshold on, and of sound orders nothing."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from pipeline.runners.on_duckdb import OnDuckDB
from pipeline.settings import Settings
from pipeline.training import doubts
from pipeline.training.snapshots import Snapshots
from pipeline.warehouse.folder import Warehouse
from predictor.training.backtest import OURS
from predictor.training.snapshot import Snapshot
from tests.training.test_make_train import train, write

FIRST = date(2020, 1, 1)


def found(purchases: list[tuple[str, int]], came_back: int = 500, customers: int = 1000) -> dict[str, str]:
    """Doubts by code, of purchases as (customer, day from FIRST); they need not fit the numbers of customers."""
    orders = duckdb.connect()
    orders.execute("create table int_customer_orders (customer_id varchar, order_date date, revenue decimal(38, 6))")
    rows = [(customer, FIRST + timedelta(day), 10) for customer, day in purchases]
    orders.executemany("insert into int_customer_orders values (?, ?, ?)", rows)
    orders.execute("create view stg_orders as select *, order_date as created_at_date from int_customer_orders")
    days = [FIRST + timedelta(day) for _, day in purchases]
    frequency = np.where(np.arange(customers) < came_back, 2.0, 0.0)
    now = Snapshot(max(days), np.arange(customers), {"frequency": frequency})
    engine = OnDuckDB(Settings(), Warehouse(Path("unused")))
    snapshots = Snapshots(engine, orders, min(days), max(days), orders=1, customers=customers, chosen="true")
    first, again = ({each.code: each.text for each in doubts.about_orders(snapshots, now)} for _ in range(2))
    assert first == again
    return first


def test_sound_orders_leave_no_doubt():
    chance = np.random.default_rng(1)
    assert found([(f"c{who}", day) for who in range(300) for day in chance.integers(0, 700, 6).tolist()]) == {}


@pytest.mark.parametrize("came_back, doubtful", [(49, True), (50, False), (51, False), (0, True)])
def test_customers_who_hardly_come_back(came_back, doubtful):
    said = found([("a", 0), ("b", 1)], came_back)
    assert ("few_come_back" in said) == doubtful
    assert not doubtful or f"{came_back} of 1,000 customers" in said["few_come_back"]


@pytest.mark.parametrize("days, doubtful", [(3649, False), (3650, True), (18_000, True)])
def test_days_that_lie_decades_from_all_others(days, doubtful):
    said = found([("a", 0), ("b", 0), ("c", days), ("d", days + 1)])
    assert ("orders_decades_apart" in said) == doubtful
    assert not doubtful or "Order lines of 2020-01-01 or before: 2," in said["orders_decades_apart"]


def months(customers: int, spread: float) -> list[tuple[str, int]]:
    """Each with the intervals m - d, m, m + d of a mean m of 100 days, whose standard deviation is d."""
    d = round(100 * spread)
    return [(f"c{who}", day) for who in range(customers) for day in np.cumsum([who, 100 - d, 100, 100 + d]).tolist()]


@pytest.mark.parametrize(
    "customers, spread, doubtful", [(30, 0.29, True), (29, 0.29, False), (30, 0.30, False), (30, 0.0, True)]
)
def test_purchases_at_regular_intervals(customers, spread, doubtful):
    said = found(months(customers, spread))
    assert ("purchases_at_regular_intervals" in said) == doubtful
    assert not doubtful or f"{spread:.0%}" in said["purchases_at_regular_intervals"]


@pytest.mark.parametrize(
    "calibration, code",
    [
        (20.0, "far_off_in_its_test"),
        (2.001, "far_off_in_its_test"),
        (2.0, None),
        (1.0, None),
        (0.5, None),
        (0.499, "far_off_in_its_test"),
        (None, "test_without_revenue"),
    ],
)
def test_a_model_that_is_far_off_in_its_own_test(calibration, code):
    test = {"as_of": "2020-01-01", "days": 90, "metrics": {OURS: {"calibration": calibration}}}
    said = list(doubts.about_test(test))
    assert [each.code for each in said] == ([code] if code else [])
    assert not calibration or not code or f"{calibration:.3g} times" in said[0].text


@pytest.mark.slow
def test_a_training_says_its_doubts_and_stops_at_days_to_come(tmp_path):
    lines = [
        (f"c{who}", f"o{who}-{month}", "1", "1", "9.99", str(FIRST + timedelta(who % 30 + 30 * month)))
        for who in range(60)
        for month in range(12)
    ]
    orders = write(tmp_path / "orders.csv", [*lines, ("c1", "lost", "1", "1", "9.99", "1970-01-01")])
    printed = train(tmp_path, orders, HORIZON="60")
    assert printed.count("Warning") >= 2
    assert "at regular intervals (half of them vary by less than 0%)" in printed
    assert "Order lines of 1970-01-01 or before: 1, which is 50 years before all others" in printed

    model = tmp_path / "models" / "model.dill"
    model.unlink()
    assert "Stopped, because STRICT=1: Order lines of 1970-01-01" in train(
        tmp_path, orders, 1, HORIZON="60", STRICT="1"
    )
    assert not model.exists()
    mapping = tmp_path / "orders.yml"
    mapping.write_text("silence: [orders_decades_apart, purchases_at_regular_intervals, far_off_in_its_test]")
    printed = train(tmp_path, orders, HORIZON="60", STRICT="1", MAPPING=str(mapping))
    assert "Warning" not in printed and model.exists()

    orders = write(tmp_path / "orders.csv", [*lines, ("c1", "lost", "1", "1", "9.99", "9999-12-31")])
    printed = train(tmp_path, orders, status=1, HORIZON="60")
    assert "has orders of 9999-12-31, which is yet to come" in printed
    assert f"AS_OF={date.today()}" in printed
    train(tmp_path, orders, HORIZON="60", AS_OF="2020-12-31")
