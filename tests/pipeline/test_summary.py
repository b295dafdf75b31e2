"""What a build prints at its end, of a published file whose figures are known."""

from __future__ import annotations

import shlex
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from rich.console import Console

from pipeline.events.failures import rejected_by_reason
from pipeline.events.summary import show
from pipeline.settings import Settings

INFO: dict[str, Any] = {
    "orders_file": "orders.csv", "read_as": "dates as YYYY-MM-DD\ndecimal point", "lines": 1030, "lines_rejected": 6,
    "lines_after_as_of": 3, "customers": 20, "orders": 22, "as_of_date": date(2017, 10, 17), "model_id": "0123456789ab",
    "horizon_days": None, "trained_on_these_orders": None, "trained_as_of": None, "warnings": "[]",
}  # fmt: skip
VALUES = [*[10.0] * 14, 50.0, 100.0, 200.0, 300.0, 300.0, 1000.0]  # of c20 down to c1


def printed(folder: Path, values: list[float], change: str = "", **info: Any) -> list[str]:
    with duckdb.connect(folder / "clv.duckdb") as file:
        file.execute(
            f"""
            create table predictions as
                select 'c' || (len({values}) - i) as customer_id, {values}[i + 1]::double as predicted_clv
                from range(len({values})) rows(i);
            create table customer_value as
                select *, rank() over (order by predicted_clv desc) as clv_rank,
                    ntile(10) over (order by predicted_clv desc, customer_id) as clv_decile
                from predictions;
            create table customer_features as select customer_id from predictions;
            create table rejected_orders as
                select null as source_file, * from (values
                    (7, 'invalid_date', 'c1,1,1,1,5.50,never', 'c1', 5.5::decimal(18, 6)),
                    (3, 'invalid_date', 'zed,1,1,1,20,never', 'zed', 20),
                    (8, 'invalid_date', 'yves,1,1,1,2.50,never', 'yves', 2.5),
                    (9, 'missing_customer_id', ',1,1,1,7,2017-01-01', null, 7),
                    (4, 'left_out', 'gone,1,1,1,1000,2017-01-01', 'gone', 1000),
                    (5, 'left_out', 'gone,2,1,1,1000,2017-01-01', 'gone', 1000)
                ) rows(line_number, reason, raw_text, customer_id, revenue);
            """
        )
        file.execute(change)
    text = StringIO()
    settings = Settings(orders=folder / "orders.csv", warehouse=folder)
    show(Console(file=text, width=500), settings, INFO | info, {"start": 1.25, "publish": 0.5})
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_every_figure_of_the_summary_is_the_published_files(tmp_path):
    lines = printed(tmp_path, VALUES)
    assert lines[0] == f"Orders      {tmp_path / 'orders.csv'}"
    assert lines[1 : lines.index("")] == [
        "Read as     dates as YYYY-MM-DD",
        "            decimal point",
        "Lines       1,030 read, 1,024 used, 6 rejected",
        "                    3  invalid_date",
        "                       line 3: zed,1,1,1,20,never",
        "                       line 7: c1,1,1,1,5.50,never",
        "                    2  left_out",
        "                       line 4: gone,1,1,1,1000,2017-01-01",
        "                       line 5: gone,2,1,1,1000,2017-01-01",
        "                    1  missing_customer_id",
        "                       line 9: ,1,1,1,7,2017-01-01",
        "            with them 2 customers and 35.00 of money are missing",
        "            3 of those used are dated after the as-of date and count for nothing",
        "Customers   20 with 22 orders as of 2017-10-17",
        "Model       0123456789ab",
        "Value       2,090.00 in total, 10.00 in the median",
        "By decile   █▃▁▁▁▁▁▁▁▁  the top tenth of customers holds 62%",
        "Top five          1,000.00  c1",
        "                    300.00  c2",
        "                    300.00  c3",
        "                    200.00  c4",
        "                    100.00  c5",
        "Seconds     1.8: start 1.2, publish 0.5",
    ]
    assert lines[-1].startswith("Next        make ") and f"WAREHOUSE={tmp_path}" in lines[-1]


