"""The audit notices what it is there for: each test of the dbt project just below, at and above its threshold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from pipeline.dbt import run_dbt
from pipeline.settings import ROOT, Settings

TODAY = date.today()
TABLES = """
create table int_settings as select 0.07::decimal(18, 9) as max_rejected;
create table int_as_of as select date '{as_of}' as as_of_date;
create table last_build as select date '{as_of}' as as_of_date, 100::bigint as customers, 1000::double as predicted_clv;
create table stg_orders as
    select 'c' || i as customer_id, 'o' || i as order_id, '1' as order_item_id, 1 as num_items,
        10::decimal(18, 6) as revenue, date '2017-01-01' as created_at_date
    from range(93) rows(i);
create table orders as select * from range(100);
create table rejected_orders as select 'invalid_date' as reason from range(7);
create table int_customer_orders as select *, 1 as order_lines from stg_orders;
create table customer_features as
    select customer_id, date '{as_of}' as as_of_date, 10::double as total_revenue, 1 as total_orders from stg_orders;
create table predictions as
    select 'c' || i as customer_id, date '{as_of}' as as_of_date, 1000 / 93::double as predicted_clv, 'm' as model_id
    from range(93) rows(i);
create table prediction_history as from predictions union all by name select 'c1' as customer_id, date '2016-01-01' as
    as_of_date, 1::double as predicted_clv, 'old' as model_id;
"""
ODDITIES = ROOT / "dbt_project" / "tests" / "oddities"


def audit(folder: Path, change: str, strict: bool = False, as_of: date = TODAY) -> dict[str, int]:
    """What the tests find, by name, in sound tables that were changed by some SQL; each with the number it counts."""
    with duckdb.connect(folder / "build.duckdb") as build:
        build.execute(TABLES.format(as_of=as_of))
        build.execute(change)
    result = run_dbt(
        *("test", "--select", "test_type:singular"),
        settings=Settings(warehouse=folder, strict=strict),
        target=folder / "target",
        logs=folder,
    )
    assert not [each.message for each in result.result if each.status == "error"]
    assert {each.node.name for each in result.result} >= {path.stem for path in ODDITIES.glob("*.sql")}
    odd = "fail" if strict else "warn"
    for each in result.result:
        expected = odd if "oddities" in each.node.original_file_path else "fail"
        assert each.status in ("pass", expected), (each.node.name, each.status)
    return {each.node.name: each.failures for each in result.result if each.status != "pass"}


def test_sound_tables_at_every_threshold_leave_nothing_to_say(tmp_path):
    at_the_thresholds = f"""
        update last_build
            set as_of_date = date '{TODAY + timedelta(2)}', customers = 93 / 0.7, predicted_clv = 1000 / 1.3;
        insert into stg_orders
            select c, 'o1', i, n, r, d from (values
                ('c1', '1', 2, 10, date '2017-01-01'), ('c1', '1', 1, 11, date '2017-01-01'),
                ('c1', '1', 1, 10, date '2017-01-02'), ('c1', '2', 1, 10, date '2017-01-01'),
                ('c1', null, 1, 10, date '2017-01-01')) lines(c, i, n, r, d);
        insert into orders select * from range(5);
        update int_customer_orders set order_lines = 6 where customer_id = 'c1';
        update customer_features set total_revenue = 61 where customer_id = 'c1';
    """
    assert audit(tmp_path, at_the_thresholds, as_of=TODAY + timedelta(2)) == {}


@pytest.mark.parametrize("strict", [False, True])
def test_every_oddity_is_said_just_above_its_threshold_and_stops_a_strict_build(tmp_path, strict):
    above = f"""
        update last_build set as_of_date = date '{TODAY + timedelta(4)}', customers = 134, predicted_clv = 1000 / 1.31;
        insert into stg_orders select * from stg_orders where customer_id = 'c1';
        insert into orders select 1;
        update int_customer_orders set order_lines = 2 where customer_id = 'c1';
        update int_customer_orders set order_id = 'o2' where customer_id = 'c1';
        update customer_features set total_revenue = 20 where customer_id = 'c1';
    """
    assert audit(tmp_path, above, strict, as_of=TODAY + timedelta(3)) == {
        "as_of_date_is_not_before_the_last_builds": 1,
        "as_of_date_is_not_in_the_future": 3,
        "customers_are_about_as_many_as_in_the_last_build": 31,
        "predicted_value_is_near_the_last_builds": 31,
        "order_lines_are_not_repeated": 1,
        "an_order_id_belongs_to_one_customer": 1,
    }


@pytest.mark.parametrize(
    "change, test",
    [
        ("insert into rejected_orders values ('invalid_date'); delete from stg_orders where customer_id = 'c1';"
         "delete from int_customer_orders where customer_id = 'c1';"
         "delete from customer_features where customer_id = 'c1';"
         "delete from predictions where customer_id = 'c1';"
         "delete from prediction_history where customer_id = 'c1'",
         "rejected_lines_are_few"),
        ("insert into orders select 1", "lines_are_conserved"),
        ("delete from prediction_history where customer_id = 'c2'", "history_holds_this_build"),
        ("insert into prediction_history from prediction_history where customer_id = 'c2'", "history_holds_this_build"),
        ("update prediction_history set predicted_clv = 2 where customer_id = 'c2'", "history_holds_this_build"),
        ("update prediction_history set model_id = 'x' where customer_id = 'c2'", "history_holds_this_build"),
        ("update predictions set as_of_date = date '2017-01-01' where customer_id = 'c2'",
         "every_customer_has_one_prediction"),
        ("update customer_features set total_revenue = 10.1 where customer_id = 'c2'", "features_add_up_to_the_orders"),
        ("update customer_features set total_orders = 2 where customer_id = 'c2'", "features_add_up_to_the_orders"),
        ("update int_customer_orders set order_lines = 2 where customer_id = 'c2'", "features_add_up_to_the_orders"),
    ],
)  # fmt: skip
def test_every_promise_that_is_broken_fails_its_test_and_no_other(tmp_path, change, test):
    assert set(audit(tmp_path, change)) == {test}


def test_all_that_dbt_build_checks_by_hand_passes_the_unit_tests_among_it(tmp_path):
    (tmp_path / "orders.csv").write_text(
        "customer_id,order_id,order_item_id,num_items,revenue,created_at_date\n"
        "a,1,1,1,5.00,2017-01-01\n"
        "b,2,1,1,7.00,2017-01-09\n"
    )
    unset = ("AS_OF", "MAX_REJECTED", "HISTORY_DAYS", "STRICT", "MODEL", "DISCOUNT_RATE")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    target = tmp_path / "target"
    built = subprocess.run(
        [Path(sys.executable).with_name("dbt"), "build", "--project-dir", "dbt_project", "--target-path", target],
        cwd=ROOT,
        env=environment
        | {"ORDERS": str(tmp_path / "orders.csv"), "WAREHOUSE": str(tmp_path), "DBT_LOG_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert built.returncode == 0, built.stdout
    results = json.loads((target / "run_results.json").read_text())["results"]
    unit_tests = [each for each in results if each["unique_id"].startswith("unit_test.")]
    stated = sum(
        text.count("\n    model: ") for text in map(Path.read_text, (ROOT / "dbt_project" / "models").rglob("*.yml"))
    )
    assert len(unit_tests) == stated - 1  # that of the labels runs in a training only
    assert {each["status"] for each in unit_tests} == {"pass"}
