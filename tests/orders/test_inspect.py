"""`make inspect` through the front door: what a person sees of a file, decides, and has a build follow."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest

from pipeline import orders
from pipeline.orders import mapping
from pipeline.orders.decide import propose
from pipeline.orders.report import report
from tests.orders.test_traits import workbook
from tests.pipeline.conftest import HEADER, Shop

CSV = """Kunde;Bestellnummer;Menge;Umsatz;Datum;Notiz
007;10;1;19,99;03/04/2024;
007;11;2;1.204,50;05/06/2024;gift
008;12;1;7,00;07/08/2024;
"""


def lines_of(printed: str) -> list[str]:
    return [" ".join(line.split()) for line in printed.splitlines()]


@pytest.mark.slow
def test_what_a_csv_file_leaves_open_is_asked_and_a_build_follows_the_answer_to_the_letter(tmp_path, reader):
    shop, out = Shop(tmp_path), tmp_path / "orders.yml"
    shop.orders.write_text(CSV)
    printed = shop.run("inspect", status=1, OUT=str(out))
    shown = lines_of(printed)
    assert "Columns customer_id Kunde 007 | 008" in shown
    assert "revenue Umsatz 19,99 | 1.204,50 | 7,00" in shown
    assert "order_item_id not there" in shown and "not used Notiz" in shown
    assert "numbers: a decimal comma, 5 different values" in shown
    assert "03/04/2024 is 2024-04-03 (day first) or 2024-03-04 (month first)" in printed
    assert f"Then: make build ORDERS={shop.orders} MAPPING={out}" in printed
    assert not shop.warehouse.exists()

    asked = out.read_text()
    assert mapping.load(out).dates == ()  # as it is written, nothing is decided
    for month_first, days in ((False, ["2024-04-03", "2024-06-05"]), (True, ["2024-03-04", "2024-05-06"])):
        answer = 'dates: "%m/%d/%Y"' if month_first else 'dates: "%d/%m/%Y"'
        out.write_text(asked.replace(f"# {answer}", answer))
        decided = shop.run("inspect", MAPPING=str(out))
        assert "3 lines of 2 customers" in decided
        assert lines_of(decided)[-1] == f"Next make build ORDERS={shop.orders} MAPPING={out}"
        read = reader.read(shop.orders, out.read_text())
        assert [row["created_at_date"] for row in read.rows][:2] == days
        assert read.revenue == Decimal("1231.49")


def test_one_value_is_spoken_of_as_one(reader):
    path = reader.write("orders.csv", "customer_id,revenue,date\n7,10,2024-01-15\n8,10,15.01.2024\n9,some,soon\n")
    assert orders.report(orders.find(str(path))).formats == (
        "dates: 1 value begins with YYYY-MM-DD",
        "dates: %d.%m.%Y (day first), 1 value",
        "dates: 1 value is not a date in a known format",
        "numbers: a decimal point, 1 value",
        "numbers: 1 value is not a number",
    )


def test_of_a_large_file_the_lines_that_were_looked_at_tell_what_a_column_says_of_purchases(reader):
    lines = [f"c{i % 99},{i},1,1.00,2024-01-01,{'paid' if i % 9 else 'cancelled'},{'x' * 200}" for i in range(90_000)]
    path = reader.write("orders.csv", "\n".join(["customer_id,order_id,num_items,revenue,date,status,x", *lines, ""]))
    source = orders.find(str(path))
    _, _, of_all = propose(source)
    assert "no purchases: paid: 80,000 lines, 80,000.00; cancelled: 10,000 lines, 10,000.00" in of_all
    _, _, of_some = propose(source, glance=True)
    shown = re.search(
        r"on ([\d,]+) lines that were looked at: paid: ([\d,]+) lines, .*cancelled: ([\d,]+) lines", of_some
    )
    looked_at, paid, cancelled = (int(number.replace(",", "")) for number in shown.groups())
    assert looked_at == paid + cancelled < 90_000
    assert paid / cancelled == pytest.approx(8, rel=0.01)


@pytest.mark.slow
def test_a_workbook_is_shown_as_it_would_be_read_and_its_mapping_reads_it_alike(tmp_path, reader):
    shop, out = Shop(tmp_path), tmp_path / "orders.yml"
    header: list[str | int] = ["Customer ID", "Order ID", "Revenue", "Order Date"]
    shop.orders = reader.write("orders.xlsx", workbook(
        Summary=[["Total"], [60]],
        First=[["Sales"], header, ["007", 1, 10, "2023-05-01"], ["008", 2, 20, "2023-05-02"]],
        Second=[header, ["007", 3, 30, "2024-05-31"]],
    ))  # fmt: skip
    printed = shop.run("inspect", OUT=str(out))
    shown = lines_of(printed)
    assert shown[1] == f"{shop.orders.stat().st_size:,} bytes"  # two sheets are not two files
    assert "Read as 2 sheets as one" in shown and "Columns customer_id Customer ID 007 | 008" in shown
    assert "num_items 1" in shown and "order_item_id not there" in shown
    assert "3 lines of 2 customers, 2023-05-01 to 2024-05-31" in printed
    assert lines_of(printed)[-1] == f"Next make build ORDERS={shop.orders} MAPPING={out}"
    assert reader.read(shop.orders, out.read_text()).rows == reader.read(shop.orders).rows

    printed = shop.run("inspect", status=1, OUT=str(tmp_path / "nowhere" / "orders.yml"))
    assert "nowhere/orders.yml cannot be written: No such file or directory. Choose another file" in printed


def test_a_report_says_how_large_the_orders_are_and_counts_their_lines_customers_and_days(tmp_path):
    lines = [f"c{i % 40},o{i},1,1,9.99,{date(2017, 1, 1) + timedelta(i % 300)}" for i in range(4000)]
    (tmp_path / "orders.csv").write_text("\n".join([HEADER, *lines]))
    found = report(orders.find(str(tmp_path / "orders.csv")))
    assert found.orders == (str(tmp_path / "orders.csv"), "0.1 MB")
    assert found.lines == ("4,000 lines of 40 customers, 2017-01-01 to 2017-10-27",)
