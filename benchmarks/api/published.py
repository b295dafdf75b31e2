"""A published warehouse of any size, made by DuckDB in seconds: what the API benchmark serves."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

TABLES = """
create table customer_value as
with customers as (
    select
        md5(n::varchar) as customer_id,
        date '2017-10-17' as as_of_date,
        date '2017-01-02' as first_order_date,
        date '2017-10-01' as last_order_date,
        (1 + n % 7)::bigint as max_num_items,
        round(random() * 100, 2) as max_revenue,
        round(random() * 1000, 2) as total_revenue,
        (1 + n % 12)::bigint as total_orders,
        (n % 300)::bigint as days_since_last_order,
        round(random() * 100, 1) as longest_interval,
        round(random() * 2000, 2) + {shift} as predicted_clv
    from range({customers}) as numbers (n)
)
select
    *,
    'abcdef012345' as model_id,
    now()::timestamp as predicted_at,
    rank() over (order by predicted_clv desc)::bigint as clv_rank,
    cume_dist() over (order by predicted_clv) as clv_percentile,
    ntile(10) over (order by predicted_clv desc, customer_id)::bigint as clv_decile,
    case when predicted_clv >= 1500 then 'high' when predicted_clv >= 900 then 'medium' else 'low' end as value_tier,
    ['new', 'active', 'slipping', 'lapsed'][1 + (hash(customer_id) % 4)::bigint] as lifecycle
from customers
order by customer_id;

create table prediction_history as
select customer_id, as_of_date, predicted_clv, model_id, predicted_at from customer_value;

create table value_by_date as
select as_of_date, 'abcdef012345' as model_id, 365::bigint as horizon_days, null::double as discount_rate,
    count(*) as customers, sum(predicted_clv) as predicted_clv
from customer_value group by as_of_date;

create table build_info as
select
    2::bigint as schema_version, '{build_id}' as build_id, now()::timestamp as built_at,
    date '2017-10-17' as as_of_date, 365::bigint as horizon_days, '[]' as warnings;
"""


def make(warehouse: Path, build_id: str, customers: int, shift: int = 0) -> None:
    """A finished build of so many customers, values from `shift` up; not yet published."""
    folder = warehouse / "builds" / build_id
    folder.mkdir(parents=True)
    with duckdb.connect(folder / "clv.duckdb") as db:
        db.execute(TABLES.format(customers=customers, build_id=build_id, shift=shift))


def publish(warehouse: Path, build_id: str) -> None:
    """Make a finished build the published one, by one atomic swap."""
    new = warehouse / "current.new"
    new.symlink_to(Path("builds") / build_id)
    os.replace(new, warehouse / "current")
    published = warehouse / "clv.duckdb"
    if not published.is_symlink():
        published.symlink_to(Path("current") / "clv.duckdb")
