"""Which column of a file could be which of ours, by its name."""

from __future__ import annotations

import pytest

from pipeline.orders.names import candidates, synonyms


@pytest.mark.parametrize("column", synonyms())
def test_of_names_that_mean_the_same_the_better_one_comes_first_wherever_it_stands(column):
    for group in synonyms()[column]:
        best_last = sorted(group, key=group.__getitem__, reverse=True)
        assert [*reversed(range(len(group)))] in list(candidates(column, best_last))


def test_a_file_with_names_in_japanese_is_read_by_them(reader):
    lines = ["1001,2024/01/15 10:00:00,M001,A1,2,1000,2000", "1002,2024/01/16 11:00:00,M002,A2,1,1500,1500"]
    path = reader.write(
        "orders.csv", "\n".join(["注文番号,注文日時,会員ID,商品番号,数量,単価,小計", *lines, ""]).encode("cp932")
    )
    read = reader.read(path)
    assert (read.customers, read.revenue, read.used[0]["num_items"]) == ({"M001", "M002"}, 3500, "2")


def test_a_name_in_two_scripts_is_read_by_the_one_that_is_known(reader):
    for header in ("订单号 Order No,客户 Customer ID,金额 Amount,日期 Date",
                   "Order ID (номер),Customer ID (клиент),Total (сумма),Date (дата)"):  # fmt: skip
        path = reader.write("orders.csv", f"{header}\n1,a,10.00,2024-01-01\n2,b,20.00,2024-01-02\n")
        read = reader.read(path)
        assert (read.customers, read.revenue, read.used[0]["order_id"]) == ({"a", "b"}, 30, "1")