def test_examples_are_the_first_two_by_file_and_line_on_one_line_each_and_reasons_stand_by_how_many_there_are():
    lines = [
        ("b.csv", 2, "invalid_date", "in the other file"), ("a.csv", 10, "invalid_date", "second"),
        ("a.csv", 9, "invalid_date", "first\nof two lines"), ("a.csv", 11, "invalid_date", "third"),
        (None, 3, "left_out", "x" * 81), (None, 4, "left_out", "y"), (None, 5, "malformed_line", "z"),
        (None, 6, "malformed_line", "z"), (None, 7, "invalid_revenue", "z"),
    ]  # fmt: skip
    with duckdb.connect() as build:
        columns = "source_file varchar, line_number bigint, reason varchar, raw_text varchar"
        build.execute(f"create table rejected_orders ({columns})")
        build.executemany("insert into rejected_orders values (?, ?, ?, ?)", lines)
        assert rejected_by_reason(build) == [
            ("invalid_date", 4, ["a.csv, line 9: first of two lines", "a.csv, line 10: second"]),
            ("left_out", 2, ["line 3: " + "x" * 80, "line 4: y"]),
            ("malformed_line", 2, ["line 5: z", "line 6: z"]),
            ("invalid_revenue", 1, ["line 7: z"]),
        ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("delete from rejected_orders", None),
        ("update rejected_orders set reason = 'left_out'", None),
        ("update rejected_orders set customer_id = 'c1'", "35.00 of money are missing"),
        ("update rejected_orders set revenue = 0", "2 customers and 0.00 of money are missing"),
        (
            "delete from rejected_orders where customer_id is distinct from 'zed'",
            "1 customer and 20.00 of money are missing",
        ),
    ],
)
def test_what_lines_that_cannot_be_used_take_away_is_said_where_it_is_anything(tmp_path, change, said):
    words = [line.split("with them ")[1] for line in printed(tmp_path, VALUES, change) if "with them" in line]
    assert words == ([said] if said else [])


@pytest.mark.parametrize("values", [[10.0] * 9, [0.0] * 10, [-1.0] * 10])
def test_tenths_are_spoken_of_only_where_there_are_ten_that_hold_something(tmp_path, values):
    assert not [line for line in printed(tmp_path, values) if line.startswith("By decile")]


def test_a_tenth_below_0_is_drawn_as_one_that_holds_nothing(tmp_path):
    (drawn,) = [line for line in printed(tmp_path, [-4.0, *[1.0] * 8, 8.0]) if line.startswith("By decile")]
    assert drawn == "By decile   █▁▁▁▁▁▁▁▁▁  the top tenth of customers holds 67%"


@pytest.mark.parametrize(
    ("here", "said"), [(True, "trained on these orders"), (False, "trained on orders up to 2017-10-16")]
)
def test_what_the_model_was_trained_on_is_told_beside_what_a_value_covers(tmp_path, here, said):
    told = {"horizon_days": 180, "trained_on_these_orders": here, "trained_as_of": date(2017, 10, 16)}
    lines = printed(tmp_path, VALUES, **told)
    assert f"Model       0123456789ab, {said}; a value is that of the next 180 days" in lines


def test_a_warning_is_the_last_word_before_what_is_published_and_stays_plain_text(tmp_path):
    lines = printed(tmp_path, VALUES, warnings='[{"code": "x", "text": "[red]odd\\u001b[0m", "figures": {}}]')
    assert lines[lines.index("") - 1] == "Warning     [red]odd�[0m"


def test_odd_names_are_printed_as_they_are_and_can_be_typed_again(tmp_path):
    customer = r"c:cat:[red]\[b]\\"
    folder = tmp_path / "it's :cat:[red]b"
    folder.mkdir()
    change = f"update customer_value set customer_id = '{customer}' where customer_id = 'c1'"
    lines = printed(folder, VALUES, change)
    assert lines[0] == f"Orders      {folder / 'orders.csv'}"
    assert f"Top five          1,000.00  {customer}" in lines
    assert f"WAREHOUSE={folder}" in shlex.split(lines[-1])
