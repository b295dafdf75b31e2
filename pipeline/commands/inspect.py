"""`make inspect`: how a file of orders would be read, what a person has to decide, and the mapping that says so."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from pipeline import orders, orders_file
from pipeline.address import CatalogTable
from pipeline.errors import ClvError
from pipeline.events import Inspected, Listener
from pipeline.events.terminal import as_it_is, fact
from pipeline.settings import Settings, command_line, short
from pipeline.warehouse.folder import Warehouse

if TYPE_CHECKING:
    from pipeline.runners.on_spark import OnSpark

_MOST_NAMES = 300  # characters of the names of columns that are not used


def inspect(settings: Settings, out: Path | None, listener: Listener) -> None:
    """Prints the report, writes the mapping to `out`. Raises ClvError where questions are open or nothing is read."""
    with tempfile.TemporaryDirectory(prefix="clv-inspect-") as name, ExitStack() as stack:
        folder = Path(name)
        looked_at, rows_of = settings, None
        if settings.engine == "spark":
            engine = stack.enter_context(_spark(settings, folder))
            rows_of = engine.rows_of
            if isinstance(settings.orders, CatalogTable):
                looked_at = replace(settings, orders=engine.sample_of(settings.orders))
        found = orders_file.find(looked_at, folder / "orders", rows_of)
        with found.called_by_its_origin():
            source = found.fetch()
            with orders_file.plain_errors():
                report = orders.report(source, orders_file.mapping(settings))
            listener(_event(report))
            _show(report, settings, out)


@contextmanager
def _spark(settings: Settings, folder: Path) -> Iterator[OnSpark]:
    """What knows Spark's tables. Its log is left where an error names it."""
    from pipeline.runners.on_spark import OnSpark  # imports what hardly anybody who inspects needs to wait for

    log = Path(tempfile.gettempdir()) / f"{folder.name}-spark.log"
    engine = OnSpark(settings, Warehouse(folder), log)
    is_named = False
    try:
        with engine.running():
            yield engine
    except ClvError as error:
        is_named = str(log) in str(error)
        raise
    finally:
        if not is_named:
            log.unlink(missing_ok=True)


def _event(report: orders.Report) -> Inspected:
    return Inspected(
        read_as=report.read_as,
        columns=[asdict(column) for column in report.columns],
        not_used=report.not_used,
        formats=report.formats,
        lines=report.lines,
        mapping=report.mapping,
        questions=[
            {"text": question.text, "answers": [{"line": line, "meaning": why} for line, why in question.answers]}
            for question in report.questions
        ],
    )


def _show(report: orders.Report, settings: Settings, out: Path | None) -> None:
    console = Console()

    def show(title: str, *lines: str) -> None:
        for position, text in enumerate(lines):
            fact(console, "" if position else title, as_it_is(text))

    show("Orders", *report.orders)
    show("Read as", *report.read_as)
    show("Columns", *_columns(report))
    show("Formats", *report.formats)
    show("Lines", *report.lines)
    if out:
        try:
            out.write_text(report.file, encoding="utf-8")
        except OSError as error:
            raise ClvError(f"{out} cannot be written: {error.strerror}. Choose another file: OUT=orders.yml") from None
        console.print()
        show("Written", short(out))
    if report.questions:
        following = command_line("build", settings, MAPPING=out or Path.cwd() / "orders.yml")
        raise ClvError(f"{report.asked}\nThen: {following}")
    show("Next", command_line("build", settings, **({"MAPPING": out} if out else {})))


def _columns(report: orders.Report) -> Iterator[str]:
    for column in report.columns:
        if column.examples:
            yield f"{column.name:<16}{column.made_of:<28}  {' | '.join(column.examples)}"
        else:
            yield f"{column.name:<16}{column.made_of}"
    if report.not_used:
        names = ", ".join(report.not_used)
        yield f"{'not used':<16}{names if len(names) <= _MOST_NAMES else names[: _MOST_NAMES - 1] + '…'}"
