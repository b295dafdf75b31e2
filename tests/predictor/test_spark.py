"""What executors do with a model: tried without Spark, by handing their function the batches that it would get."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest

import predictor
from predictor.sandbox.box import WALLS
from predictor.settings import PROJECT
from tests.predictor.conftest import features

TWICE = "class Model:\n    def predict(self, x):\n        return x[:, 2] * 2"
NAN = "class Model:\n    def predict(self, x):\n        return x[:, 2] * float('nan')"


class Frame:
    """As much of Spark's DataFrame as is asked for: its rows are in one partition."""

    def __init__(self, table, stood=""):
        self._table = table
        self.columns = table.column_names
        self.sparkSession = SimpleNamespace(conf={"clv.walls": stood, "clv.predictor": str(PROJECT)})

    def select(self, *names):
        return Frame(self._table.select(names))

    def mapInArrow(self, function, schema):
        return [
            (row["customer_id"], row["predicted_clv"])
            for b in function(self._table.to_batches())
            for row in b.to_pylist()
        ]


def test_each_customer_gets_a_value(make_model, trust, settings):
    model = predictor.open_model(trust(make_model(TWICE)), settings.manifests)
    expected = [(f"c{number}", 2.0 * number) for number in range(10)]
    assert predictor.score_on_spark(Frame(features()), model, settings) == expected
    assert predictor.score_on_spark(Frame(features().slice(0, 0)), model, settings) == []


def test_a_model_that_has_changed_on_its_way_is_not_loaded(make_model, trust, settings):
    model = predictor.open_model(trust(make_model(TWICE)), settings.manifests)
    with pytest.raises(RuntimeError, match="its SHA-256 is another one"):
        predictor.score_on_spark(Frame(features()), replace(model, pickled=model.pickled + b"."), settings)


def test_an_executor_that_comes_after_the_box_was_tried_keeps_no_model_in_a_weaker_one(
    make_model, trust, settings, monkeypatch
):
    model = predictor.open_model(trust(make_model(TWICE)), settings.manifests)
    lacks_network = predictor.Box(frozenset(WALLS) - {"network"})
    monkeypatch.setattr("predictor.spark.box_here", lambda: lacks_network)
    stood = " ".join(lacks_network.walls)
    assert len(predictor.score_on_spark(Frame(features(), stood), model, settings)) == 10
    with pytest.raises(RuntimeError, match=r"came later than the others .* lacks a network namespace"):
        predictor.score_on_spark(Frame(features(), f"{stood} network"), model, settings)


def test_what_is_wrong_with_a_model_is_told_where_the_build_runs(make_model, trust, settings, caplog):
    model = predictor.open_model(trust(make_model(NAN)), settings.manifests)
    with pytest.raises(RuntimeError) as raised:
        predictor.score_on_spark(Frame(features()), model, settings)
    caplog.clear()
    with caplog.at_level(logging.ERROR, "predictor"):
        predictor.tell_errors_of_executors(f"Job aborted\nRuntimeError: {raised.value}\n  at java.lang.Thread")
    (record,) = caplog.records
    assert isinstance(record.problem, predictor.ModelError)
    assert str(record.problem).startswith(
        "The model predicted nan for customer 'c0', where a finite number is expected."
    )
