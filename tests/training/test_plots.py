"""The report's pictures show the figures that they say they show, each on its own axis."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from predictor.training import plots
from predictor.training.backtest import Backtest
from predictor.training.snapshot import Snapshot

CUSTOMERS = 400
chance = np.random.default_rng(7)
PREDICTED = chance.permutation(np.linspace(1.0, 400.0, CUSTOMERS))
ACTUAL = np.where(chance.random(CUSTOMERS) < 0.6, PREDICTED * chance.uniform(0.2, 3.0, CUSTOMERS), 0.0)
PROBABILITY = chance.permutation(np.linspace(0.0, 0.9, CUSTOMERS))
IMPORTANCE = {"recency": 0.3, "frequency": 0.2, "customer_age": -0.01}


@pytest.fixture(scope="module")
def pictures() -> dict[str, Axes]:
    """The axes of each picture, by its title."""
    drawn: list[Figure] = []

    svg_of = plots._svg

    def keep(figure: Figure) -> str:
        drawn.append(figure)
        return svg_of(figure)

    test = Snapshot(date(2020, 1, 1), np.arange(CUSTOMERS), {}, 100, ACTUAL)
    answers = {"predicted_clv": PREDICTED, "purchase_probability": PROBABILITY}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "_svg", keep)
        shown = plots.plots(Backtest(test, answers, {}, IMPORTANCE, []))
    assert all(svg.startswith("<svg") for _, _, svg in shown)
    return {title: figure.axes[0] for (title, _, _), figure in zip(shown, drawn, strict=True)}


def means(values: np.ndarray, by: np.ndarray, parts: int) -> list[float]:
    """Of each of so many parts of the customers, those with the highest `by` first."""
    return [float(part.mean()) for part in np.split(values[np.argsort(by)[::-1]], parts)]


def test_the_bars_of_each_tenth_are_the_means_that_the_legend_names_the_highest_predictions_left(pictures):
    axes = pictures["Predicted and actual, by tenths of customers"]
    bars = {bars.get_label(): bars for bars in axes.containers}
    for name, values in (("predicted", PREDICTED), ("actual", ACTUAL)):
        assert [bar.get_height() for bar in bars[name]] == pytest.approx(means(values, PREDICTED, 10)), name
        assert [round(bar.get_x() + bar.get_width() / 2) for bar in bars[name]] == list(range(1, 11))
    assert bars["predicted"][0].get_facecolor() != bars["actual"][0].get_facecolor()


def test_the_curves_of_gains_are_the_shares_that_the_legend_names_in_percent(pictures):
    axes = pictures["Cumulative gains"]
    lines = {line.get_label(): line.get_xydata() for line in axes.get_lines()}
    percent = np.arange(101)
    for name, by in (("this model", PREDICTED), ("right order", ACTUAL)):
        gained = [ACTUAL[np.argsort(-by)][: 4 * each].sum() / ACTUAL.sum() * 100 for each in percent]
        assert lines[name] == pytest.approx(np.column_stack([percent, gained])), name
    assert lines["chance"].tolist() == [[0, 0], [100, 100]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("% of customers", "% of revenue")


def test_predictions_are_across_and_what_came_upwards_with_a_line_where_the_two_agree(pictures):
    axes = pictures["Predicted against actual"]
    predicted, actual = (np.array(means(values, PREDICTED, 100)) for values in (PREDICTED, ACTUAL))
    bought = actual > 0  # nothing has no place on a logarithmic axis
    (points,) = axes.collections
    assert np.asarray(points.get_offsets()) == pytest.approx(np.column_stack([predicted, actual])[bought])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("mean predicted value", "mean actual value")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    (line,) = axes.get_lines()
    both = np.r_[predicted[bought], actual[bought]]
    assert line.get_xydata() == pytest.approx(np.array([[both.min()] * 2, [both.max()] * 2]))


def test_chances_are_across_and_the_shares_that_bought_upwards_both_in_percent(pictures):
    axes = pictures["The chance to buy, by tenths of customers"]
    chances, bought = (100 * np.array(means(values, PROBABILITY, 10)) for values in (PROBABILITY, ACTUAL > 0))
    (points,) = axes.collections
    assert np.asarray(points.get_offsets()) == pytest.approx(np.column_stack([chances, bought]))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("mean chance, %", "% who bought")
    (line,) = axes.get_lines()
    assert line.get_xydata() == pytest.approx(np.array([[0, 0], [max(*chances, *bought)] * 2]))


def test_each_feature_has_the_gini_that_is_lost_without_it_the_largest_loss_on_top(pictures):
    axes = pictures["What the model looks at"]
    lengths = [bar.get_width() for bar in axes.patches]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert dict(zip(names, lengths, strict=True)) == IMPORTANCE
    assert names[-1] == "recency"
