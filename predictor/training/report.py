"""The report of a training: one HTML file that needs nothing else, and the same as JSON."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from predictor.training.backtest import EXPECTATION, OURS, WITH_FIRST, Backtest
from predictor.training.plots import plots

_WITH_FIRST = f"{EXPECTATION} {WITH_FIRST}"
_MEANING = {
    "gini": ("Gini", "1: customers in the right order; 0: chance"),
    "spearman": ("Spearman", "rank correlation of predicted and actual value"),
    "rmse": ("RMSE", "root mean squared error, in the currency of the orders"),
    "mae": ("MAE", "mean absolute error, in the currency of the orders"),
    "calibration": ("Total", "predicted total over actual total; 1 is right"),
    "top_decile": ("Top 10 %", "share of the revenue that came from the tenth of customers predicted highest"),
}
_FORMATS = {"gini": ".3f", "spearman": ".3f", "rmse": ",.2f", "mae": ",.2f", "calibration": ".2f", "top_decile": ".3f"}


def write(content: dict[str, Any], test: Backtest, folder: Path) -> None:
    """Writes training_report.html and training_report.json. `content` ends with the test `test`."""
    content = {**content, "in_words": in_words(content["tests"][-1])}
    (folder / "training_report.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    (folder / "training_report.html").write_text(_html(content, plots(test)), encoding="utf-8")


def figure(value: float | None, form: str) -> str:
    """A figure as text; a dash where there is none."""
    if value is None:
        return "–"
    text = format(value, form)
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text  # no minus zero


def in_words(test: dict[str, Any]) -> list[str]:
    """What the model is good and bad at, read off the figures of one test."""
    ours, rate = test["metrics"][OURS], test["metrics"]["past revenue rate"]
    if ours["calibration"] is None:
        return ["These customers brought nothing in the days of the test, so there is nothing to compare with."]
    # By each figure the model is held against the expectation that is better in it.
    expectations = {EXPECTATION: test["metrics"][EXPECTATION], _WITH_FIRST: test["metrics"][WITH_FIRST]}
    in_order = max(expectations, key=lambda name: expectations[name]["gini"] or 0.0)
    in_amounts = min(expectations, key=lambda name: expectations[name]["rmse"])
    least_rmse = expectations[in_amounts]["rmse"]
    gini, of_expectation, of_rate = (figure(each["gini"], ".3f") for each in (ours, expectations[in_order], rate))
    words = [
        f"Who is worth more: the tenth of customers predicted highest brought {ours['top_decile']:.0%} of what all "
        f"{test['customers']:,} brought. The order of customers has a Gini of {gini}; "
        f"{in_order} has {of_expectation}, the past revenue rate {of_rate}."
    ]
    words.append(_about_the_total(ours["calibration"]))
    words.append(_about_the_deciles(test["deciles"]))
    words.append(_about_the_chances(test["chance_to_buy"]))
    words.append(_about_the_interval(test["interval"]))
    share = ours["mae"] / test["mean_actual_value"]
    bought = test["customers_who_bought"] / test["customers"]
    words.append(
        f"A single customer: {bought:.0%} of them bought at all in these {test['days']} days, and a prediction is off "
        f"by {share:.1f} times the mean value. Use it to rank customers and to add up groups, not as one's bill."
    )
    if ours["rmse"] > least_rmse:
        words.append(
            f"Big spenders: its RMSE of {ours['rmse']:,.2f} is above that of {in_amounts}, "
            f"{least_rmse:,.2f}, so a few customers of high value are missed by more."
        )
    return words


def _about_the_total(calibration: float) -> str:
    if abs(calibration - 1) <= 0.05:
        return f"The total: right within {abs(calibration - 1):.0%}."
    direction = "too high" if calibration > 1 else "too low"
    return (
        f"The total: {abs(calibration - 1):.0%} {direction}. What a season or a campaign changes for all customers "
        "alike cannot be seen in the past of each."
    )


def _about_the_deciles(deciles: list[dict[str, Any]]) -> str:
    far = [each for each in deciles if each["actual"] > 0 and not 0.8 <= each["predicted"] / each["actual"] <= 1.25]
    if not far:
        return "By tenths: each tenth of customers brought what was predicted for it, within a quarter."
    return f"By tenths (1 has the highest predictions): in {_tenths(far)} by over a quarter, in the others within that."


def _about_the_chances(chance: dict[str, Any]) -> str:
    far = [each for each in chance["deciles"] if abs(each["predicted"] - each["actual"]) > 0.05]
    better = chance["brier"] < chance["brier_of_base_rate"]
    words = (
        f"The chance to buy: {chance['mean']:.0%} on average, and {chance['bought']:.0%} bought. Its Brier score is "
        f"{chance['brier']:.3f}, {'better' if better else 'no better'} than the {chance['brier_of_base_rate']:.3f} of "
        "giving everybody the share that bought. "
    )
    if not far:
        return words + "In each tenth of customers it is right within 5 points."
    return words + f"In {_tenths(far)} by over 5 points, in the others it is right within that."


def _about_the_interval(interval: dict[str, Any]) -> str:
    above, below = interval["above"], interval["below"]
    if above is None:
        return "The interval: nobody was given a chance to buy of over 10%, so its upper end is 0 for everybody."
    width = "too narrow" if above > 0.13 else "wider than it need be" if above < 0.07 else "as wide as it should be"
    words = (
        f"The interval: {above:.0%} of the customers who could came out above its upper end, where 10% should, so it "
        f"is {width} there"
    )
    if below is None:
        return words + "; nobody's lower end is above 0."
    return words + f"; {below:.0%} of those whose lower end is above 0 came out below it, where 10% should."


def _tenths(far: list[dict[str, Any]]) -> str:
    """Which tenths are off, and to which side."""
    numbers = ", ".join(str(each["decile"]) for each in far)
    high = sum(each["predicted"] > each["actual"] for each in far)
    way = "too high" if high == len(far) else "too low" if not high else "too high or too low"
    return f"tenth {numbers} it is {way}" if len(far) == 1 else f"tenths {numbers} it is {way}"


def _html(content: dict[str, Any], pictures: list[tuple[str, str, str]]) -> str:
    rate = content["discount_rate"]
    facts = [
        ("Orders", f"{content['orders_file']}: {content['orders']:,} orders of {content['customers']:,} customers"),
        ("Known", f"{content['first_order']} to {content['trained_as_of']}, nothing later"),
        ("Value", f"revenue of the next {content['horizon_days']} days, discounted at {rate:.0%} a year to the day"),
        ("Learned from", f"{len(content['cutoffs'])} past dates with the {content['label_days']} days after each"),
        ("Model", " ".join([f"{content['model_id']}.", *content["notes"]])),
    ]
    fact_rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts)
    words = "".join(f"<li>{escape(each)}</li>" for each in content["in_words"])
    figures = "".join(
        f"<figure><h3>{escape(title)}</h3>{svg}<figcaption>{escape(text)}</figcaption></figure>"
        for title, text, svg in pictures
    )
    *earlier, last = content["tests"]
    earlier_tables = "".join(
        f"<h2>The same test on an earlier time</h2><p>{_when(each)} Changes to the recipe are judged here, so that the "
        f"last test stays a test.</p>{_table(each)}"
        for each in earlier
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Training report: {escape(content["orders_file"])}</title>
<style>{_STYLE}</style>
<main>
<header><p>Customer Lifetime Value</p><h1>How good is the model?</h1></header>
<dl>{fact_rows}</dl>
<h2>In words</h2>
<ul>{words}</ul>
<h2>The test</h2>
<p>{_when(last)} The model of this test was made only of what was known on {last["as_of"]}, as the baselines.</p>
{_table(last)}
<section>{figures}</section>
{earlier_tables}
<footer>{"".join(f"<p><b>{name}</b>: {meaning}.</p>" for name, meaning in _MEANING.values())}</footer>
</main>
</html>
"""


