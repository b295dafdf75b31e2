"""The contract on what `make build` really publishes: the demo and CDNOW."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import ROOT, Server, serving

CDNOW = ROOT.parent / "shared" / "data" / "cdnow" / "orders.csv"


@pytest.fixture(scope="module", params=["demo", "cdnow"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server on a real build, and its warehouse."""
    orders = {}
    if request.param == "cdnow":
        if not CDNOW.exists() and not os.environ.get("CI"):
            pytest.skip(f"{CDNOW} is not on this machine")
        orders = {"ORDERS": str(CDNOW)}
    warehouse = tmp_path_factory.mktemp(request.param) / "warehouse"
    command = [sys.executable, "-m", "pipeline", "build"]
    environment = os.environ | orders | {"WAREHOUSE": str(warehouse)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    with serving(warehouse) as server:
        yield server, warehouse


@pytest.mark.slow
def test_every_customer_has_the_value_of_predictions_csv(built: tuple[Server, Path]) -> None:
    server, warehouse = built
    with (warehouse / "predictions.csv").open(encoding="utf-8", newline="") as file:
        wanted = {row["customer_id"]: float(row["predicted_clv"]) for row in csv.DictReader(file)}
    assert server.get("/summary").json["customers"] == len(wanted)
    served = csv.DictReader(server.get("/predictions.csv").body.decode().splitlines())
    assert {row["customer_id"]: float(row["predicted_clv"]) for row in served} == wanted
    names = list(wanted)
    for start in range(0, len(names), 10_000):
        asked = names[start : start + 10_000]
        found = server.post("/predictions/lookup", {"user_ids": asked}).json
        assert found == {"predictions": [{"user_id": name, "clv": wanted[name]} for name in asked], "unknown": []}
    for name in names[:: len(names) // 50]:
        assert server.get(f"/predictions/{name}").json == {"user_id": name, "clv": wanted[name]}


@pytest.mark.slow
def test_details_history_and_summary_agree_with_each_other(built: tuple[Server, Path]) -> None:
    server, _ = built
    summary = server.get("/summary").json
    assert summary["top"][0]["clv"] == summary["deciles"][0]["max_clv"]
    assert {"build_id", "built_at", "as_of_date", "model_id"} <= summary["build"].keys()
    for one in summary["top"]:
        customer = server.get(f"/customers/{one['user_id']}").json
        assert (customer["clv"], customer["decile"]) == (one["clv"], 1)
        assert {"max_num_items", "max_revenue", "total_revenue", "total_orders", "longest_interval"} <= customer.keys()
        last = server.get(f"/customers/{one['user_id']}/history").json["history"][-1]
        assert (last["clv"], last["as_of_date"]) == (one["clv"], summary["build"]["as_of_date"])
    assert abs(sum(tenth["total"] for tenth in summary["deciles"]) / summary["total"] - 1) < 1e-9
