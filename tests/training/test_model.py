"""What every model of `make train` keeps, and that a stage which learned nothing is not there."""

from __future__ import annotations

import pickle
import pickletools
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import dill
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from threadpoolctl import threadpool_info

from predictor.training import backtest as backtesting
from predictor.training.backtest import EXPECTATION, OURS, WITH_FIRST, backtest, earlier
from predictor.training.fitting import fit, fit_plain
from predictor.training.gamma_gamma import fit_gamma_gamma
from predictor.training.mbg_nbd import fit_mbg_nbd
from predictor.training.metrics import measure
from predictor.training.season import Season
from predictor.training.value_model import FEATURES, valid

PROJECT = Path(__file__).resolve().parents[2]
RATE = 0.5  # so high that what is not discounted shows


@pytest.fixture(scope="module")
def model(snapshots):
    return fit(snapshots[380], [snapshots[day] for day in (280, 300, 320)], 120, 0.10)[0]


@pytest.fixture(scope="module")
def of_no_past(snapshots):
    return backtest(snapshots[380], [], RATE)


def rows(snapshot):
    return np.ascontiguousarray(np.column_stack([snapshot.features[name] for name in FEATURES]))


@settings(deadline=None, max_examples=300)
@given(x=arrays(float, st.tuples(st.integers(1, 5), st.just(len(FEATURES))), elements=st.floats(allow_nan=False)))
def test_predictions_are_finite_and_not_negative_whatever_the_features(model, x):
    predicted = model.predict(x)
    assert predicted.shape == (len(x),)
    assert np.isfinite(predicted).all() and (predicted >= 0).all()


def test_what_can_be_true_of_a_customer_is_predicted_from_as_it_is(snapshots):
    features = {name: snapshots[380].features[name] for name in FEATURES}
    assert (features["purchase_days_365"] == features["frequency"] + 1).any()  # the most that there can be
    assert all(np.array_equal(valid(features)[name], features[name]) for name in FEATURES)
    too_many = features | {
        "purchase_days_365": features["frequency"] + 2,
        "purchase_days_30": features["as_of_day"] * -1,
    }
    assert np.array_equal(valid(too_many)["purchase_days_365"], features["frequency"] + 1)
    assert not valid(too_many)["purchase_days_30"].any()


def test_what_cannot_be_true_of_a_customer_is_the_nearest_that_can():
    """Five repeat purchases within 40 of 50 days, and then for each row one feature that does not fit to the others."""
    like = dict.fromkeys(FEATURES, 5.0) | {"recency": 40.0, "customer_age": 50.0, "longest_interval": 20.0}
    changes = [
        ("total_num_items", -3.0, 6.0), ("total_num_items", 6.5, 6.5), ("recency", 51.0, 50.0), ("recency", -1.0, 0.0),
        ("customer_age", -7.0, 0.0), ("customer_age", 2e6, 1e6), ("longest_interval", -1.0, 0.0),
        ("purchase_days_90", 7.0, 6.0), ("purchase_days_90", -1.0, 0.0), ("monetary_value", -5.0, -5.0),
        ("monetary_value", np.nan, 0.0), ("monetary_value", np.inf, 1e15), ("max_revenue", -np.inf, -1e15),
    ]  # fmt: skip
    features = {name: np.full(len(changes), value) for name, value in like.items()}
    for row, (name, value, _) in enumerate(changes):
        features[name][row] = value
    found = valid(features)
    assert found.keys() == like.keys()
    for row, (name, value, nearest) in enumerate(changes):
        assert found[name][row] == nearest, (name, value)
    of_no_age = found["customer_age"] == 0
    assert of_no_age.sum() == 1 and not found["recency"][of_no_age].any()


def test_rows_of_other_columns_are_refused(model, snapshots):
    with pytest.raises(ValueError, match="argument"):
        model.predict(rows(snapshots[380])[:, :-1])