def _when(test: dict[str, Any]) -> str:
    customers = f"{test['customers']:,} customers"
    return f"As of {test['as_of']}: what {customers} spent in the {test['days']} days to {test['until']}."


def _table(test: dict[str, Any]) -> str:
    head = "".join(f'<th title="{escape(meaning)}">{escape(name)}</th>' for name, meaning in _MEANING.values())
    rows = "".join(
        f"<tr{' class=ours' if name == OURS else ''}><th>{escape(name)}</th>"
        + "".join(f"<td>{figure(each[key], _FORMATS[key])}</td>" for key in _MEANING)
        + "</tr>"
        for name, each in test["metrics"].items()
    )
    return f"<div class=table><table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


_STYLE = """
:root { --paper: #fbfaf7; --ink: #1c1b19; --soft: #68645c; --line: #e3dfd6; --accent: #0f766e; --wash: #eef5f3; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #141513; --ink: #edebe5; --soft: #9d988d; --line: #30312d; --accent: #4fc3b4; --wash: #1c2422; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
header p { margin: 0; color: var(--accent); font-weight: 600; letter-spacing: .02em; }
h1 { margin: .1rem 0 1.5rem; font-size: 2.2rem; line-height: 1.15; }
h2 { margin: 2.5rem 0 .6rem; font-size: 1.3rem; }
h3 { margin: 0 0 .5rem; font-size: 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; margin: 0; padding: 1rem 1.25rem;
  background: var(--wash); border-radius: 8px; }
dt { color: var(--soft); } dd { margin: 0; }
ul { padding-left: 1.2rem; } li { margin: .45rem 0; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .45rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 500; } th:first-child { text-align: left; } thead th { color: var(--soft); }
.ours th, .ours td { background: var(--wash); color: var(--accent); font-weight: 700; }
section { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1.5rem;
  margin-top: 2rem; }
figure { margin: 0; padding: 1rem; border: 1px solid var(--line); border-radius: 8px; }
figure svg { width: 100%; height: auto; display: block; }
@media (max-width: 40rem) {
  dl { grid-template-columns: 1fr; } dd + dt { margin-top: .5rem; }
  h1 { font-size: 1.8rem; } figure { padding: .75rem; }
  table { font-size: .75rem; } th, td { padding: .45rem .15rem; } th { white-space: normal; }
}
figcaption, footer, footer p { color: var(--soft); font-size: .875rem; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); } footer p { margin: .3rem 0; }
"""
