"""The command line: options, each also a variable of the environment, are checked and become one settings object.

A variable may be given plainly (ORDERS), as `make` does, or with the project's prefix (CLV_ORDERS), as a container
should: what begins with CLV_ and is no variable of any command is refused, where ORDRES could be anybody's.
"""

from __future__ import annotations

import difflib
import gc
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from inspect import cleandoc
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console

import predictor
from pipeline.address import Address
from pipeline.commands.extras import stop_unless_installed
from pipeline.engines.duckdb_settings import read_memory
from pipeline.errors import ClvError, UsageError
from pipeline.events import Failed, Listener, json_lines, to_all
from pipeline.events.steps import progress_bar
from pipeline.events.terminal import printable
from pipeline.postgres import SCHEMES, Postgres
from pipeline.settings import ROOT, TAKES, Settings, in_their_words, short
from predictor.options import PREFIX

CONFIG_FILE = ROOT / "clv.toml"


def main(arguments: Sequence[str]) -> int:
    """Runs a command. The exit status: 0 done, 1 stopped by the data or the model, 2 for unusable arguments."""
    try:
        _refuse_unknown_environment(os.environ)
        return commands.main(arguments, prog_name="python -m pipeline", standalone_mode=False) or 0
    except ClvError as error:
        print(printable(error), file=sys.stderr)
        return error.exit_status
    except click.UsageError as error:
        print(printable(_explain(error)), file=sys.stderr)
        return UsageError.exit_status
    except click.Abort:
        print("Stopped. What was published before is as it was.", file=sys.stderr)
        return 130


@dataclass(frozen=True)
class Variable:
    """An option of a command: what it means, how its text is read, and its default as shown to people."""

    meaning: str
    looks: str
    read: Callable[[str], Any]
    default: str


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


def _path(text: str) -> Path:
    return Path(os.path.abspath(text))


def _orders(text: str) -> Path | Address:
    address = Address.of(text)
    if address and address.scheme in SCHEMES:
        return Postgres.parse("ORDERS", text)
    return address or _path(text)


def _warehouse(text: str) -> Path:
    path = _path(text)
    if strange := re.search(r"[?#\\]", str(path)):
        raise ValueError(f"a folder that DuckDB can open files in: {strange[0]} is in its path. Choose another one")
    return path


def _date(text: str) -> date:
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("a date. Write it as YYYY-MM-DD: AS_OF=2017-10-17") from None


