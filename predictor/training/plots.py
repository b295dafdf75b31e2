"""The pictures of the training report, as inline SVG."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from predictor.training.backtest import Backtest
from predictor.training.metrics import deciles, gains

# Seen on light paper and on dark.
_MODEL, _ACTUAL, _FAINT, _WORDS = "#12897f", "#e08e2b", "#9aa5af", "#76818d"
_STYLE: Any = {  # its own type is every key by name
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8794a1",
    "axes.labelcolor": _WORDS,
    "xtick.color": _WORDS,
    "ytick.color": _WORDS,
    "text.color": _WORDS,
    "svg.fonttype": "none",  # letters stay letters: smaller, sharp, and they can be searched
    "svg.hashsalt": "training report",
}


def plots(test: Backtest) -> list[tuple[str, str, str]]:
    """Title, explanation and SVG of each picture."""
    with matplotlib.rc_context(_STYLE):
        return [
            (
                "Predicted and actual, by tenths of customers",
                "The tenth with the highest predictions stands left. Bars of one height are a calibrated tenth.",
                _by_decile(test),
            ),
            (
                "Cumulative gains",
                "Share of the revenue that the customers predicted highest brought. The grey line is the right order, "
                "the dotted one chance.",
                _gains(test),
            ),
            (
                "Predicted against actual",
                "Each point is a hundredth of the customers, in order of their predictions. On the line the two agree.",
                _against(test),
            ),
            (
                "The chance to buy, by tenths of customers",
                "Each point is a tenth of the customers, by their chance. On the line as many bought as it says.",
                _chances(test),
            ),
            (
                "What the model looks at",
                "Gini that is lost when one feature's values are dealt out anew among the customers.",
                _importance(test),
            ),
        ]


def _by_decile(test: Backtest) -> str:
    figure, axes = _canvas()
    rows = deciles(test.test.outcome(), test.predicted)
    at = np.arange(1, len(rows) + 1)
    axes.bar(at - 0.2, [row["predicted"] for row in rows], 0.38, color=_MODEL, label="predicted")
    axes.bar(at + 0.2, [row["actual"] for row in rows], 0.38, color=_ACTUAL, label="actual")
    axes.set(xticks=at, xlabel="tenth of customers", ylabel="mean value")
    axes.legend(frameon=False)
    return _svg(figure)


def _gains(test: Backtest) -> str:
    figure, axes = _canvas()
    actual = test.test.outcome()
    total = actual.sum() or 1.0
    percent = np.linspace(0, 100, 101)
    for predicted, color, name in ((actual, _FAINT, "right order"), (test.predicted, _MODEL, "this model")):
        curve = gains(actual, predicted) / total * 100
        axes.plot(
            percent, np.interp(percent / 100 * len(actual), np.arange(len(curve)), curve), color=color, label=name
        )
    axes.plot([0, 100], [0, 100], ":", color="#8794a1", label="chance")
    axes.set(xlabel="% of customers", ylabel="% of revenue", xlim=(0, 100), ylim=(0, None))
    axes.legend(frameon=False, loc="lower right")
    return _svg(figure)


def _against(test: Backtest) -> str:
    figure, axes = _canvas()
    groups = np.array_split(np.argsort(-test.predicted, kind="stable"), min(100, len(test.predicted)))
    predicted = np.array([test.predicted[group].mean() for group in groups])
    actual = np.array([test.test.outcome()[group].mean() for group in groups])
    shown = (predicted > 0) & (actual > 0)
    if shown.any():
        ends = [min(predicted[shown].min(), actual[shown].min()), max(predicted[shown].max(), actual[shown].max())]
        axes.plot(ends, ends, color=_FAINT)
        axes.scatter(predicted[shown], actual[shown], s=14, color=_MODEL, alpha=0.8, linewidth=0)
        axes.set(xscale="log", yscale="log")
    axes.set(xlabel="mean predicted value", ylabel="mean actual value")
    return _svg(figure)


def _chances(test: Backtest) -> str:
    figure, axes = _canvas()
    rows = deciles(test.bought, test.answers["purchase_probability"])
    predicted, actual = ([100 * row[name] for row in rows] for name in ("predicted", "actual"))
    end = max(*predicted, *actual, 1.0)
    axes.plot([0, end], [0, end], color=_FAINT)
    axes.scatter(predicted, actual, s=22, color=_MODEL, linewidth=0)
    axes.set(xlabel="mean chance, %", ylabel="% who bought", xlim=(0, None), ylim=(0, None))
    return _svg(figure)


def _importance(test: Backtest) -> str:
    figure, axes = _canvas()
    names = list(test.importance)[::-1]
    axes.barh(names, [test.importance[name] for name in names], color=_MODEL, height=0.6)
    axes.set(xlabel="Gini lost")
    return _svg(figure)


def _canvas() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.6, 3.1), layout="constrained")
    return figure, figure.subplots()


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return re.sub(r"^.*?(?=<svg)", "", text.getvalue(), count=1, flags=re.DOTALL)
