"""The same table in SQL on SQLite, as one would have written it in 2018. `python sqlite_script.py ORDERS DATABASE`"""

import csv
import sqlite3
import sys

COLUMNS = ("customer_id", "order_id", "order_item_id", "num_items", "revenue", "created_at_date")

CREATE_ORDERS = """
create table orders (
    customer_id text,
    order_id text,
    order_item_id text,
    num_items integer,
    revenue real,
    created_at_date text
)
"""

CREATE_CUSTOMER_VALUE = """
create table customer_value as
with

customer_orders as (
    select
        customer_id,
        order_id,
        julianday(min(created_at_date)) as order_day,
        sum(num_items) as num_items,
        sum(revenue) as revenue
    from orders
    group by customer_id, order_id
),

with_interval as (
    select
        *,
        order_day - lag(order_day) over (partition by customer_id order by order_day) as days_since_previous_order
    from customer_orders
),

by_customer as materialized (
    select
        customer_id,
        max(num_items) as max_num_items,
        max(revenue) as max_revenue,
        sum(revenue) as total_revenue,
        count(*) as total_orders,
        (select julianday(max(created_at_date)) + 1 from orders) - max(order_day) as days_since_last_order,
        max(days_since_previous_order) as longest_interval
    from with_interval
    group by customer_id
),

features as (
    select
        customer_id,
        max_num_items,
        max_revenue,
        total_revenue,
        total_orders,
        days_since_last_order,
        coalesce(
            longest_interval,
            coalesce((select avg(longest_interval) from by_customer), 0) + days_since_last_order
        ) as longest_interval
    from by_customer
)

select
    *,
    max_num_items + max_revenue + total_revenue + total_orders + days_since_last_order + longest_interval
        as predicted_clv
from features
"""


def main() -> None:
    path, database = sys.argv[1:]
    connection = sqlite3.connect(database)
    with connection, open(path, encoding="utf-8", newline="") as file:
        connection.execute(CREATE_ORDERS)
        rows = csv.reader(file)
        if tuple(next(rows)) != COLUMNS:
            sys.exit(f"{path}: other columns than {', '.join(COLUMNS)}")
        connection.executemany("insert into orders values (?, ?, ?, ?, ?, ?)", rows)
        connection.execute(CREATE_CUSTOMER_VALUE)
    connection.close()


if __name__ == "__main__":
    main()
