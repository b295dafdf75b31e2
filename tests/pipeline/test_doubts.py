"""Values that are doubtful though nothing failed: said in the summary and in what is published, or silenced by name."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from datetime import date, timedelta
from typing import Any

import dill
import duckdb
import pyarrow
import pytest

from pipeline import orders_sample
from pipeline.events.doubts import about_training, about_values
from pipeline.events.warnings import CODES
from tests.pipeline.conftest import ROOT, Shop

DEMO = ROOT / "dbt_project" / "seeds" / "orders.csv"


def warnings(shop: Shop) -> dict[str, dict]:
    ((published,),) = shop.query("select warnings from build_info")
    return {each["code"]: each["figures"] for each in json.loads(published)}


@pytest.mark.slow
def test_a_model_of_another_shop_is_said_to_be_until_the_mapping_silences_it(shop: Shop):
    """The shipped model was trained on the demo orders."""
    shop.write_orders({"a": 10, "b": 20})
    printed = shop.run()
    assert "was trained on other orders than these: on 14,679 orders of 5,000 customers" in printed
    assert f"Next make train ORDERS={shop.orders}" in " ".join(printed.replace(f"-C {ROOT} ", "").split())
    assert str(shop.folder) not in shop.query("select warnings from build_info")[0][0]
    assert warnings(shop)["model_of_other_orders"]["customers"] == 5_000

    published = shop.build_id()
    assert "STRICT=1: the model was trained on other orders" in shop.run(status=1, STRICT="1")
    assert shop.build_id() == published

    mapping = shop.folder / "orders.yml"
    mapping.write_text(
        "silence: [model_of_other_orders, repeated_lines, value_changed, "
        "published_file_gone, history_from_another_file]"
    )
    shop.write_orders({"a": 10, "b": 20}, more="a,a1,1,1,10,2017-10-01")
    (shop.warehouse / "clv.duckdb").unlink()
    printed = shop.run(STRICT="1", MAPPING=str(mapping), MODEL_MEMORY="2G")
    assert "Warning" not in printed and warnings(shop) == {}


def test_every_warning_that_there_is_can_be_silenced_and_no_other(shop: Shop):
    written = "".join(path.read_text("utf-8") for path in (ROOT / "pipeline").rglob("*.py"))
    codes = re.findall(r"(?:Warned|Warning)\(\s*\"(\w+)\"", written)
    for test in (ROOT / "dbt_project" / "tests" / "oddities").glob("*.sql"):
        codes += re.findall(r"'code': '(\w+)'", test.read_text("utf-8"))
    assert set(codes) == set(CODES)

    shop.write_orders({"a": 10, "b": 20})
    mapping = shop.folder / "orders.yml"
    mapping.write_text("silence: [repeated_line]")
    printed = shop.run(status=1, MAPPING=str(mapping))
    assert f"{mapping}: silence: there is no warning repeated_line. Is repeated_lines meant?" in printed


@pytest.mark.slow
def test_the_latest_export_of_the_shop_that_the_shipped_model_was_trained_on_is_taken_for_its_own(shop: Shop):
    header, *lines = DEMO.read_text(encoding="latin-1").splitlines()
    *kept, last = [line for line in lines if line.rpartition(",")[2] >= "2017-01-01"]
    customer = last.partition(",")[0]
    added = [f"{customer},new{day},1,1,12.50,2017-10-{day}" for day in range(17, 29)]
    shop.orders.write_text("\n".join([header, *kept, *added]), encoding="latin-1")
    assert "Warning" not in shop.run()
    assert shop.query("select trained_on_these_orders, warnings from build_info") == [(False, "[]")]


Order = tuple[str, date, str]


def orders_of_a_shop(seed: int, orders: int, first: date) -> list[Order]:
    """Those of a year: some on its first and on its last day. Every shop numbers its customers alike."""
    chance = random.Random(seed)
    days = [0, 364, *(chance.randrange(365) for _ in range(orders - 2))]
    return [(str(chance.randrange(900)), first + timedelta(day), f"{chance.randrange(5, 90)}.99") for day in days]


def tables(orders: list[Order]) -> duckdb.DuckDBPyConnection:
    build = duckdb.connect()
    customer_id, created_at_date, revenue = zip(*orders, strict=True)
    build.register("lines", pyarrow.table({"who": customer_id, "day": created_at_date, "money": revenue}))
    build.execute(
        """
        create table stg_orders as
            select who as customer_id, day as created_at_date, cast(money as decimal(38, 6)) as revenue from lines;
        create table int_customer_orders as select * rename (created_at_date as order_date) from stg_orders;
        create table predictions as select max(created_at_date) + 1 as as_of_date from stg_orders;
        """
    )
    return build


@pytest.mark.parametrize("count", [200, 3000])
def test_a_shop_is_known_again_by_its_orders_and_no_other_is_taken_for_it(count):
    """Of 200 orders all are in the sample; of 3,000 one in twelve."""
    first = date(2020, 1, 1)
    ours, later = orders_of_a_shop(1, count, first), orders_of_a_shop(2, count, first + timedelta(365))
    other = orders_of_a_shop(3, count, first)
    with tables(ours) as file:
        training = {
            "trained_from": "2020-01-01",
            "trained_as_of": "2020-12-30",
            "orders_sample": orders_sample.take(lambda query: file.execute(query).fetchall()),
            "orders": count,
            "customers": len({customer for customer, *_ in ours}),
        }

    def found(orders: list[Order], **changed: Any) -> list[str]:
        with tables(orders) as build:
            return [each.code for each in about_training(training | changed, False, build)]

    mended = [(who, day, "1.00" if number % 5 == 0 else money) for number, (who, day, money) in enumerate(ours)]
    latest = [each for each in ours + later if each[1] > date(2020, 11, 15)]
    for export in (ours, ours[::-1] + later, mended, latest):
        assert found(export) == []
    assert found([each for each in ours if each[1] < date(2020, 6, 1)]) == ["model_knows_later_orders"]
    to_the_day = [each for each in ours if each[1] < date(2020, 12, 29)] + [("1", date(2020, 12, 29), "5.99")]
    assert found(to_the_day) == []  # as of the very day that the model was trained on

    half_a_year_each = [each for each in ours if each[1].month < 6] + [each for each in other if each[1].month > 5]
    for export in (other, later, half_a_year_each):
        assert found(export) == ["model_of_other_orders"]

    if count == 200:
        assert found(ours[:100] + other[:100]) == []
        assert found(ours[:99] + other[:101]) == ["model_of_other_orders"]

    # By the first day and the number of customers alone, where a model has no sample, both are taken for the other.
    assert found(latest, orders_sample=None) == ["model_of_other_orders"] and found(other, orders_sample=None) == []


@pytest.mark.parametrize(
    ("customers", "codes"),
    [(18, []), (17, ["model_of_other_orders"]), (22, []), (23, ["model_of_other_orders"])],
)
def test_a_model_without_a_sample_is_held_to_the_number_of_customers_within_a_tenth_unless_its_orders_are_these(
    customers, codes
):
    training = {"trained_from": "2020-01-01", "trained_as_of": "2020-01-01", "orders": 20, "customers": 20}
    with tables([(f"c{number}", date(2020, 1, 1), "1") for number in range(customers)]) as build:
        assert [each.code for each in about_training(training, False, build)] == codes
        assert list(about_training(training, True, build)) == []


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([0, 1, 1], ["model_answers_classes"]),
        ([0, 1, 2], []),
        ([0, 0.5, 1], []),
        ([-1, -2, -0.5], ["model_answers_negative"]),
        ([-1, -2, 0], []),
        ([10, 10, 580], []),  # of 10 each, 20 times as much in the mean
        ([10, 10, 580.01], ["model_answers_high"]),
    ],
)
def test_all_values_have_to_look_wrong_for_a_model_to_be_doubted_for_it(values, codes):
    with duckdb.connect() as build:
        build.execute("create table predictions as select unnest(?::double[]) as predicted_clv", [values])
        build.execute("alter table predictions add column customer_id integer default 1")
        build.execute(
            "create table customer_features as select 1 as customer_id, 10.0 as total_revenue, 0 as customer_age"
        )
        assert [each.code for each in about_values(None, build)] == codes


class Classifier:
    def predict(self, x):
        return (x[:, 2] > 15).astype(float)


class Negative:
    def predict(self, x):
        return -x[:, 2]


class High:
    def predict(self, x):
        return 25 * x[:, 2]


class Plain:
    def predict(self, x):
        return 15 * x[:, 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Classifier(), "answers only 0 and 1, as a classifier does, for 2 customers, who have brought 15.00"),
        (Negative(), "predicts less than 0, -15.00 in the mean, for 2 customers"),
        (
            High(),
            "predicts 375.00 in the mean for 2 customers, who have brought 15.00 each in the mean before: 25 times",
        ),
        (Plain(), None),
    ],
)
def test_a_build_says_what_the_numbers_of_an_odd_model_look_like(shop: Shop, model, said):
    file = shop.folder / "model.dill"
    file.write_bytes(dill.dumps(model, byref=False, recurse=True))
    given: dict[str, Any] = {"MODEL": str(file), "MODEL_MANIFESTS": str(shop.folder)}
    shop.write_orders({"a": 10, "b": 20})
    register = [sys.executable, "-m", "pipeline", "register", "--model", str(file)]
    subprocess.run(register, cwd=ROOT, env=os.environ | given, check=True, capture_output=True)
    printed = shop.run(**given)
    assert ("Warning" in printed) == bool(warnings(shop)) == bool(said)
    assert not said or said in printed


@pytest.mark.parametrize(
    ("days", "value", "times"), [(180, 400, None), (180, 401, 20.1), (5, 105, None), (5, 106, 20.1)]
)
def test_values_are_held_to_what_a_customer_has_brought_in_as_many_days(days, value, times):
    """100 in 900 days is 20 in 180; one who came 10 days ago is not taken to go on at that pace, but had half in 5."""
    with duckdb.connect() as build:
        build.execute(
            f"""
            create table customer_features as
                from (values ('old', 100, 900), ('new', 20, 10)) t(customer_id, total_revenue, customer_age);
            create table predictions as select customer_id, {value}::double as predicted_clv from customer_features;
            """
        )
        found = list(about_values(days, build))
    assert [(each.code, each.figures["times"]) for each in found] == ([("model_answers_high", times)] if times else [])
    beside = f"60.00 each in the mean before: 20 times as much in as long a time ({days} days)"
    assert all(each.text.endswith(beside) for each in found)


@pytest.mark.slow
def test_what_a_file_holds_never_moves_the_cursor_of_who_reads_an_error(shop: Shop):
    shop.write_orders({"a": 10}, more="b,b1,1,1,\x1b[2J\x1b[31mfree,2017-10-01")
    printed = shop.run(status=1)
    assert "line 3: b,b1,1,1,�[2J�[31mfree" in printed and "\x1b" not in printed
