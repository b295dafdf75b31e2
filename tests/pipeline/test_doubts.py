"""Values that are doubtful though nothing failed: said in the summary and in what is published, or silenced by name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import dill
import duckdb
import pytest

from pipeline.doubts import about_values
from pipeline.warnings import CODES
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
    assert f"make train ORDERS={shop.orders}" in printed.replace(f"-C {ROOT} ", "")
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
def test_a_shop_that_has_sold_on_or_mended_its_orders_is_the_models_own(shop: Shop):
    *lines, last = DEMO.read_text(encoding="latin-1").splitlines()
    customer = last.partition(",")[0]
    added = [f"{customer},new{day},1,1,12.50,2017-10-{day}" for day in range(17, 29)]
    shop.orders.write_text("\n".join([*lines, *added]), encoding="latin-1")
    assert "Warning" not in shop.run()
    assert shop.query("select trained_on_these_orders, warnings from build_info") == [(False, "[]")]


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


@pytest.mark.parametrize(("value", "times"), [(400, None), (401, 20.1)])
def test_values_are_held_to_what_a_customer_has_brought_in_as_many_days(value, times):
    """100 in 900 days is 20 in 180; one who came 10 days ago is not taken to go on at that pace."""
    with duckdb.connect() as build:
        build.execute(
            f"""
            create table customer_features as
                from (values ('old', 100, 900), ('new', 20, 10)) t(customer_id, total_revenue, customer_age);
            create table predictions as select customer_id, {value}::double as predicted_clv from customer_features;
            """
        )
        found = list(about_values(180, build))
    assert [(each.code, each.figures["times"]) for each in found] == ([("model_answers_high", times)] if times else [])


@pytest.mark.slow
def test_what_a_file_holds_never_moves_the_cursor_of_who_reads_an_error(shop: Shop):
    shop.write_orders({"a": 10}, more="b,b1,1,1,\x1b[2J\x1b[31mfree,2017-10-01")
    printed = shop.run(status=1)
    assert "line 3: b,b1,1,1,�[2J�[31mfree" in printed and "\x1b" not in printed
