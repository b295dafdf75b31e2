"""What a training prints at its end: what the model was made of, how good it is, where it is and what to type next."""

from __future__ import annotations

from functools import partial

from rich.console import Console

from pipeline.events.summary import in_words
from pipeline.events.terminal import as_it_is, fact, warning
from pipeline.settings import Settings, command_line, short
from pipeline.training.command import Training
from predictor.training import report


def show(console: Console, settings: Settings, training: Training) -> None:
    """Prints what a training has made."""
    content = training.content

    line = partial(fact, console)
    line("Orders", f"{content['orders']:,} of {content['customers']:,} customers, {content['first_order']} to "
         f"{content['trained_as_of']}")  # fmt: skip
    line("Value", f"of the next {content['horizon_days']} days, discounted at {content['discount_rate']:.0%} a year")
    for number, note in enumerate(content["notes"]):
        line("" if number else "Model", note)
    for test in content["tests"]:
        line("Test", f"as of {test['as_of']}, the {test['days']} days after it, {test['customers']:,} customers")
        line("", f"[dim]{'':<22}{'Gini':>7}{'RMSE':>11}{'MAE':>11}{'total':>8}{'top 10 %':>10}[/dim]")
        for name, each in test["metrics"].items():
            line("", f"{name:<22}{report.figure(each['gini'], '.3f'):>7}{each['rmse']:>11,.2f}{each['mae']:>11,.2f}"
                 f"{report.figure(each['calibration'], '.2f'):>8}"
                 f"{report.figure(each['top_decile'], '.3f'):>10}")  # fmt: skip
    line(
        "", "[dim]total: predicted over actual; top 10 %: share of the revenue of the customers predicted highest[/dim]"
    )
    line("Seconds", in_words(training.seconds))
    for doubt in training.doubts:
        warning(console, doubt.text)
    console.print()
    report_file = short(settings.warehouse / "training_report.html")
    line("Written", as_it_is(f"{short(settings.model)}, registered; {report_file} and .json"))
    line("Next", as_it_is(command_line("build", settings)))
