"""dbt in a build: what it takes before its first model is not paid twice, its tests of columns find what is wrong."""

from __future__ import annotations

import shutil

import duckdb
import pytest

from pipeline.dbt import run_dbt
from pipeline.settings import Settings
from tests.pipeline.conftest import Shop


def test_a_build_of_another_date_has_dbt_parse_nothing_anew(built: Shop):
    log = (built.warehouse / "logs" / "dbt.log").read_text()
    assert log.count("Starting full parse") == 1
    assert log.count("no changes found, skipping parsing") == 1
    assert [str(day) for (day,) in built.query("select distinct as_of_date from prediction_history order by 1")] == [
        "2017-10-16", "2017-10-17",
    ]  # fmt: skip


BROKEN = """
insert into int_customer_orders from int_customer_orders limit 1;
update customer_features set total_orders = 0 where customer_id = 'a';
update predictions set predicted_clv = 'nan' where customer_id = 'b';
alter table predictions add column surplus integer;
update segment_bounds set frequency = null;
update int_as_of set first_order_date = as_of_date + 1;
"""


@pytest.mark.slow
def test_each_kind_of_test_that_stands_beside_a_column_fails_where_it_is_broken_and_nowhere_else(built: Shop):
    def failing() -> set[tuple[str, str]]:
        chosen = ("test", "--select", "test_type:generic", "--exclude", "customer_labels")
        settings = Settings(warehouse=built.warehouse)
        found = run_dbt(*chosen, settings=settings, target=built.folder / "target", logs=built.folder).result
        assert not [each.message for each in found if each.status == "error"]
        return {
            (each.node.test_metadata.name, each.node.attached_node.rpartition(".")[2])
            for each in found
            if each.status != "pass"
        }

    shutil.copyfile(built.warehouse / "clv.duckdb", built.warehouse / "build.duckdb")
    assert failing() == set()
    with duckdb.connect(built.warehouse / "build.duckdb") as build:
        build.execute(BROKEN)
    assert failing() == {
        ("unique_together", "int_customer_orders"),
        ("expression_is_true", "customer_features"),
        ("expression_is_true", "predictions"),
        ("columns_are_as_declared", "predictions"),
        ("columns_are_not_null", "segment_bounds"),
        ("row_exists", "int_as_of"),
    }
