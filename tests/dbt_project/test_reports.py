"""The reports are what plain Python says of a history in which many have moved and many are worth the same."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from pipeline.dbt import run_dbt
from pipeline.settings import Settings
from tests.dbt_project.conftest import Parsed
from tests.oracle import tenths

AS_OF = date(2017, 10, 17)
HORIZON, RATE = 90, 0.1
REPORTS = ("value_by_date", "int_compared_dates", "value_changes", "movers", "predicted_and_actual", "cohorts")
TABLES = """
create table prediction_history as select *, 90::bigint as horizon_days, 0.1::double as discount_rate, 'm' as model_id
    from history;
create table predictions as from prediction_history where as_of_date = date '2017-10-17';
create table stg_orders as
    select customer_id, revenue::decimal(18, 6) as revenue, created_at_date from lines;
create table int_as_of as
    select date '2017-10-17' as as_of_date, max(created_at_date) as last_order_date from stg_orders;
create table customer_value as
    select customer_id, predicted_clv, first_order_date, frequency, total_revenue
    from predictions join given using (customer_id);
"""

chance = random.Random(20)
CUSTOMERS = [f"c{number:03}" for number in range(137)]
DATES = [AS_OF - timedelta(days) for days in (200, 91, 90, 89, 15, 8, 6, 1, 0)]
LINES = [
    (chance.choice([*CUSTOMERS, "new"]), chance.choice([-5.0, 5.0, 12.5]), AS_OF - timedelta(chance.randint(0, 210)))
    for _ in range(900)
]
FIRST = {
    who: (AS_OF - timedelta(chance.randint(0, 100)), chance.randint(0, 2), chance.randint(-2, 9)) for who in CUSTOMERS
}
# Some are missing at each date; few values, so that many changes are alike.
HISTORY = {day: {who: float(chance.randint(0, 4)) for who in CUSTOMERS if chance.random() < 0.9} for day in DATES}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory, parsed: Parsed) -> Iterator[duckdb.DuckDBPyConnection]:
    folder: Path = tmp_path_factory.mktemp("reports")
    with duckdb.connect(folder / "build.duckdb") as made:
        made.execute("create table history (as_of_date date, customer_id varchar, predicted_clv double)")
        rows = [[day, who, value] for day, values in HISTORY.items() for who, value in values.items()]
        made.executemany("insert into history values (?, ?, ?)", chance.sample(rows, len(rows)))
        made.execute("create table lines (customer_id varchar, revenue double, created_at_date date)")
        made.executemany("insert into lines values (?, ?, ?)", LINES)
        made.execute(
            "create table given (customer_id varchar, first_order_date date, frequency bigint, total_revenue double)"
        )
        made.executemany("insert into given values (?, ?, ?, ?)", [[who, *rest] for who, rest in FIRST.items()])
        made.execute(TABLES)
    result = run_dbt(
        *("run", "--select", *REPORTS),
        settings=Settings(warehouse=folder),
        target=parsed.target(Settings()),
        logs=folder,
    )
    assert result.success, [each.message for each in result.result]
    with duckdb.connect(folder / "build.duckdb", read_only=True) as made:
        yield made


NOW, BEFORE = HISTORY[AS_OF], HISTORY[AS_OF - timedelta(8)]  # of 6 and 8 days before, each a day off a week


def test_each_date_is_added_up(build):
    assert build.sql("select as_of_date, customers, predicted_clv from value_by_date").fetchall() == [
        (day, len(HISTORY[day]), sum(HISTORY[day].values())) for day in DATES
    ]


def test_every_customer_has_moved_in_one_way(build):
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0])
    for who in NOW.keys() | BEFORE.keys():
        before, now = BEFORE.get(who), NOW.get(who)
        if before is None or now is None:
            movement = "joined" if before is None else "left"
        else:
            movement = "risen" if now > before else "fallen" if now < before else "unchanged"
        sums[movement] = [sums[movement][0] + 1, sums[movement][1] + (before or 0), sums[movement][2] + (now or 0)]
    assert build.sql("from value_changes order by movement").fetchall() == [
        (movement, *sums[movement]) for movement in sorted(sums)
    ]


def test_ten_have_moved_furthest_each_way_and_of_those_alike_the_first_by_id(build):
    changes = [(NOW[who] - BEFORE[who], who) for who in NOW.keys() & BEFORE.keys()]
    risers = sorted((-change, who) for change, who in changes if change > 0)[:10]
    fallers = sorted((change, who) for change, who in changes if change < 0)[:10]
    assert build.sql("select customer_id, predicted_before, predicted_now, change from movers").fetchall() == [
        (who, BEFORE[who], NOW[who], NOW[who] - BEFORE[who]) for _, who in [*risers, *fallers]
    ]


def test_the_newest_date_whose_days_are_over_is_held_to_what_its_customers_have_brought_since(build):
    then = max(day for day in DATES if day + timedelta(HORIZON) <= max(day for _, _, day in LINES))
    predicted = dict(sorted(HISTORY[then].items()))
    tenth = dict(zip(predicted, tenths(list(predicted.values())), strict=True))
    brought: dict[str, float] = defaultdict(float)
    for who, revenue, day in LINES:
        if 0 < (days := (day - then).days) <= HORIZON:
            brought[who] += revenue / (1 + RATE) ** (days / 365)
    columns = "as_of_date, decile, customers, customers_who_ordered, predicted_value, actual_value"
    rows = build.sql(f"select {columns} from predicted_and_actual").fetchall()
    for number, row in enumerate(rows, start=1):
        inside = [who for who in predicted if tenth[who] == number]
        counted = (then, number, len(inside), len(brought.keys() & set(inside)), sum(predicted[who] for who in inside))
        assert row[:-1] == counted
        assert row[-1] == pytest.approx(sum(brought[who] for who in inside), abs=1e-3)
    assert len(rows) == 10


def test_a_cohort_is_who_ordered_first_in_a_month(build):
    cohorts: dict[date, list[float]] = defaultdict(lambda: [0, 0, 0, 0])
    for who, value in NOW.items():
        first, frequency, revenue = FIRST[who]
        sums = cohorts[first.replace(day=1)]
        cohorts[first.replace(day=1)] = [
            before + more for before, more in zip(sums, [1, frequency > 0, revenue, value], strict=True)
        ]
    assert build.sql("from cohorts").fetchall() == [(month, *cohorts[month]) for month in sorted(cohorts)]
