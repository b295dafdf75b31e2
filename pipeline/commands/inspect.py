"""`make inspect`: how a file of orders would be read, what a person has to decide, and the mapping that says so."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console

from pipeline import orders, orders_file
from pipeline.errors import ClvError
from pipeline.settings import Settings, command_line, short


def inspect(settings: Settings, out: Path | None) -> None:
    """Prints the report, writes the mapping to `out`. Raises ClvError where questions are open or nothing is read."""
    with tempfile.TemporaryDirectory(prefix="clv-inspect-") as folder:
        found = orders_file.find(settings, Path(folder) / "orders")
        with found.called_by_its_origin():
            source = found.fetch()
            with orders_file.plain_errors():
                report = orders.report(source, orders_file.mapping(settings))
            _show(report, settings, out)


def _show(report: orders.Report, settings: Settings, out: Path | None) -> None:
    console = Console()
    for name, lines in report.sections:
        for position, text in enumerate(lines):
            title = "" if position else name
            console.print(f"[bold]{title:<12}[/bold]", end="")
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    if out:
        try:
            out.write_text(report.mapping, encoding="utf-8")
        except OSError as error:
            raise ClvError(f"{out} cannot be written: {error.strerror}. Choose another file: OUT=orders.yml") from None
        console.print()
        console.print(f"[bold]{'Written':<12}[/bold]", end="")
        console.print(short(out), markup=False, highlight=False, soft_wrap=True)
    if report.questions:
        following = command_line("build", settings, MAPPING=out or Path.cwd() / "orders.yml")
        raise ClvError(f"{report.asked}\nThen: {following}")
    console.print(f"[bold]{'Next':<12}[/bold]", end="")
    following = command_line("build", settings, **({"MAPPING": out} if out else {}))
    console.print(following, markup=False, highlight=False, soft_wrap=True)
