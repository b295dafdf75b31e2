"""What a model learns from: the models of a training are no part of a build, so their tests run here."""

from __future__ import annotations

from pathlib import Path

from pipeline.dbt import run_dbt


def test_labels_pass_their_own_tests(project, tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(
        "customer_id,order_id,order_item_id,num_items,revenue,created_at_date\n"
        "a,1,1,1,5.00,2017-01-01\n"
        "a,2,1,1,7.00,2017-01-09\n"
    )
    assert project.run(orders).success
    given = {"settings": project.settings, "target": tmp_path / "target", "logs": tmp_path, "training": True}
    assert run_dbt("run", "--select", "int_settings", "int_as_of", "int_customer_orders", **given).success
    result = run_dbt("build", "--select", "customer_labels", "customer_amounts", **given)
    assert result.success, [each.message for each in result.result]
    passed = [each.node.name for each in result.result if each.status == "pass"]
    assert "the_value_is_that_of_the_days_after_the_date_and_worth_less_the_later_it_comes" in passed
    assert {"unique_customer_labels_customer_id", "not_null_customer_labels_actual_value"} <= set(passed)
    assert {"the_amounts_are_those_of_purchase_days", "unique_customer_amounts_customer_id"} <= set(passed)
