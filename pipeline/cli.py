"""The command line: options, each also a variable of the environment, are checked and become one settings object.

A variable may be given plainly (ORDERS), as `make` does, or with the project's prefix (CLV_ORDERS), as a container
should: what begins with CLV_ and is no variable of any command is refused, where ORDRES could be anybody's.
"""

from __future__ import annotations

import gc
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from inspect import cleandoc
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console

import predictor
from pipeline.commands import engine
from pipeline.commands.extras import stop_unless_installed
from pipeline.errors import ClvError, UsageError
from pipeline.events import Failed, Listener, to_all
from pipeline.events.json_lines import json_lines
from pipeline.events.steps import progress_bar
from pipeline.events.terminal import printable
from pipeline.settings import ROOT, TAKES, Settings, command_line, in_their_words, short
from pipeline.unknown import explain, refuse_prefixed
from pipeline.variables import VARIABLES, Variable
from predictor.options import PREFIX

CONFIG_FILE = ROOT / "clv.toml"


def main(arguments: Sequence[str]) -> int:
    """Runs a command. The exit status: 0 done, 1 stopped by the data or the model, 2 for unusable arguments."""
    program = f"{shlex.quote(short(Path(sys.executable)))} -m pipeline"
    try:
        refuse_prefixed(os.environ, program)
        return commands.main(arguments, prog_name=program, standalone_mode=False) or 0
    except ClvError as error:
        print(printable(error), file=sys.stderr)
        return error.exit_status
    except click.UsageError as error:
        print(printable(explain(error, commands, program)), file=sys.stderr)
        return UsageError.exit_status
    except click.Abort:
        print("Stopped. What was published before is as it was.", file=sys.stderr)
        return 130


class _Checked(click.ParamType[Any]):
    """Reads a variable's text; an empty one counts as not given."""

    def __init__(self, name: str, variable: Variable):
        self.name = variable.looks
        self._variable, self._read = name, variable.read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            return None
        try:
            return self._read(value)
        except ValueError as error:
            raise UsageError(f"{self._variable}={value} is not {error}") from None


_OTHER_DEFAULTS = {("train", "AS_OF"): "the last day of the file", ("register", "MODEL"): "none: it has to be named"}


OF_UPLOADS = ("inspect", "build")  # what the worker has done with an upload
UPLOADED_AS = click.Option(["--uploaded-as"], hidden=True)  # no variable: nobody but the worker says it


def _option(command: str, name: str) -> click.Option:
    variable = VARIABLES[name]
    default = _OTHER_DEFAULTS.get((command, name), variable.default)
    return click.Option(
        ["--" + name.lower().replace("_", "-"), name],
        type=_Checked(name, variable),
        envvar=[PREFIX + name, name],
        metavar=variable.looks,
        help=f"{variable.meaning}  [{name}; default: {default}]",
    )


def _command(name: str, help: str) -> Callable[[Callable[..., None]], click.Command]:
    """Makes a command of a function, which gets by name what was given."""

    def decorate(function: Callable[..., None]) -> click.Command:
        command = click.Command(
            name,
            callback=lambda **given: function(**{each: value for each, value in given.items() if value is not None}),
            params=[
                *(_option(name, variable) for variable in TAKES[name]),
                *([UPLOADED_AS] if name in OF_UPLOADS else []),
            ],
            help=cleandoc(help),
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        )
        commands.add_command(command)
        return command

    return decorate


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def commands() -> None:
    """Predicts each customer's lifetime value from order lines. `make` calls the same commands, by variables."""


@_command("build", "From order lines to published predictions.")
def build(**given: Any) -> None:
    gc.disable()  # it ends before garbage piles up, and to search all that dbt imports for some takes half a second
    from pipeline.build import build
    from pipeline.events.summary import show

    settings = _settings(given)
    engine.stop_where_it_cannot_run("build", settings, given)
    with _listening(settings) as listener:
        built = build(settings, listener)
        show(Console(), settings, built.info, built.seconds)
        if settings.deliver_to:
            from pipeline.delivery import deliver

            deliver(settings, listener)  # without the lock: another build need not wait for a database


