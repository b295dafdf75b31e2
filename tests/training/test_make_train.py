"""`make train` through the front door, on files of orders."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta
from pathlib import Path

import dill
import duckdb
import numpy as np
import pyarrow as pa
import pytest

import predictor
from pipeline import orders as order_lines
from pipeline import orders_sample
from pipeline.errors import ClvError
from pipeline.runners.on_duckdb import OnDuckDB
from pipeline.settings import Settings
from pipeline.training import command
from pipeline.training.snapshots import Snapshots, open_orders
from pipeline.warehouse.folder import Warehouse
from predictor.reference_model import REFERENCE_MODEL
from predictor.training import dates
from predictor.training.backtest import backtest
from predictor.training.fitting import fit
from predictor.training.value_model import FEATURES, OUTPUTS

ROOT = Path(__file__).resolve().parents[2]
HEADER = ("customer_id", "order_id", "order_item_id", "num_items", "revenue", "created_at_date")


@pytest.fixture(scope="session")
def lines(shop):
    """The shop's orders as lines of a file, in the order of their dates.

    Who stays takes more pieces, which the expectation does not look at: there is a correction to learn.
    """
    start, stays = date(2020, 1, 1), set(shop.customer[shop.day > 400].tolist())
    rows = zip(shop.customer, shop.day, shop.revenue, strict=True)
    made = [
        (
            f"c{who:05}",
            f"o{number}",
            "1",
            "5" if who in stays else "1",
            f"{revenue:.2f}",
            (start + timedelta(int(day))).isoformat(),
        )
        for number, (who, day, revenue) in enumerate(rows)
    ]
    return sorted(made, key=lambda line: line[-1])


def write(path: Path, lines) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *lines])
    return path


def train(folder: Path, orders: Path, status: int = 0, **given: str) -> str:
    """Runs the command and returns what it printed. Report, model and manifest are put into `folder`."""
    clean = {name: value for name, value in os.environ.items() if name not in ("AS_OF", "HORIZON", "DISCOUNT_RATE")}
    models = folder / "models"
    models.mkdir(exist_ok=True)
    own = {"ORDERS": str(orders), "WAREHOUSE": str(folder / "warehouse"), "MODEL": str(models / "model.dill")}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "train"],
        cwd=ROOT,
        env={**clean, **own, "MODEL_MANIFESTS": str(models), **given},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def opened(
    file: Path, folder: Path, most_customers: int = 500_000, discount_rate: float = 0.1
) -> AbstractContextManager[Snapshots]:
    """The orders of a file, as a training on DuckDB looks at them."""
    scratch = Warehouse(folder)
    source = order_lines.find(str(file))
    settings = Settings(orders=file, warehouse=folder, discount_rate=discount_rate)
    return open_orders(settings, source, OnDuckDB(settings, scratch), scratch, most_customers=most_customers)


@pytest.fixture(scope="session")
def trained(lines, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    printed = train(folder, write(folder / "orders.csv", lines), HORIZON="120", DISCOUNT_RATE="0.05")
    return folder, printed


@pytest.mark.slow
def test_the_model_is_registered_with_what_it_was_made_of(trained, lines):
    folder, printed = trained
    manifest = predictor.open_model(folder / "models" / "model.dill", folder / "models").manifest
    assert manifest.features == list(FEATURES)
    assert manifest.training["horizon_days"] == 120
    assert manifest.training["discount_rate"] == 0.05
    assert manifest.training["trained_as_of"] == lines[-1][-1]
    assert manifest.bytecode == []
    parameters = manifest.training["parameters"]
    assert parameters["purchases"].keys() == {"r", "alpha", "a", "b", "dropout_at_first"}
    assert parameters["spend"].keys() == parameters["interval_spend"].keys() == {"p", "q", "v"}
    assert next(iter(parameters["season"])) == lines[-1][-1]  # a year after a year ago
    assert json.loads(json.dumps(parameters, allow_nan=False)) == parameters
    with duckdb.connect() as file:
        file.execute(
            "create view int_customer_orders as select *, created_at_date as order_date "
            f"from read_csv('{folder / 'orders.csv'}')"
        )
        assert manifest.training["orders_sample"] == orders_sample.take(lambda query: file.execute(query).fetchall())
    made = dill.loads((folder / "models" / "model.dill").read_bytes())
    assert (made.horizon, made.discount_rate) == (120, 0.05)
    assert 0 < manifest.training["metrics"]["gini"] < 1
    next_line = printed.rpartition("Next")[2]
    assert "make build" in next_line and f"MODEL={folder / 'models' / 'model.dill'}" in next_line


@pytest.mark.slow
def test_the_model_and_its_tests_are_made_of_the_dates_that_the_report_names(trained, tmp_path):
    folder, _ = trained
    report = json.loads((folder / "warehouse" / "training_report.json").read_text(encoding="utf-8"))
    manifest = predictor.open_model(folder / "models" / "model.dill", folder / "models").manifest
    first, last = (date.fromisoformat(report[name]) for name in ("first_order", "trained_as_of"))
    before = dates.schedule(first, last - timedelta(120), 120)
    with opened(folder / "orders.csv", tmp_path, discount_rate=0.05) as snapshots:
        now, test = snapshots.at(last), snapshots.at(before.as_of, 120)
        past = [snapshots.at(date.fromisoformat(each), report["label_days"]) for each in report["cutoffs"]]
        past_of_test = [snapshots.at(each, before.days) for each in before.cutoffs]
        year_ago = [snapshots.at(each, 120) for each in dates.a_year_ago(first, last, 120)]
    model, notes = fit(now, past, 120, 0.05, year_ago)
    assert "linear" in model.parameters()["correction"]  # else the past dates would change nothing
    assert json.loads(json.dumps(model.parameters())) == manifest.training["parameters"]
    assert notes == report["notes"]
    assert json.loads(json.dumps(backtest(test, past_of_test, 0.05).summary())) == report["tests"][-1]


@pytest.mark.slow
def test_the_report_stands_alone_and_says_the_same_as_json(trained):
    folder, _ = trained
    page = (folder / "warehouse" / "training_report.html").read_text(encoding="utf-8")
    report = json.loads((folder / "warehouse" / "training_report.json").read_text(encoding="utf-8"))
    assert page.count("<svg") == 5
    assert not any(each in page for each in ("<script", "src=", 'href="http', "@import"))
    earlier, test = report["tests"]
    assert date.fromisoformat(earlier["until"]) <= date.fromisoformat(test["as_of"])
    assert test["until"] == report["trained_as_of"]
    first, last = (date.fromisoformat(report[name]) for name in ("first_order", "trained_as_of"))
    assert (test["as_of"], test["days"]) == ((last - timedelta(120)).isoformat(), 120)
    assert report["label_days"] == (last - first).days // 5 != earlier["days"]
    assert report["cutoffs"][0] == (last - timedelta(report["label_days"])).isoformat()
    for name, figures in test["metrics"].items():
        assert name in page and f"{figures['rmse']:,.2f}" in page
    assert all(sentence.split(".")[0][:40] in page for sentence in report["in_words"])


@pytest.mark.slow
def test_no_line_after_as_of_changes_a_byte_of_the_model(trained, lines, tmp_path):
    as_of = "2021-03-31"
    known = [line for line in lines if line[-1] <= as_of]
    later = [(*line[:4], "99999", line[5]) for line in lines if line[-1] > as_of]
    models = []
    for name, content in (("without", known), ("with", [*later, *known])):
        folder = tmp_path / name
        folder.mkdir()
        orders = write(folder / "orders.csv", content)
        train(folder, orders, HORIZON="100", AS_OF=as_of, WAREHOUSE=str(tmp_path / "warehouse"))
        models.append((folder / "models" / "model.dill").read_bytes())
    assert models[0] == models[1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_no_later_order_changes_a_byte_of_the_features_at_a_past_date(lines, tmp_path, seed):
    chance = random.Random(seed)
    day = date(2020, 6, 1) + timedelta(chance.randrange(200))
    known = [line for line in lines if line[-1] <= day.isoformat()]
    later = [line for line in lines if line[-1] > day.isoformat()]
    changed = [
        (
            chance.choice(known)[0],
            f"x{number}",
            "2",
            str(chance.randrange(-5, 50)),
            f"{chance.uniform(-99, 999):.2f}",
            when,
        )
        for number, (*_, when) in enumerate(chance.sample(later, len(later) // 2))
    ]
    seen = []
    for name, content in (("all", lines), ("removed", known), ("changed", [*changed, *known])):
        folder = tmp_path / name
        folder.mkdir()
        orders = write(folder / "orders.csv", content)
        with opened(orders, folder) as snapshots:
            seen.append({name: column.tobytes() for name, column in snapshots.at(day).features.items()})
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.slow
def test_of_many_customers_some_are_looked_at_the_same_at_each_date_and_by_what_is_known_of_all(lines, tmp_path):
    day = date(2021, 1, 31)
    orders = write(tmp_path / "orders.csv", lines)
    seen = []
    for most in (10_000, 800):
        folder = tmp_path / str(most)
        folder.mkdir()
        with opened(orders, folder, most) as snapshots:
            numbers = dict(
                snapshots.build.execute("select customer_number, customer_id from customer_numbers").fetchall()
            )
            at = snapshots.at(day, 30)
            assert set(at.customers) <= set(snapshots.at(snapshots.last_day).customers) == set(numbers)
            columns = (*at.features.values(), at.actual)
            seen.append({numbers[who]: row for who, *row in zip(at.customers, *columns, strict=True)})
        assert snapshots.customers == 2500
    assert 700 < len(numbers) < 900
    assert seen[1] == {who: row for who, row in seen[0].items() if who in numbers.values()}


@pytest.mark.slow
def test_the_label_is_the_discounted_revenue_of_the_days_after_the_date(tmp_path):
    lines = [
        ("a", "1", "1", "1", "10.00", "2020-01-01"),
        ("a", "1", "2", "1", "10.00", "2020-01-02"),  # one order
        ("a", "2", "1", "1", "100.00", "2020-03-01"),  # the date itself: known, and no part of the label
        ("a", "3", "1", "1", "50.00", "2020-03-02"),
        ("a", "4", "1", "1", "70.00", "2020-03-31"),
        ("a", "5", "1", "1", "900.00", "2020-04-01"),  # a day too late
        ("b", "6", "1", "1", "20.00", "2020-02-01"),
        ("c", "7", "1", "1", "30.00", "2020-03-10"),  # not a customer yet
    ]
    orders = write(tmp_path / "orders.csv", lines)
    with opened(orders, tmp_path) as snapshots:
        assert (snapshots.first_day, snapshots.last_day) == (date(2020, 1, 1), date(2020, 4, 1))
        assert snapshots.orders == 7
        actual = snapshots.at(date(2020, 3, 1), 30).actual
    assert actual.tolist() == pytest.approx([50 * 1.1 ** (-1 / 365) + 70 * 1.1 ** (-30 / 365), 0.0], abs=2e-6)


@pytest.mark.slow
def test_too_little_history_names_the_longest_horizon_and_that_one_works(lines, tmp_path):
    orders = write(tmp_path / "orders.csv", [line for line in lines if line[-1] < "2020-05-01"])
    printed = train(tmp_path, orders, status=1, HORIZON="365")
    longest = printed.split("HORIZON=")[1].split()[0]
    assert f"{longest} days" in printed
    train(tmp_path, orders, HORIZON=longest)
    log = (tmp_path / "warehouse" / "logs" / "dbt.log").read_text()
    assert log.count("Starting full parse") == 1  # the second training parses nothing anew


@pytest.mark.slow
def test_a_file_of_one_day_is_told_that_no_horizon_works(tmp_path):
    lines = [(f"c{number}", str(number), "1", "1", "9.99", "2020-01-01") for number in range(50)]
    assert "too few" in train(tmp_path, write(tmp_path / "orders.csv", lines), status=1)


def test_orders_that_change_while_they_are_read_stop_a_training(lines, tmp_path, monkeypatch):
    file = write(tmp_path / "orders.csv", lines[:10])

    @contextmanager
    def growing(*_):
        write(file, lines[:11])
        yield

    monkeypatch.setattr(command, "open_orders", growing)
    settings = Settings(orders=file, warehouse=tmp_path / "warehouse", model=tmp_path / "model.dill")
    with pytest.raises(ClvError, match="changed while it was read"):
        command.train(settings, lambda event: None)
    assert not (tmp_path / "model.dill").exists()


@pytest.mark.parametrize(
    "given", [{"HORIZON": "0"}, {"HORIZON": "soon"}, {"DISCOUNT_RATE": "-1"}, {"DISCOUNT_RATE": "nan"}, {"AS_OF": "x"}]
)
def test_arguments_that_cannot_be_used_stop_it_at_once(given, lines, tmp_path):
    printed = train(tmp_path, write(tmp_path / "orders.csv", lines[:10]), status=2, **given)
    assert next(iter(given)) in printed


@pytest.mark.slow
def test_a_build_publishes_all_that_a_trained_model_answers_and_null_for_one_that_knows_the_value_only(
    trained, tmp_path
):
    folder, _ = trained
    own = {"ORDERS": str(folder / "orders.csv"), "MODEL": str(folder / "models" / "model.dill")}
    for name, given in (
        ("trained", {**own, "MODEL_MANIFESTS": str(folder / "models")}),
        ("reference", {**own, "MODEL": str(REFERENCE_MODEL)}),
    ):
        given["WAREHOUSE"] = str(tmp_path / name)
        build = [sys.executable, "-m", "pipeline", "build"]
        subprocess.run(build, cwd=ROOT, env=os.environ | given, check=True, capture_output=True, timeout=300)

    answers = ", ".join(OUTPUTS)
    model = dill.loads((folder / "models" / "model.dill").read_bytes())
    with duckdb.connect(tmp_path / "trained" / "clv.duckdb", read_only=True) as published:
        features = published.execute(f"select {', '.join(FEATURES)} from customer_features").fetchall()
        answered = published.execute(f"select {answers} from customer_value").fetchall()
        assert answered == published.execute(f"select {answers} from predictions").fetchall()
    assert np.array(answered).tobytes() == model.predict_columns(np.array(features, dtype=float)).tobytes()
    with duckdb.connect(tmp_path / "reference" / "clv.duckdb", read_only=True) as published:
        distinct = published.execute(f"select distinct {', '.join(OUTPUTS[1:])} from customer_value").fetchall()
    assert distinct == [(None,) * 4]


@pytest.mark.slow
def test_predictions_of_a_trained_model_come_out_of_the_worker(trained):
    folder, _ = trained
    model = predictor.open_model(folder / "models" / "model.dill", folder / "models")
    manifest = model.manifest
    table = {name: [row[i] for row in manifest.example["inputs"]] for i, name in enumerate(FEATURES)}
    table = pa.table({"customer_id": [str(number) for number in range(len(table["recency"]))], **table})
    scored = predictor.score(table.to_reader(), model, predictor.Settings()).read_all()
    assert manifest.outputs == list(OUTPUTS)
    assert [scored[name].to_pylist() for name in OUTPUTS] == [
        list(column) for column in zip(*manifest.example["outputs"], strict=True)
    ]