def test_a_prediction_has_the_same_bits_alone_and_in_any_batch(model, snapshots):
    x = rows(snapshots[380])
    whole = model.predict(x)
    for size in (1, 2, 3, 7, 64, 999):
        parts = [model.predict(x[start : start + size]) for start in range(0, len(x), size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes(), size


def test_the_same_data_give_the_same_bytes_of_model_and_predictions(model, snapshots):
    again, _ = fit(snapshots[380], [snapshots[day] for day in (280, 300, 320)], 120, 0.10)
    x = rows(snapshots[380])
    assert dill.dumps(again) == dill.dumps(model)
    assert again.predict(x).tobytes() == model.predict(x).tobytes()


def test_a_fit_leaves_the_process_as_many_threads_as_it_had_so_that_the_next_one_gives_the_same_bytes(snapshots):
    def threads():
        return {library["filepath"]: library["num_threads"] for library in threadpool_info()}

    import sklearn.ensemble  # noqa: F401 - loads all libraries that a fit uses

    before = threads()
    for _ in range(5):
        fit(snapshots[380], [snapshots[day] for day in (280, 300, 320)], 120, 0.10)
        assert threads() == before


def test_a_dill_file_has_no_code_and_nothing_of_scikit_learn(model):
    pickled = dill.dumps(model)
    strings = {argument for _, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)}
    assert "predictor.training.value_model" in strings
    assert not any("sklearn" in each or each in ("_create_code", "_create_function") for each in strings)


def test_loading_and_predicting_imports_neither_scikit_learn_nor_pyarrow(model, snapshots, tmp_path):
    x = rows(snapshots[380])[:5]
    (tmp_path / "model.pickle").write_bytes(pickle.dumps((model, x)))
    code = (
        "import pickle, sys; model, x = pickle.load(open(sys.argv[1], 'rb')); print(model.predict(x).tolist()); "
        "assert not {'sklearn', 'pyarrow', 'matplotlib', 'duckdb'} & set(sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "model.pickle"], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == str(model.predict(x).tolist())


def test_discounting_lowers_a_value_by_about_what_half_the_horizon_costs(model, snapshots):
    x = rows(snapshots[380])
    undiscounted = replace(model, discount_rate=0.0).predict(x).sum()
    assert model.predict(x).sum() / undiscounted == pytest.approx(1.10 ** (-60 / 365), abs=0.004)


def test_out_of_time_it_ranks_as_well_as_the_expectation_and_is_off_by_less_than_the_rate(snapshots):
    metrics = backtest(snapshots[380], [snapshots[day] for day in (280, 300, 320)], 0.0).metrics
    assert metrics[OURS].gini > max(metrics[EXPECTATION].gini, metrics[WITH_FIRST].gini) - 0.005
    assert metrics[OURS].rmse < 0.8 * metrics["past revenue rate"].rmse
    assert abs(metrics[OURS].calibration - 1) < 0.2


def test_who_gave_more_back_than_he_bought_counts_as_nobody_who_bought(snapshots):
    def season(value: float) -> Season:
        returned = [replace(each, actual=np.where(each.actual > 0, each.actual, value)) for each in windows]
        return fit(snapshots[380], [], 120, 0.10, returned)[0].season

    windows = [snapshots[day] for day in (280, 300, 320)]
    assert season(-50.0) == season(0.0) != Season()


def test_the_simple_baselines_are_what_they_are_called(of_no_past):
    test, metrics = of_no_past.test, of_no_past.metrics
    spent, age = test.features["total_revenue"], test.features["customer_age"]
    days_of_late = test.features["days_since_last_order"] + test.features["longest_interval"]
    assert metrics["past revenue rate"] == measure(test.actual, spent / np.maximum(age, 1) * 120)
    pieces_and_orders = test.features["max_num_items"] + test.features["total_orders"]
    added_up = measure(test.actual, pieces_and_orders + test.features["max_revenue"] + spent + days_of_late)
    assert asdict(metrics["sum of six"]) == pytest.approx(asdict(added_up))
    assert metrics["zero"] == measure(test.actual, np.zeros(len(age)))


def test_the_published_baseline_rests_on_repeat_purchases_and_the_harder_one_on_the_first_too(of_no_past):
    test, metrics = of_no_past.test, of_no_past.metrics
    x, recency, T, mean = (
        test.features[name] for name in ("frequency", "recency", "customer_age", "mean_repeat_spend")
    )
    once, spend = x == 0, fit_gamma_gamma(x[x > 0], mean[x > 0])
    amount = spend.p * (spend.v + x * mean) / (spend.p * x + spend.q - 1.0)
    assert len(set(amount[once])) == 1 < len(set(test.features["monetary_value"][once]))
    purchases = fit_mbg_nbd(x, recency, T, dropout_at_first=False)
    until = [purchases.expected_purchases(test.days * step / 4, x, recency, T) for step in range(1, 5)]
    of_each_quarter = np.diff([np.zeros(len(x)), *until], axis=0)
    from_now = np.array([1 / 8, 3 / 8, 5 / 8, 7 / 8]) * test.days / 365
    expected = (1 + RATE) ** -from_now @ of_each_quarter * amount
    assert metrics[EXPECTATION].rmse == pytest.approx(np.sqrt(np.mean((expected - test.actual) ** 2)))
    assert metrics[EXPECTATION].calibration == pytest.approx(expected.sum() / test.actual.sum())
    assert metrics[EXPECTATION].gini < metrics[WITH_FIRST].gini


def test_a_backtest_holds_what_a_fit_of_then_answers_to_what_came(snapshots, monkeypatch):
    test, past, year_ago = snapshots[380], [snapshots[280]], [snapshots[300]]
    model = fit_plain(test, 120, RATE)

    def fit_then(*given):
        assert given == (test, past, 120, RATE, year_ago)
        return model, ["A note."]

    monkeypatch.setattr(backtesting, "fit", fit_then)
    found = backtest(test, past, RATE, year_ago)
    assert found.predicted.tobytes() == model.value(test.features).tobytes()
    assert found.metrics[OURS] == measure(test.actual, found.predicted)
    assert found.notes == ["A note."]

    alike = {"as_of_day", "max_num_items"}  # the same for everybody: they say nothing about who is worth more
    assert found.importance.keys() == set(FEATURES) - alike
    learned_from = ["recency", "customer_age", "frequency", "monetary_value"]
    assert [name for name, loss in found.importance.items() if loss] == learned_from == list(found.importance)[:4]
    losses = [found.importance[name] for name in learned_from]
    assert losses == sorted(losses, reverse=True) and losses[-1] > 0
    for name, loss in zip(learned_from, losses, strict=True):  # about the same, however the values are dealt out
        others = test.features | {name: np.roll(test.features[name], len(test.actual) // 2)}
        assert loss == pytest.approx(
            found.metrics[OURS].gini - measure(test.actual, model.value(others)).gini, abs=0.15
        )


def test_the_test_before_is_at_the_newest_past_date_from_those_that_were_known_whole_by_then(snapshots, monkeypatch):
    given: list[object] = []
    monkeypatch.setattr(backtesting, "backtest", lambda *arguments: given.append(arguments))
    ends_then, ends_later, newest = replace(snapshots[280], days=40), snapshots[300], snapshots[320]
    year_ago = [snapshots[380]]
    for past in ([newest, ends_later, ends_then], [ends_then, newest, ends_later]):
        assert len(earlier(past, RATE, year_ago)) == 1
        assert given.pop() == (newest, [ends_then], RATE, year_ago)
    assert earlier([newest, ends_later], RATE) == earlier([newest], RATE) == earlier([], RATE) == given == []


def test_a_backtest_refuses_what_was_not_known_on_its_day(snapshots):
    late = replace(snapshots[320], days=61)
    with pytest.raises(ValueError, match="was not all known"):
        backtest(snapshots[380], [late], 0.0)


def test_nothing_but_the_past_and_today_goes_into_a_backtests_predictions(snapshots):
    past = [snapshots[day] for day in (280, 300, 320)]
    with_another_future = replace(snapshots[380], actual=snapshots[380].actual[::-1] * 3)
    first, second = (backtest(test, past, 0.0).predicted for test in (snapshots[380], with_another_future))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"actual": 0.0},
        {"monetary_value": 0.0},
        {"monetary_value": -5.0},
        {"frequency": 0.0, "recency": 0.0},
        {"customer_age": 0.0, "recency": 0.0, "frequency": 0.0},
    ],
    ids=["nobody came back", "nothing was paid", "only returns", "nobody bought twice", "all on one day"],
)
def test_odd_shops_get_a_model_too(snapshots, change):
    def changed(snapshot):
        actual = snapshot.actual * change.get("actual", 1.0)
        set_to = {name: np.full(len(actual), value) for name, value in change.items() if name != "actual"}
        return replace(snapshot, actual=actual, features={**snapshot.features, **set_to})

    tested = backtest(changed(snapshots[380]), [changed(snapshots[day]) for day in (280, 300, 320)], 0.1)
    assert np.isfinite(tested.predicted).all() and (tested.predicted >= 0).all()


def test_a_shop_of_a_few_customers_gets_the_plain_expectation_and_is_told(snapshots):
    def first(snapshot):
        few = {name: column[:30] for name, column in snapshot.features.items()}
        return replace(snapshot, customers=snapshot.customers[:30], features=few, actual=snapshot.actual[:30])

    fitted, notes = fit(first(snapshots[380]), [first(snapshots[day]) for day in (280, 300)], 120, 0.0)
    assert fitted.correction.linear is None and fitted.correction.trees is None
    assert "plain expectation" in notes[0]
