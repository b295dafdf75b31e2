"""What a training prints and registers of itself, from a test whose figures are known."""

from __future__ import annotations

from datetime import date
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dill
import numpy as np
import pytest
from rich.console import Console

import predictor
from pipeline.events import Warned
from pipeline.settings import Settings
from pipeline.training import registering, summary
from pipeline.training.command import Training
from predictor.manifest import RECIPE
from predictor.training.backtest import OURS
from predictor.training.snapshot import Snapshot
from predictor.training.value_model import FEATURES, OUTPUTS

FIGURES = {
    OURS: {"gini": 0.5, "spearman": 0.4, "mae": 30.0, "rmse": 1200.5, "calibration": 1.25, "top_decile": 0.45},
    "zero": {"gini": None, "spearman": None, "mae": 20.0, "rmse": 90.0, "calibration": 0.0, "top_decile": 0.1},
}
TEST = {"as_of": "2020-03-01", "days": 60, "customers": 1234, "metrics": FIGURES, "mean_actual_value": 20.0}
EARLIER = TEST | {"as_of": "2019-12-01", "customers": 999, "metrics": {OURS: FIGURES[OURS] | {"gini": 0.25}}}
CONTENT: dict[str, Any] = {
    "orders_file": "orders.csv", "orders_sha256": "ab12", "first_order": "2019-01-01", "trained_as_of": "2020-04-30",
    "horizon_days": 60, "discount_rate": 0.15, "orders": 4321, "customers": 1500, "cutoffs": ["2020-01-01"],
    "label_days": 30, "notes": ["Plain.", "By the season."], "tests": [EARLIER, TEST],
}  # fmt: skip


def test_every_figure_that_is_printed_is_that_of_its_test():
    text = StringIO()
    settings = Settings(orders=Path("/some/orders.csv"), warehouse=Path("/some/where"), model=Path("/some/my.dill"))
    training = Training(CONTENT, [Warned("few_come_back", "hardly anybody came back")], {"fit": 1.25, "test": 0.5})
    summary.show(Console(file=text, width=500), settings, training)
    lines = [" ".join(line.split()) for line in text.getvalue().splitlines()]
    assert lines[:-1] == [
        "Orders 4,321 of 1,500 customers, 2019-01-01 to 2020-04-30",
        "Value of the next 60 days, discounted at 15% a year",
        "Model Plain.",
        "By the season.",
        "Test as of 2019-12-01, the 60 days after it, 999 customers",
        "Gini RMSE MAE total top 10 %",
        "this model 0.250 1,200.50 30.00 1.25 0.450",
        "Test as of 2020-03-01, the 60 days after it, 1,234 customers",
        "Gini RMSE MAE total top 10 %",
        "this model 0.500 1,200.50 30.00 1.25 0.450",
        "zero – 90.00 20.00 0.00 0.100",
        "total: predicted over actual; top 10 %: share of the revenue of the customers predicted highest",
        "Seconds 1.8: fit 1.2, test 0.5",
        "Warning hardly anybody came back",
        "",
        "Written /some/my.dill, registered; /some/where/training_report.html and .json",
    ]
    assert lines[-1].startswith("Next make build") and "MODEL=/some/my.dill" in lines[-1]


class Fitted:
    def parameters(self) -> dict[str, float]:
        return {"r": 0.5}


@pytest.mark.parametrize(("mean", "mae", "rmse"), [(20.0, 1.5, 60.025), (0.0, None, None)])
def test_a_model_is_registered_with_what_it_was_made_of_and_replaces_the_older_file(
    tmp_path, monkeypatch, mean, mae, rmse
):
    """Of the last test; its errors in means of what customers brought, which no currency changes."""
    rows = {name: np.arange(9.0) + 100 * number for number, name in enumerate(FEATURES)}
    model, scratch = tmp_path / "model.dill", tmp_path / "scratch"
    model.write_bytes(b"what a build has open")
    scratch.mkdir()
    seen: dict[str, Any] = {}

    def register(file: Path, settings: predictor.Settings, **given: Any) -> SimpleNamespace:
        assert model.read_bytes() == b"what a build has open"  # until it is registered
        seen.update(given, file=file, made=dill.loads(file.read_bytes()))
        return SimpleNamespace(model_id="0123")

    monkeypatch.setattr(predictor, "register", register)
    content = CONTENT | {"tests": [EARLIER, TEST | {"mean_actual_value": mean}]}
    now, settings = Snapshot(date(2020, 4, 30), np.arange(9), rows), Settings(model=model)
    with model.open("rb") as opened:
        made = registering.write_model(Fitted(), now, content, "a sample", settings, scratch)  # type: ignore[arg-type]
        assert opened.read() == b"what a build has open"
    assert made.model_id == "0123"
    assert isinstance(dill.loads(model.read_bytes()), Fitted) and isinstance(seen["made"], Fitted)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.dill", "scratch"]
    assert (seen["features"], seen["outputs"]) == (FEATURES, OUTPUTS)
    assert seen["example"] == [[column[row] for column in rows.values()] for row in (0, 4, 8)]
    facts = {name: CONTENT[name] for name in CONTENT if name not in ("first_order", "label_days", "tests")}
    assert seen["training"] == {
        "recipe": RECIPE,
        **facts,
        "trained_from": "2019-01-01",
        "orders_sample": "a sample",
        "tested_as_of": "2020-03-01",
        "metrics": {
            "gini": 0.5, "spearman": 0.4, "calibration": 1.25, "top_decile": 0.45, "mae_over_mean": mae,
            "rmse_over_mean": rmse,
        },
        "parameters": {"r": 0.5},
    }  # fmt: skip
