"""What a training prints at its end: what the model was made of, how good it is, where it is and what to type next."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from pipeline.events.terminal import printable
from pipeline.settings import Settings, command_line, short
from pipeline.training.command import Training
from predictor.training import report


def show(console: Console, settings: Settings, training: Training) -> None:
    """Prints what a training has made."""
    content, seconds = training.content, training.seconds

    def line(name: str, text: str) -> None:
        console.print(f"[bold]{name:<12}[/bold]{text}", highlight=False, soft_wrap=True)

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
    line("Seconds", f"{sum(seconds.values()):.1f}: " + ", ".join(f"{name} {s:.1f}" for name, s in seconds.items()))
    for doubt in training.doubts:
        console.print(f"[yellow]Warning[/yellow]     {escape(printable(doubt.text))}", highlight=False, soft_wrap=True)
    console.print()
    report_file = short(settings.warehouse / "training_report.html")
    line("Written", f"{short(settings.model)}, registered; {report_file} and .json")
    line("Next", command_line("build", settings))