@_command("inspect", "Shows how the orders would be read; writes the mapping.")
def inspect(OUT: Path | None = None, **given: Any) -> None:
    from pipeline.commands.inspect import inspect

    settings = _settings(given)
    engine.stop_where_it_cannot_run("inspect", settings, given)
    with _listening(settings) as listener:
        inspect(settings, OUT, listener)


@_command("train", "Makes a model from the orders, tests it and registers it.")
def train(**given: Any) -> None:
    settings = _settings(given)
    engine.stop_where_it_cannot_run("train", settings, given)
    stop_unless_installed("train")
    from pipeline.training.command import train
    from pipeline.training.summary import show

    with _listening(settings) as listener:
        training = train(settings, listener)
        show(Console(), settings, training)


@_command(
    "register",
    f"""States that a model may run, and by which Python.

    It shows what the file imports, tries it on an example, and writes a manifest. A dill file is a program: register
    one only if you trust who gave it to you. It is any whose object has predict(x), where x is a float64 array with one
    row a customer and the columns below, and which returns one number a row. It runs in a process of its own, in the
    Python that it was made with, and in a box: no file to write, no network.

    \b
    The columns: {", ".join(predictor.FEATURES[:3])},
                 {", ".join(predictor.FEATURES[3:])}.""",
)
def register(MODEL: Path | None = None, **given: Any) -> None:
    from pipeline.commands.register import register

    settings = _settings(given)
    if MODEL is None:
        raise UsageError(f"Say which model: {command_line('register', settings, MODEL='handed-over.dill')}")
    register(replace(settings, model=MODEL))


@_command("work", "Builds what was uploaded, and what is due, one after another.")
def work(CONFIG: Path | None = None, CHECK: bool = False, **given: Any) -> None:
    from pipeline import config_file
    from pipeline.jobs.check import check
    from pipeline.jobs.schedule import Schedule
    from pipeline.jobs.worker import work

    if CONFIG or CONFIG_FILE.exists():
        known = [name for name in TAKES["work"] if name not in ("CONFIG", "CHECK")]
        texts = config_file.read(CONFIG or CONFIG_FILE, known)
        read = {name: _Checked(name, VARIABLES[name]).convert(text, None, None) for name, text in texts.items()}
        given = {name: value for name, value in read.items() if value is not None} | given
    settings = _settings(given)
    engine.stop_where_spark_is_meant("work", settings)
    schedule = Schedule(settings.schedule, ZoneInfo(settings.tz)) if settings.schedule else None
    (check if CHECK else work)(settings, schedule)


@_command("deliver", "Brings what is published into a database.")
def deliver(**given: Any) -> None:
    from pipeline.delivery import deliver

    settings = _settings(given)
    with _listening(settings) as listener:
        deliver(settings, listener)


@_command("rollback", "Publishes the build before the current one again.")
def rollback(**given: Any) -> None:
    from pipeline.commands.rollback import roll_back

    roll_back(_settings(given))


@_command("docs", "Serves dbt's documentation of what is published.")
def docs(PORT: int = 8080, **given: Any) -> None:
    from pipeline.commands.docs import serve

    serve(_settings(given), PORT)


@_command("sql", "A read-only SQL prompt on what is published, or one query.")
def sql(Q: str = "", **given: Any) -> None:
    from pipeline.commands.sql import query

    query(_settings(given), Q)


@contextmanager
def _listening(settings: Settings) -> Iterator[Listener]:
    """A listener that shows events on the terminal, and writes them to a file where one is asked for."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(progress_bar(Console(stderr=True)))]
        if settings.json:
            listeners.append(stack.enter_context(json_lines(settings.json)))
        listener = to_all(*listeners)
        try:
            yield listener
        except ClvError as error:
            error.args = (in_their_words(str(error), settings),)
            listener(Failed(str(error)))
            raise


def _settings(given: dict[str, Any]) -> Settings:
    """The settings from what was given, by variable."""
    if given.get("ENGINE") != "spark":  # SPARK_REMOTE is pyspark's too: a notebook's, or one with a token in it
        given = {name: value for name, value in given.items() if name != "SPARK_REMOTE"}
    fields = {name.lower(): value for name, value in given.items() if hasattr(Settings, name.lower())}
    runs = {name: value for name, value in given.items() if name.lower() not in fields}
    return Settings(**fields, predictor=predictor.Settings.from_variables(runs))
