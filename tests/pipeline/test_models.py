"""A build scores with the model that it is given, in the model's own Python."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.pipeline.conftest import ROOT, Shop
from tests.predictor import test_registration

interpreter_of = test_registration.interpreter_of
FROM_PYTHON_36 = test_registration.FROM_PYTHON_36


@pytest.mark.slow
def test_a_build_scores_with_a_model_of_python_36_once_it_is_registered(shop: Shop, interpreter_of):
    given: dict[str, Any] = {
        "MODEL": str(FROM_PYTHON_36),
        "MODEL_PYTHON": str(interpreter_of("3.6")),
        "MODEL_MANIFESTS": str(shop.folder / "manifests"),
    }
    assert "make register MODEL=" in shop.run(status=1, **given)

    register = [sys.executable, "-m", "pipeline", "register", "--model", given["MODEL"]]
    subprocess.run(register, cwd=ROOT, env=os.environ | given, check=True, capture_output=True)
    shop.run(**given)
    assert shop.query("select model_id from build_info") == [
        (hashlib.sha256(FROM_PYTHON_36.read_bytes()).hexdigest()[:12],)
    ]
    six = "max_num_items + max_revenue + total_revenue + total_orders + days_since_last_order + longest_interval"
    assert shop.query(f"select max(abs(predicted_clv - ({six}))) < 1e-9 from customer_value") == [(True,)]


@pytest.mark.slow
def test_customers_stand_in_order_so_that_one_is_found_without_reading_all(shop: Shop):
    shop.write_orders({f"c{number * 7_919 % 300_007:06}": number % 90 + 0.5 for number in range(300_000)})
    shop.run()
    for table in ("customer_features", "predictions", "customer_value", "prediction_history"):
        ids = [customer for (customer,) in shop.query(f"select customer_id from {table}")]
        assert len(ids) == 300_000
        assert ids == sorted(ids)


@pytest.mark.slow
def test_a_model_that_knows_what_came_after_the_as_of_date_is_said_to(shop: Shop):
    """The shipped model was trained on the demo orders, the last of which are of 2017-10-16."""
    demo = str(ROOT / "dbt_project" / "seeds" / "orders.csv")
    for as_of, warned in (("2017-10-15", True), ("2017-10-16", False)):
        printed = shop.run(ORDERS=demo, AS_OF=as_of)
        assert (f"up to 2017-10-16, so it knows what came after {as_of}" in printed) == warned
        ((trained_as_of, warnings),) = shop.query("select trained_as_of::varchar, warnings from build_info")
        assert trained_as_of == "2017-10-16"
        assert ("model_knows_later_orders" in warnings) == warned
