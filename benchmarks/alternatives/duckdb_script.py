"""The floor: one hand-written DuckDB script. `python duckdb_script.py ORDERS DATABASE [MEMORY]`"""

import sys

import duckdb

SCRIPT = """
create table orders as
from read_csv(
    $orders,
    columns = {
        'customer_id': 'varchar', 'order_id': 'varchar', 'order_item_id': 'varchar',
        'num_items': 'bigint', 'revenue': 'double', 'created_at_date': 'date'
    },
    auto_detect = false,
    header = true
);

create table customer_value as
with

customer_orders as (
    select
        customer_id,
        order_id,
        min(created_at_date) as order_date,
        sum(num_items) as num_items,
        sum(revenue) as revenue
    from orders
    group by customer_id, order_id
),

with_interval as (
    select
        *,
        order_date - lag(order_date) over (partition by customer_id order by order_date) as days_since_previous_order
    from customer_orders
),

by_customer as (
    select
        customer_id,
        max(num_items) as max_num_items,
        max(revenue) as max_revenue,
        sum(revenue) as total_revenue,
        count(*) as total_orders,
        (select max(created_at_date) + 1 from orders) - max(order_date) as days_since_last_order,
        max(days_since_previous_order) as longest_interval
    from with_interval
    group by customer_id
),

features as (
    select * replace (
        coalesce(
            longest_interval,
            coalesce((select avg(longest_interval) from by_customer), 0) + days_since_last_order
        ) as longest_interval
    )
    from by_customer
)

select
    *,
    max_num_items + max_revenue + total_revenue + total_orders + days_since_last_order + longest_interval
        as predicted_clv
from features;
"""


def main() -> None:
    orders, database, *memory = sys.argv[1:]
    with duckdb.connect(database, config={"memory_limit": memory[0]} if memory else {}) as connection:
        for statement in SCRIPT.split(";\n"):
            if statement.strip():
                parameters = {"orders": orders} if "$orders" in statement else None
                connection.execute(statement, parameters)


if __name__ == "__main__":
    main()