def _number(highest: float, expected: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            if not 0 <= (number := float(text)) <= highest:
                raise ValueError
            return number
        except ValueError:
            raise ValueError(expected) from None

    return read


def _whole_number(highest: int, expected: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not 1 <= int(text) <= highest:
            raise ValueError(expected)
        return int(text)

    return read


def _yes_or_no(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("0 or 1. Leave it out for 0")
    return text == "1"


def _cron(text: str) -> str:
    from pipeline.jobs.schedule import is_cron

    if not is_cron(text):
        raise ValueError(
            'cron\'s five fields: minute, hour, day, month, weekday. Daily at nine is SCHEDULE="0 9 * * *"'
        )
    return text


def _zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ValueError, OSError, KeyError):
        raise ValueError("a time zone. Write one such as TZ=Europe/Berlin") from None


def _queue(text: str) -> str:
    from pipeline.jobs.queue import is_address  # imports what other commands need not wait for

    if not is_address(text):
        raise ValueError("the address of a Redis. Write QUEUE=redis://host:6379/0, or leave it out")
    return text


def _tables(text: str) -> tuple[str, ...]:
    from pipeline.delivery import KEYS  # imports what other commands need not wait for

    for name in (tables := [name.strip() for name in text.split(",")]):
        if name not in KEYS:
            raise UsageError(
                f"{name or 'A table without a name'} cannot be delivered. "
                f"Choose from {', '.join(KEYS)}: TABLES={','.join(Settings.tables)}"
            )
    return tuple(dict.fromkeys(tables))


def _of_the_predictor(name: str) -> Callable[[str], Any]:
    """Checks it with the predictor's own words, and hands its text on."""

    def read(text: str) -> str:
        text = str(_path(text)) if name == "MODEL_MANIFESTS" else text
        try:
            predictor.Settings.from_variables({name: text})
        except predictor.ModelError as error:
            raise UsageError(str(error)) from None
        return text

    return read


VARIABLES = {
    "ORDERS": Variable(
        "The order lines: a file, a folder, a pattern of files, or the address of a database or of files elsewhere.",
        "PATH|ADDRESS", _orders, short(Settings.orders)),
    "TABLE": Variable("The table of order lines, where ORDERS is a database.", "NAME", str, "none"),
    "QUERY": Variable("A query for the order lines, where ORDERS is a database.", "SQL", str, "none"),
    "MAPPING": Variable("The file that says how the orders are read.", "FILE", _path, "found out, or asked"),
    "IGNORE": Variable(
        "Columns, divided by commas, that may say that lines are no purchases.", "COLUMNS", str, "none: a build asks"),
    "OUT": Variable("The mapping to write.", "FILE", _path, "none is written"),
    "AS_OF": Variable("The day that features are taken at.", "YYYY-MM-DD", _date, "the day after the last order"),
    "MODEL": Variable("The dill file of the model: read by a build, written by a training.", "FILE", _path,
                      short(Settings.model)),
    "WAREHOUSE": Variable("The folder that is built and published in.", "FOLDER", _warehouse,
                          short(Settings.warehouse)),
    "MAX_REJECTED": Variable(
        "The share of lines that may be unusable before a build stops.", "SHARE",
        _number(1, "a share. Write a number from 0 to 1: MAX_REJECTED=0.01"), f"{Settings.max_rejected:g}"),
    "HISTORY_DAYS": Variable(
        "How many days of the history of predictions are kept.", "DAYS",
        _whole_number(9_999_999, "a number of days. Write a whole number from 1: HISTORY_DAYS=365"), "all"),
    "STRICT": Variable("1 stops a build or a training at what is only odd.", "0|1", _yes_or_no, "0"),
    "REQUIRE_BOX": Variable(
        "1 stops a build where this system does not offer every wall of the model's box.", "0|1", _yes_or_no, "0"),
    "MEMORY": Variable(
        "What DuckDB may hold before it goes on on disk: 4GB, 512MB, or a share of the machine's or container's.",
        "SIZE", read_memory, Settings.memory),
    "JSON": Variable("A file for what happens, one JSON object a line.", "FILE", _path, "none"),
    "HORIZON": Variable(
        "How many days ahead a predicted value covers.", "DAYS",
        _whole_number(3650, "a number of days. Write a whole number from 1 to 3650: HORIZON=180"),
        f"{Settings.horizon}"),
    "DISCOUNT_RATE": Variable(
        "What money loses in value in a year.", "SHARE",
        _number(10, "a yearly rate. Write a share: DISCOUNT_RATE=0.10"), f"{Settings.discount_rate:g}"),
    "DELIVER_TO": Variable(
        "The Postgres that gets what is published.", "postgresql://USER@HOST/DATABASE",
        lambda text: Postgres.parse("DELIVER_TO", text), "none"),
    "SCHEMA": Variable("The schema to deliver into.", "NAME", str, Settings.schema),
    "TABLES": Variable("The tables to deliver.", "NAME,NAME", _tables, ",".join(Settings.tables)),
    "SCHEDULE": Variable(
        "When the worker builds by itself, in cron's five fields.", "CRON", _cron, "only what is uploaded"),
    "TZ": Variable("The time zone of the schedule.", "ZONE", _zone, Settings.tz),
    "ON_FAILURE": Variable("The command or webhook that is told of a build that failed.", "COMMAND|URL", str, "none"),
    "ON_WARNING": Variable("The same for a build with warnings.", "COMMAND|URL", str, "none"),
    "CONFIG": Variable("A file with these settings, for what is not given here.", "FILE", _path, "clv.toml, if there"),
    "CHECK": Variable("1 shows what the worker would do, and starts nothing.", "0|1", _yes_or_no, "0"),
    "QUEUE": Variable(
        "The Redis that wakes the worker, the same for the API.", "redis://HOST:PORT/NUMBER", _queue,
        "a file in the warehouse"),
    "KEEP_UPLOADS": Variable(
        "How many days an upload is kept after its build.", "DAYS",
        _whole_number(3650, "a number of days. Write a whole number from 1 to 3650: KEEP_UPLOADS=7"),
        f"{Settings.keep_uploads}"),
    "PORT": Variable(
        "The port to serve the documentation on.", "PORT",
        _whole_number(65_535, "a port. Write a number from 1 to 65535: PORT=8080"), "8080"),
    "Q": Variable("One query to run, instead of a prompt.", "SQL", str, "a prompt"),
    **{
        name: Variable(option.meaning, option.looks, _of_the_predictor(name), option.default)
        for name, option in predictor.OPTIONS.items()
    },
}  # fmt: skip
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
    with _listening(settings) as listener:
        built = build(settings, listener)
        show(Console(), settings, built.info, built.seconds)
        if settings.deliver_to:
            from pipeline.delivery import deliver

            deliver(settings, listener)  # without the lock: another build need not wait for a database


@_command("inspect", "Shows how the orders would be read and what has to be decided; writes the mapping.")
def inspect(OUT: Path | None = None, **given: Any) -> None:
    from pipeline.commands.inspect import inspect

    settings = _settings(given)
    with _listening(settings) as listener:
        inspect(settings, OUT, listener)


@_command("train", "Makes a model from the orders, tests it on past dates and registers it.")
def train(**given: Any) -> None:
    stop_unless_installed("train")
    from pipeline.training.command import train
    from pipeline.training.summary import show

    settings = _settings(given)
    with _listening(settings) as listener:
        training = train(settings, listener)
        show(Console(), settings, training)


@_command(
    "register",
    f"""States that a model may run: shows what the file imports, tries it on an example, and writes a manifest.

    A dill file is a program: register one only if you trust who gave it to you. It is any whose object has predict(x),
    where x is a float64 array with one row a customer and the columns below, and which returns one number a row. It
    runs in a process of its own, in the Python that it was made with, and in a box: no file to write, no network.

    \b
    The columns: {", ".join(predictor.FEATURES[:3])},
                 {", ".join(predictor.FEATURES[3:])}.""",
)
def register(MODEL: Path | None = None, **given: Any) -> None:
    from pipeline.commands.register import register

    if MODEL is None:
        raise UsageError("Say which model: make register MODEL=handed-over.dill")
    register(_settings(given | {"MODEL": MODEL}))


@_command("work", "Builds what was uploaded, one after another, until it is told to stop.")
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


@_command("docs", "Serves dbt's documentation, with the lineage, of what is published.")
def docs(PORT: int = 8080, **given: Any) -> None:
    from pipeline.commands.docs import serve

    serve(_settings(given), PORT)


@_command("sql", "A read-only SQL prompt on the published file, or the answer to one query.")
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
    fields = {name.lower(): value for name, value in given.items() if hasattr(Settings, name.lower())}
    runs = {name: value for name, value in given.items() if name.lower() not in fields}
    return Settings(**fields, predictor=predictor.Settings.from_variables(runs))


def _explain(error: click.UsageError) -> str:
    """One line that says what is wrong and what comes nearest; or all there is, where nothing was asked for."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    command = error.ctx.command_path if error.ctx else "python -m pipeline"
    see = f"See what there is: {command} --help"
    if isinstance(error, click.NoSuchOption) and error.ctx:
        options = [name for param in error.ctx.command.params for name in param.opts]
        return f"{command} has no option {error.option_name}{_nearest(error.option_name, options)}. {see}"
    if (word := re.match(r"No such command '(.*?)'", error.message)) and error.ctx:
        return f"There is no command {word[1]}{_nearest(word[1], commands.commands)}. {see}"
    return f"{error.format_message().rstrip('.')}. {see}"


def _refuse_unknown_environment(environment: Iterable[str]) -> None:
    known = [PREFIX + variable for variables in TAKES.values() for variable in variables]
    for name in sorted(set(environment)):
        if name.startswith(PREFIX) and name not in known:
            raise UsageError(f"There is no variable {name}{_nearest(name, known)}. See what there is: make")


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0)
    return f"; the nearest is {near[0]}" if near else ""
