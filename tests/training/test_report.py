"""The report's sentences, on made-up tests of which it is known what is to be said."""

from __future__ import annotations

import json
import re
from datetime import date

import numpy as np
import pytest

from predictor.training import report
from predictor.training.backtest import EXPECTATION, OURS, WITH_FIRST, Backtest
from predictor.training.metrics import measure
from predictor.training.snapshot import Snapshot

ACTUAL = np.repeat(2.0 ** np.arange(10, 0, -1), 20)  # ten tenths of twenty customers, each worth half the one before


def made_up(
    predicted: np.ndarray,
    actual: np.ndarray = ACTUAL,
    expectation: np.ndarray | None = None,
    with_first: np.ndarray | None = None,
    **answers: np.ndarray,
) -> Backtest:
    expectation = actual if expectation is None else expectation
    with_first = expectation if with_first is None else with_first
    others = {EXPECTATION: expectation, WITH_FIRST: with_first, "past revenue rate": np.zeros(len(actual))}
    metrics = {name: measure(actual, each) for name, each in {OURS: predicted, **others}.items()}
    test = Snapshot(date(2020, 1, 1), np.arange(len(actual)), {}, 100, actual)
    answers = {"purchase_probability": (actual > 0) * 1.0, "clv_lower": 0 * actual, "clv_upper": actual, **answers}
    return Backtest(test, {"predicted_clv": predicted, **answers}, metrics, {"recency": 0.1}, [])


def sentence(beginning: str, test: Backtest) -> str:
    (found,) = [each for each in report.in_words(test.summary()) if each.startswith(beginning)]
    return found


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (1.0, "right within 0%"),
        (1.04, "right within 4%"),
        (0.96, "right within 4%"),
        (1.06, "6% too high"),
        (3.0, "200% too high"),
        (0.94, "6% too low"),
        (0.25, "75% too low"),
    ],
)
def test_it_says_whether_the_total_is_too_high_or_too_low(factor, said):
    assert said in sentence("The total", made_up(ACTUAL * factor))


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        ({}, "each tenth of customers brought what was predicted for it"),
        ({1: 1.24, 10: 0.81}, "each tenth of customers brought what was predicted for it"),
        ({1: 1.3}, "in tenth 1 it is too high by over a quarter"),
        ({10: 0.7}, "in tenth 10 it is too low"),
        ({10: 0.0}, "in tenth 10 it is too low"),
        ({2: 0.79, 1: 0.75}, "in tenths 1, 2 it is too low"),
        ({1: 1.3, 10: 0.5}, "in tenths 1, 10 it is too high or too low"),
    ],
)
def test_it_names_the_tenths_that_are_off_and_to_which_side(factors, said):
    tenth = np.repeat(np.arange(1, 11), 20)
    predicted = ACTUAL * np.array([factors.get(each, 1.0) for each in tenth])
    assert said in sentence("By tenths", made_up(predicted))


@pytest.mark.parametrize(
    ("shift", "said"),
    [
        ([0.0] * 10, "In each tenth of customers it is right within 5 points"),
        ([0.04, -0.04] * 5, "In each tenth of customers it is right within 5 points"),
        ([-0.06] + [0.0] * 9, "In tenth 1 it is too low by over 5 points"),
        ([0.0] * 8 + [0.06, 0.07], "In tenths 9, 10 it is too high by over 5 points"),
    ],
)
def test_it_says_in_which_tenths_the_chance_to_buy_was_off(shift, said):
    share = np.linspace(0.95, 0.05, 10)  # of the 20 customers in each tenth
    actual = np.concatenate([np.arange(20) < round(20 * each) for each in share]) * 50.0
    chance = np.repeat(share + np.array(shift), 20)
    words = sentence("The chance to buy", made_up(actual, actual, purchase_probability=chance))
    assert said in words and f"{chance.mean():.0%} on average, and 50% bought" in words
    assert "better than the 0.250 of" in words and "no better" not in words


def test_a_chance_that_tells_nobody_apart_is_no_better_than_the_base_rate():
    actual = np.tile([50.0, 0.0], 100)
    words = sentence("The chance to buy", made_up(actual, actual, purchase_probability=np.full(200, 0.6)))
    assert "Brier score is 0.260, no better than the 0.250" in words


@pytest.mark.parametrize(
    ("above", "said"),
    [
        (6, "6% of the customers who could came out above its upper end, where 10% should, so it is wider than"),
        (10, "10% of the customers who could came out above its upper end, where 10% should, so it is as wide as"),
        (14, "14% of the customers who could came out above its upper end, where 10% should, so it is too narrow"),
    ],
)
def test_it_says_whether_the_interval_is_too_narrow_or_too_wide(above, said):
    actual = np.full(200, 50.0)
    upper = np.where(np.arange(200) < 100, np.where(np.arange(200) < above, 40.0, 60.0), 0.0)  # half can be above 0
    lower = np.where(np.arange(200) < 20, np.where(np.arange(200) < 5, 55.0, 45.0), 0.0)
    words = sentence("The interval", made_up(actual, actual, clv_lower=lower, clv_upper=upper))
    assert said in words and "25% of those whose lower end is above 0 came out below it" in words


def test_an_interval_without_ends_above_0_is_told_as_that():
    none = np.zeros(200)
    words = sentence("The interval", made_up(ACTUAL, clv_lower=none, clv_upper=none))
    assert "its upper end is 0 for everybody" in words
    assert "nobody's lower end is above 0" in sentence("The interval", made_up(ACTUAL))


