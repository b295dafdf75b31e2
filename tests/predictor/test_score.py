"""Scoring through the front door: values, order, several workers, progress and memory."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy
import pyarrow as pa
import pytest

import predictor
from predictor import ModelError
from predictor.reference_model import REFERENCE_MODEL
from predictor.settings import PROJECT
from tests.predictor.conftest import features, processes_of_workers, scored

SHIPPED = predictor.Settings()

SLOW = """
class Model:
    def predict(self, x):
        import time
        time.sleep(0.1)
        return x.sum(axis=1)
"""


def test_the_reference_model_adds_the_six_features_up():
    table = features(numpy.array([[3, 92.6, 109.3, 2, 12, 26], [2, 10.4, 43.5, 3, 26, 5]]))
    answer = scored(REFERENCE_MODEL, SHIPPED, table).read_all()
    assert answer.schema == pa.schema([("customer_id", pa.string()), ("predicted_clv", pa.float64())])
    assert answer["customer_id"].to_pylist() == ["c0", "c1"]
    assert answer["predicted_clv"].to_pylist() == pytest.approx([244.9, 89.9], abs=1e-9)


def test_customers_come_out_in_the_order_in_which_they_came_in():
    values = numpy.random.default_rng(1).gamma(2.0, 50.0, size=(200_000, 6))
    table = features(values)
    answer = scored(REFERENCE_MODEL, SHIPPED, table, 150_000).read_all()
    assert answer["customer_id"].equals(table["customer_id"])
    assert numpy.array_equal(answer["predicted_clv"].to_numpy(), values.sum(axis=1))


def test_integers_decimals_and_other_columns_are_taken_by_name():
    table = features().select(["longest_interval", *predictor.FEATURES[:5], "customer_id"])
    table = table.set_column(1, "max_num_items", table["max_num_items"].cast(pa.int64()))
    table = table.set_column(3, "total_revenue", table["total_revenue"].cast(pa.decimal128(12, 2)))
    table = table.append_column("as_of_date", [["2017-10-17"] * 10])
    answer = scored(REFERENCE_MODEL, SHIPPED, table).read_all()
    assert answer["predicted_clv"].to_pylist() == [6.0 * number for number in range(10)]


TWO = """
import numpy
class Model:
    def predict(self, x):
        return x[:, 0]

    def predict_columns(self, x):
        return numpy.column_stack([x[:, 1] / 100, x[:, 0]])
