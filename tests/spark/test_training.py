"""A training on Spark makes the model that one on DuckDB makes."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from pipeline.settings import DEMO_ORDERS
from tests.training.test_make_train import train, write

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a session of Spark is slow to start on a busy machine


def test_the_model_is_the_same_to_the_byte_and_the_next_command_names_the_engine(tmp_path: Path) -> None:
    with DEMO_ORDERS.open(encoding="utf-8", errors="replace", newline="") as file:
        _, *lines = csv.reader(file)
    last_weeks = write(tmp_path / "orders.csv", [line for line in lines if line[-1] >= "2017-08-01"])
    models, printed = [], []
    for engine in ("duckdb", "spark"):
        (folder := tmp_path / engine).mkdir()
        printed.append(train(folder, last_weeks, HORIZON="14", ENGINE=engine))
        models.append((folder / "models" / "model.dill").read_bytes())
    assert models[0] == models[1]
    assert "ENGINE=spark" in printed[1].rpartition("Next")[2]
    told = [re.sub(r"(?m)^(Seconds|Written|Next) .*", "", each) for each in printed]
    assert told[0] == told[1]
    assert not (tmp_path / "spark" / "warehouse" / ".clv-training").exists()
