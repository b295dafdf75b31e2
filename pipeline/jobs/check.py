"""`make work CHECK=1`: what a worker with these settings would do, and when."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console

from pipeline.events.terminal import as_it_is, fact
from pipeline.jobs.jobs import Jobs
from pipeline.jobs.schedule import Schedule
from pipeline.settings import Settings, command_line, short


def check(settings: Settings, schedule: Schedule | None) -> None:
    """Prints it, and starts nothing."""
    console = Console()

    def line(name: str, text: str) -> None:
        fact(console, name, as_it_is(text))

    line("Builds", command_line("build", settings))
    if schedule:
        due = schedule.next_due(datetime.now().astimezone(), 3)
        line("Due", ", ".join(f"{moment:%a %Y-%m-%d %H:%M %Z}" for moment in due))
    else:
        line("Due", "only what is uploaded; SCHEDULE says when to build by itself")
    line("Failure", "goes to ON_FAILURE" if settings.on_failure else "is told to nobody; set ON_FAILURE")
    line("Warnings", "go to ON_WARNING" if settings.on_warning else "are told to nobody; set ON_WARNING")
    jobs = Jobs(settings.warehouse, settings.queue)
    line("Worker", "runs" if jobs.has_worker() else f"does not run: {command_line('work', settings)}")
    if last := jobs.ledger.last_published():
        line("Last", f"{last.name}, published at {last.ended_at}")
    line("Warehouse", short(settings.warehouse))