"""
NAMES = ["purchase_probability", "predicted_clv"]


def test_a_model_that_answers_several_columns_gives_them_by_name(make_model, settings):
    model = make_model(TWO)
    manifest = predictor.register(model, settings, outputs=NAMES)
    assert manifest.outputs == NAMES
    assert numpy.allclose(manifest.example["outputs"], [[0.926, 3.0], [0.104, 2.0]])
    values = numpy.random.default_rng(5).gamma(2.0, 50.0, size=(1000, 6))
    answer = scored(model, settings, features(values), 64).read_all()
    assert answer.column_names == ["customer_id", *NAMES]
    assert numpy.array_equal(answer["predicted_clv"], values[:, 0])
    assert numpy.array_equal(answer["purchase_probability"], values[:, 1] / 100)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("x[:, :3]", r"predict_columns() returned an array of shape (10, 3) instead of 10 times 2 numbers."),
        ("x[:, 0]", r"predict_columns() returned an array of shape (10,) instead of 10 times 2 numbers."),
        ("x[:, :2] / (x[:, :2] != [[7, 99]])", "The model predicted purchase_probability = inf for customer 'c7'"),
    ],
)
def test_columns_that_are_not_what_was_promised_are_named(make_model, trust, settings, answer, says):
    model = trust(
        make_model(f"class Model:\n    def predict_columns(self, x):\n        return {answer}"), outputs=NAMES
    )
    with pytest.raises(ModelError, match=re.escape(says)):
        scored(model, settings).read_all()


def test_no_customers_give_no_predictions():
    answer = scored(REFERENCE_MODEL, SHIPPED, features(numpy.empty((0, 6)))).read_all()
    assert answer.num_rows == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_slow_model_gets_more_workers_and_order_and_result_stay(make_model, trust, settings, workers):
    values = numpy.random.default_rng(2).normal(size=(60, 6))
    model = trust(make_model(SLOW))
    customers, predictions, most = [], [], 0
    for batch in scored(model, replace(settings, workers=workers), features(values), 2):
        customers += batch["customer_id"].to_pylist()
        predictions += batch["predicted_clv"].to_pylist()
        most = max(most, len(processes_of_workers()))
    assert customers == [f"c{number}" for number in range(60)]
    assert predictions == values.sum(axis=1).tolist()
    assert most == workers


def test_progress_is_logged_and_ends_with_all_customers(make_model, trust, settings, caplog):
    caplog.set_level("INFO", logger="predictor")
    model = trust(make_model(SLOW))
    scored(model, settings, chunk=2).read_all()
    rows = [record.rows for record in caplog.records if hasattr(record, "rows")]
    assert rows == sorted(rows)
    assert rows[-1] == 10
    assert 2 <= len(rows) <= 5


def test_progress_is_told_a_few_times_a_second_however_many_batches_there_are(caplog):
    caplog.set_level("INFO", logger="predictor")
    began = time.monotonic()
    scored(REFERENCE_MODEL, SHIPPED, features(numpy.ones((400, 6))), 1).read_all()
    rows = [record.rows for record in caplog.records if hasattr(record, "rows")]
    assert rows[-1] == 400
    assert len(rows) <= 1 + (time.monotonic() - began) / 0.25


def test_an_error_on_the_way_is_logged_in_plain_words(make_model, trust, settings, caplog):
    model = trust(make_model("class Model:\n    def predict(self, x):\n        return None"))
    with pytest.raises(ModelError) as caught:
        scored(model, settings).read_all()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [str(caught.value)]


def test_a_reader_that_is_left_unread_ends_its_worker(make_model, trust, settings):
    model = trust(make_model(SLOW))
    reader = scored(model, settings, chunk=2)
    reader.read_next_batch()
    del reader  # the fixture of all these tests looks for workers afterwards


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("MODEL_MEMORY", "2G", ("memory", 2**31)),
        ("MODEL_MEMORY", "1.5GiB", ("memory", 3 * 2**29)),
        ("MODEL_TIMEOUT", "0.5", ("timeout", 0.5)),
        ("WORKERS", "3", ("workers", 3)),
        ("WORKERS", "", ("workers", predictor.Settings.from_variables({}).workers)),
    ],
)
def test_settings_come_from_variables(variable, value, expected):
    assert getattr(predictor.Settings.from_variables({variable: value}), expected[0]) == expected[1]


@pytest.mark.parametrize(("variable", "value"), [("MODEL_MEMORY", "lots"), ("MODEL_TIMEOUT", "-1"), ("WORKERS", "2.5")])
def test_a_setting_that_can_not_be_read_is_named(variable, value):
    with pytest.raises(ModelError, match=f"{variable} is '{value}', but has to be"):
        predictor.Settings.from_variables({variable: value})


PEAK = """
import sys, numpy, pyarrow as pa, predictor
from predictor.reference_model import REFERENCE_MODEL
rows = int(sys.argv[1])
schema = pa.schema([("customer_id", pa.string()), *((name, pa.float64()) for name in predictor.FEATURES)])
def batches():
    for start in range(0, rows, 65_536):
        numbers = numpy.arange(start, min(start + 65_536, rows), dtype="float64")
        ids = pa.array(numbers.astype("int64")).cast(pa.string())
        yield pa.record_batch([ids, *[pa.array(numbers)] * 6], schema=schema)
model = predictor.open_model(REFERENCE_MODEL, predictor.Settings().manifests)
reader = predictor.score(pa.RecordBatchReader.from_batches(schema, batches()), model, predictor.Settings())
assert sum(batch.num_rows for batch in reader) == rows
print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
def test_ten_million_customers_need_little_more_memory_than_a_hundred_thousand():
    small, large = (
        int(subprocess.run([sys.executable, "-c", PEAK, rows], cwd=PROJECT, capture_output=True, check=True).stdout)
        for rows in ("100000", "10000000")
    )
    assert large - small < 300, f"{small} MB for 100,000 customers, {large} MB for 10 million"
