"""The segments of customers are what plain Python says, for customers that nobody chose."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from itertools import chain, repeat
from pathlib import Path

import duckdb
import pytest

from pipeline.dbt import run_dbt
from pipeline.settings import Settings
from tests.dbt_project.conftest import Parsed
from tests.oracle import Customer, segments, tenths

AS_OF = date(2017, 10, 17)
TABLES = """
create table predictions as
    select customer_id, clv as predicted_clv, chance as purchase_probability, 0::double as expected_purchases,
        0::double as clv_lower, 0::double as clv_upper, ?::bigint as horizon_days, 'm' as model_id,
        now()::timestamp as predicted_at
    from given;
create table customer_features as
    select customer_id, date '2017-10-17' as as_of_date, days[1] as first_order_date, days[-1] as last_order_date,
        1::bigint as max_num_items, spent as max_revenue, spent as total_revenue, len(days) as total_orders,
        as_of_date - days[-1] as days_since_last_order, 1::double as longest_interval, 1::bigint as total_num_items,
        len(days) - 1 as frequency, days[-1] - days[1] as recency, as_of_date - days[1] as customer_age,
        1::double as monetary_value
    from given;
"""


def found(
    folder: Path, parsed: Parsed, customers: list[Customer], horizon_days: int | None, columns: str
) -> list[tuple]:
    """These columns of what the models make of the customers, in their order."""
    with duckdb.connect(folder / "build.duckdb") as build:
        build.execute("create table given (customer_id varchar, days date[], spent double, clv double, chance double)")
        build.executemany(
            "insert into given values (?, ?, ?, ?, ?)",
            [[f"{n:04}", each.days, each.spent, each.clv, each.chance] for n, each in enumerate(customers)],
        )
        for statement in TABLES.split(";\n")[:-1]:
            build.execute(statement, [horizon_days] if "?" in statement else [])
    result = run_dbt(
        *("run", "--select", "segment_bounds", "customer_value"),
        settings=Settings(warehouse=folder),
        target=parsed.target(Settings()),
        logs=folder,
    )
    assert result.success, [each.message for each in result.result]
    with duckdb.connect(folder / "build.duckdb", read_only=True) as build:
        return build.sql(f"select {columns} from customer_value order by customer_id").fetchall()


def some_customers(number: int, most_purchases: int, clv: Callable[[], float], told: bool) -> list[Customer]:
    chance = random.Random(number)

    def customer() -> Customer:
        first = AS_OF - timedelta(days=chance.randint(0, 400))
        days = {first + timedelta(days=chance.randint(0, (AS_OF - first).days)) for _ in range(most_purchases)}
        some = sorted(chance.sample(sorted(days), chance.randint(1, len(days))))
        return Customer(some, chance.randint(-2, 40) * 2.5, clv(), chance.random() if told else None)

    return [customer() for _ in range(number)]


def one_at_every_edge() -> list[Customer]:
    """Gaps of 10 to 30 days, typically 20, and as long since: sums of them are what the ways are divided by.

    The values from the highest add up to half of all at the second, and to four fifths at the sixth.
    """
    gaps = [(), (10,), (20,), (30,)]
    clv = chain([4000.0, 1005.0, 1004.0, 750.0, 748.0, 501.0, *[500.5] * 4], repeat(0.0))
    return [
        Customer(sorted(AS_OF - timedelta(since + gap) for gap in (0, *some)), 10.0, next(clv), None)
        for since in range(0, 400, 10)
        for some in gaps
    ]


values = random.Random(7)


@pytest.mark.parametrize(
    "customers, horizon_days",
    [
        (some_customers(700, 8, lambda: values.lognormvariate(3, 1.5), told=True), 180),
        (some_customers(300, 3, lambda: values.choice([-5.0, 0.0, 1.0, 2.5, 2.5, 40.0]), told=True), 30),
        (some_customers(301, 5, lambda: values.gauss(1000, 0.1), told=False), None),
        (one_at_every_edge(), None),
        (some_customers(9, 1, lambda: values.choice([1e300, 1e-300, 3.0]), told=True), 365),
    ],
    ids=["many values", "few values", "nearly one value and no chance", "edges", "nobody came back"],
)
def test_the_segments_and_places_agree_with_plain_python(tmp_path, parsed, customers, horizon_days):
    columns = "value_tier, lifecycle, rfm_recency, rfm_frequency, rfm_monetary, clv_rank, clv_decile, clv_percentile"
    rows = found(tmp_path, parsed, customers, horizon_days, columns)
    assert [row[:5] for row in rows] == segments(customers, AS_OF, horizon_days)

    values = [each.clv for each in customers]
    ranks = [1 + sum(other > value for other in values) for value in values]
    assert [row[5:] for row in rows] == [
        (rank, tenth, (len(values) - rank + 1) / len(values)) for rank, tenth in zip(ranks, tenths(values), strict=True)
    ]