def test_it_says_how_many_bought_how_far_off_one_prediction_is_and_what_the_top_tenth_brought():
    actual = np.where(np.arange(200) < 60, 50.0, 0.0)
    test = made_up(np.full(200, 15.0), actual)
    assert "30% of them bought at all in these 100 days" in sentence("A single customer", test)
    assert "off by 1.4 times the mean value" in sentence("A single customer", test)  # (30 * 35 + 70 * 15) / 100 / 15
    in_order = made_up(actual, actual)
    assert "predicted highest brought 33% of what all 200 brought" in sentence("Who is worth more", in_order)
    assert "Gini of 1.000" in sentence("Who is worth more", in_order)


def test_big_spenders_are_spoken_of_only_where_the_expectation_misses_them_by_less():
    far, near = ACTUAL + 9.0, ACTUAL + 5.0
    assert "RMSE of 9.00 is above" in sentence("Big spenders", made_up(far, expectation=near))
    assert not any(each.startswith("Big") for each in report.in_words(made_up(near, expectation=far).summary()))


def test_by_each_figure_it_is_held_against_the_expectation_that_is_better_in_it():
    # One has the right order and amounts far off, the other the wrong order and amounts nearer.
    in_order, near = ACTUAL + 400.0, np.full(len(ACTUAL), ACTUAL.mean())
    for expectation, with_first, better, nearer in (
        (in_order, near, EXPECTATION, f"{EXPECTATION} {WITH_FIRST}"),
        (near, in_order, f"{EXPECTATION} {WITH_FIRST}", EXPECTATION),
    ):
        test = made_up(ACTUAL + 500.0, expectation=expectation, with_first=with_first)
        right = test.metrics[OURS].gini
        assert f"Gini of {right:.3f}; {better} has {right:.3f}, the" in sentence("Who is worth more", test)
        rmse = np.std(ACTUAL)
        assert f"RMSE of 500.00 is above that of {nearer}, {rmse:,.2f}," in sentence("Big spenders", test)


def test_where_nothing_was_bought_it_says_so_and_nothing_else():
    (only,) = report.in_words(made_up(ACTUAL, actual=np.zeros(200)).summary())
    assert "brought nothing" in only


def test_page_and_json_say_the_sentences_of_the_last_test_and_show_every_figure(tmp_path):
    first, last = made_up(ACTUAL * 2), made_up(ACTUAL / 2)
    content = {
        "model_id": "abcdef012345",
        "orders_file": "<shop>.csv", "orders": 1234, "customers": 200, "first_order": "2019-01-01",
        "trained_as_of": "2020-04-10", "horizon_days": 100, "discount_rate": 0.1, "cutoffs": ["2019-06-01"],
        "label_days": 50, "notes": ["Plain."], "tests": [first.summary(), last.summary()],
    }  # fmt: skip
    report.write(content, last, tmp_path)
    page = (tmp_path / "training_report.html").read_text(encoding="utf-8")
    written = json.loads((tmp_path / "training_report.json").read_text(encoding="utf-8"))
    assert written["in_words"] == report.in_words(last.summary())
    assert "50% too low" in page and "too high" not in page
    assert "abcdef012345" in page and written["model_id"] == "abcdef012345"
    assert "&lt;shop&gt;.csv" in page and "<shop>" not in page
    facts = re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", page)
    assert dict(facts) == {
        "Orders": "&lt;shop&gt;.csv: 1,234 orders of 200 customers",
        "Known": "2019-01-01 to 2020-04-10, nothing later",
        "Value": "revenue of the next 100 days, discounted at 10% a year to the day",
        "Learned from": "1 past dates with the 50 days after each",
        "Model": "abcdef012345. Plain.",
    }
    tables = re.findall("<table>.*?</table>", page)
    for test, table in zip((written["tests"][1], written["tests"][0]), tables, strict=True):  # the last one comes first
        assert test["as_of"] == "2020-01-01" and test["until"] == "2020-04-10"
        assert page.count("As of 2020-01-01: what 200 customers spent in the 100 days to 2020-04-10.") == 2
        shown = {
            name: re.findall("<td>(.*?)</td>", row) for name, row in re.findall("<th>([^<]+)</th>(<td>.*?)</tr>", table)
        }
        assert re.findall('<th title="[^"]+">([^<]+)</th>', table) == [
            "Gini",
            "Spearman",
            "RMSE",
            "MAE",
            "Total",
            "Top 10 %",
        ]
        assert shown == {
            name: [
                report.figure(each["gini"], ".3f"),
                report.figure(each["spearman"], ".3f"),
                report.figure(each["rmse"], ",.2f"),
                report.figure(each["mae"], ",.2f"),
                report.figure(each["calibration"], ".2f"),
                report.figure(each["top_decile"], ".3f"),
            ]
            for name, each in test["metrics"].items()
        }


def test_cumulative_gains_at_the_percents_are_those_of_the_customers_predicted_highest():
    curve = made_up(ACTUAL).summary()["cumulative_gains"]
    assert len(curve) == 101
    assert [curve[each] for each in (0, 10, 50, 100)] == pytest.approx([0, 1024 / 2046, 1984 / 2046, 1], abs=1e-6)


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (-0.0001, "0.000"), (1234.5, "1,234.500"), (-1.5, "-1.500")])
def test_a_figure_that_is_missing_is_a_dash_and_zero_has_no_sign(value, text):
    assert report.figure(value, ",.3f") == text
