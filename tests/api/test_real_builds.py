"""The contract on what `make build` really publishes: the demo and CDNOW."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.api.conftest import ROOT, Server, serving

CDNOW = ROOT.parent / "shared" / "data" / "cdnow" / "orders.csv"


@pytest.fixture(scope="module", params=["demo", "cdnow"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server on the second of two real builds, and its warehouse."""
    orders, before = {}, "2017-10-10"
    if request.param == "cdnow":
        if not CDNOW.exists() and not os.environ.get("CI"):
            pytest.skip(f"{CDNOW} is not on this machine")
        orders, before = {"ORDERS": str(CDNOW)}, "1997-12-01"
    warehouse = tmp_path_factory.mktemp(request.param) / "warehouse"
    command = [sys.executable, "-m", "pipeline", "build"]
    environment = os.environ | orders | {"WAREHOUSE": str(warehouse)}
    for as_of in ({"AS_OF": before}, {}):
        ended = subprocess.run(command, cwd=ROOT, env=environment | as_of, capture_output=True, text=True, timeout=300)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    with serving(warehouse) as server:
        yield server, warehouse


def predictions(file: Path) -> dict[str, float]:
    with file.open(encoding="utf-8", newline="") as opened:
        return {row["customer_id"]: float(row["predicted_clv"]) for row in csv.DictReader(opened)}


@pytest.mark.slow
def test_every_customer_has_the_value_of_predictions_csv(built: tuple[Server, Path]) -> None:
    server, warehouse = built
    wanted = predictions(warehouse / "predictions.csv")
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


@pytest.mark.slow
def test_what_changed_is_the_difference_of_the_two_builds(built: tuple[Server, Path]) -> None:
    server, warehouse = built
    changes = server.get("/summary").json["changes"]
    now, before = (predictions(warehouse / "current" / path / "predictions.csv") for path in (".", "previous"))
    assert changes["comparable"] is True
    found = {one["movement"]: one for one in changes["movements"]}
    expected = {
        "joined": now.keys() - before.keys(),
        "left": before.keys() - now.keys(),
        "risen": {one for one in now.keys() & before.keys() if now[one] > before[one]},
        "fallen": {one for one in now.keys() & before.keys() if now[one] < before[one]},
        "unchanged": {one for one in now.keys() & before.keys() if now[one] == before[one]},
    }
    assert found.keys() == {movement for movement, customers in expected.items() if customers}
    for movement, moved in found.items():
        assert moved["customers"] == len(expected[movement])
        assert moved["now"] == pytest.approx(sum(now.get(one, 0) for one in expected[movement]))
        assert moved["before"] == pytest.approx(sum(before.get(one, 0) for one in expected[movement]))
    for movement, movers in (("risen", changes["risers"]), ("fallen", changes["fallers"])):
        by_change = sorted(expected[movement], key=lambda one: (-abs(now[one] - before[one]), one.encode()))
        assert [one["user_id"] for one in movers] == by_change[:10]
        assert all((one["clv"], one["before"]) == (now[one["user_id"]], before[one["user_id"]]) for one in movers)


@pytest.mark.slow
def test_what_came_of_a_prediction_is_what_its_customers_ordered_within_the_horizon(
    built: tuple[Server, Path],
) -> None:
    server, warehouse = built
    summary = server.get("/summary").json
    outcome, horizon = summary["outcome"], timedelta(summary["build"]["horizon_days"])
    then, now = (date.fromisoformat(point["as_of_date"]) for point in summary["history"])
    assert (outcome is None) == (then + horizon >= now)  # the last order is of the day before
    if outcome:
        spent: dict[str, float] = defaultdict(float)
        with CDNOW.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                ahead = date.fromisoformat(line["created_at_date"]) - then
                if timedelta(0) < ahead <= horizon:
                    spent[line["customer_id"]] += float(line["revenue"]) / 1.1 ** (ahead.days / 365)
        before = predictions(warehouse / "current" / "previous" / "predictions.csv")
        ranked = sorted(before, key=lambda one: (-before[one], one.encode()))
        assert (outcome["as_of_date"], outcome["until"]) == (f"{then}", f"{then + horizon}")
        assert outcome["predicted"] == pytest.approx(sum(before.values()))
        assert outcome["actual"] == pytest.approx(sum(spent.values()))
        first, best = ranked[: math.ceil(len(ranked) / 10)], outcome["deciles"][0]
        assert best["customers"] == len(first)
        assert best["actual"] == pytest.approx(sum(spent.get(one, 0) for one in first))
        assert best["customers_who_ordered"] == sum(one in spent for one in first)
    assert sum(cohort["customers"] for cohort in summary["cohorts"]) == summary["customers"]
    assert sum(cohort["clv"] for cohort in summary["cohorts"]) == pytest.approx(summary["total"])
