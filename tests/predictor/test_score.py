"""Scoring with the reference model, through the front door."""

from __future__ import annotations

import numpy
import pyarrow as pa
import pytest

import predictor


def table(rows, ids=None):
    columns = {name: [row[position] for row in rows] for position, name in enumerate(predictor.FEATURES)}
    return pa.table({"customer_id": ids or [str(n) for n in range(len(rows))], **columns})


def test_the_reference_model_adds_the_six_features_up():
    rows = [[3, 92.6, 109.3, 2, 12, 26], [2, 10.4, 43.5, 3, 26, 5]]
    answer = predictor.score(table(rows).to_reader(), predictor.DEFAULT_MODEL).read_all()
    assert answer["customer_id"].to_pylist() == ["0", "1"]
    assert answer["predicted_clv"].to_pylist() == pytest.approx([244.9, 89.9], abs=1e-9)


def test_customers_come_out_in_the_order_in_which_they_came_in():
    values = numpy.random.default_rng(1).gamma(2.0, 50.0, size=(200_000, 6))
    ids = [f"customer-{n}" for n in range(len(values))]
    features = pa.table({"customer_id": ids, **dict(zip(predictor.FEATURES, values.T, strict=True))})
    answer = predictor.score(features.to_reader(max_chunksize=30_000), predictor.DEFAULT_MODEL).read_all()
    assert answer["customer_id"].to_pylist() == ids
    assert numpy.array_equal(answer["predicted_clv"].to_numpy(), values.sum(axis=1))
