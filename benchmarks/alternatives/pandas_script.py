"""The same table in pandas. `python pandas_script.py ORDERS PARQUET`"""

import sys

import pandas as pd

FEATURES = [
    "max_num_items",
    "max_revenue",
    "total_revenue",
    "total_orders",
    "days_since_last_order",
    "longest_interval",
]


def main() -> None:
    path, result = sys.argv[1:]
    text = {"customer_id": "string", "order_id": "string", "order_item_id": "string"}
    lines = pd.read_csv(path, dtype=text, parse_dates=["created_at_date"])
    as_of = lines["created_at_date"].max() + pd.Timedelta(days=1)

    orders = lines.groupby(["customer_id", "order_id"], as_index=False, sort=False).agg(
        order_date=("created_at_date", "min"),
        num_items=("num_items", "sum"),
        revenue=("revenue", "sum"),
    )
    orders = orders.sort_values(["customer_id", "order_date"])
    orders["interval"] = orders.groupby("customer_id", sort=False)["order_date"].diff().dt.days

    customers = orders.groupby("customer_id", sort=False).agg(
        max_num_items=("num_items", "max"),
        max_revenue=("revenue", "max"),
        total_revenue=("revenue", "sum"),
        total_orders=("order_id", "size"),
        last_order_date=("order_date", "max"),
        longest_interval=("interval", "max"),
    )
    customers["days_since_last_order"] = (as_of - customers.pop("last_order_date")).dt.days
    average = customers["longest_interval"].mean()
    of_single_order = customers["days_since_last_order"] + (0 if pd.isna(average) else average)
    customers["longest_interval"] = customers["longest_interval"].fillna(of_single_order)
    customers["predicted_clv"] = customers[FEATURES].sum(axis=1)
    customers.to_parquet(result)


if __name__ == "__main__":
    main()
