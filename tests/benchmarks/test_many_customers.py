"""The second shape of the benchmarks is what it is said to be."""

import duckdb
import pytest

from benchmarks.many_customers import generate_many_customers


def test_the_file_has_as_many_lines_and_orders_a_customer_as_it_is_said_to_have(tmp_path):
    file = tmp_path / "orders.csv"
    assert generate_many_customers(file, 33_000) == 33_000
    ((lines, customers, orders, first, last),) = duckdb.sql(
        "select count(*), count(distinct customer_id), count(distinct (customer_id, order_id)), "
        f"min(created_at_date)::varchar, max(created_at_date)::varchar from '{file}'"
    ).fetchall()
    assert lines == 33_000
    assert lines / customers == pytest.approx(3.3, rel=0.01)
    assert orders / customers == pytest.approx(2.15, rel=0.01)
    assert (first, last) == ("2017-09-01", "2017-10-16")
