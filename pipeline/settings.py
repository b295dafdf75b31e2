"""What a command is asked to do: one object, made once at the edge by the command line and handed down from there."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import predictor
from pipeline.address import Address
from pipeline.engines.duckdb_settings import USUAL_MEMORY
from pipeline.postgres import Postgres
from predictor.options import PREFIX

ROOT = Path(__file__).resolve().parent.parent
ENGINES = ("duckdb", "spark")
MAKEFILE = ROOT / "Makefile"
DEMO_ORDERS = ROOT / "dbt_project" / "seeds" / "orders.csv"

_ORDERS = ("ORDERS", "TABLE", "QUERY")
_DELIVERY = ("DELIVER_TO", "SCHEMA", "TABLES")
_MODEL_RUNS = tuple(predictor.OPTIONS)
_BUILD = (
    *_ORDERS,
    "MAPPING",
    "IGNORE",
    "AS_OF",
    "MODEL",
    "WAREHOUSE",
    "MAX_REJECTED",
    "HISTORY_DAYS",
    "STRICT",
    "REQUIRE_BOX",
    "MEMORY",
    "ENGINE",
    "SPARK_MASTER",
    "SPARK_REMOTE",
    "JSON",
    *_DELIVERY,
    *_MODEL_RUNS,
)
_OF_ONE_BUILD = ("AS_OF", "ENGINE", "SPARK_MASTER", "SPARK_REMOTE", "JSON")  # and not of those that the worker makes
_WORK = ("SCHEDULE", "TZ", "ON_FAILURE", "ON_WARNING", "QUEUE", "KEEP_UPLOADS", "CONFIG", "CHECK")
TAKES = {  # which variables each command takes; they are its options, and make's variables
    "build": _BUILD,
    "work": (*(variable for variable in _BUILD if variable not in _OF_ONE_BUILD), *_WORK),
    "train": (
        *_ORDERS,
        "MAPPING",
        "IGNORE",
        "AS_OF",
        "HORIZON",
        "DISCOUNT_RATE",
        "MODEL",
        "WAREHOUSE",
        "MEMORY",
        "STRICT",
        "ENGINE",
        "SPARK_MASTER",
        "SPARK_REMOTE",
        "JSON",
        *_MODEL_RUNS,
    ),
    "inspect": (*_ORDERS, "MAPPING", "IGNORE", "ENGINE", "SPARK_MASTER", "SPARK_REMOTE", "OUT", "JSON"),
    "deliver": (*_DELIVERY, "WAREHOUSE", "JSON"),
    "rollback": ("WAREHOUSE",),
    "register": ("MODEL", *_MODEL_RUNS),
    "docs": ("PORT", "WAREHOUSE"),
    "sql": ("Q", "WAREHOUSE"),
    "serve": (
        "HOST",
        "PORT",
        "WAREHOUSE",
        "API_TOKENS",
        "API_TOKENS_FILE",
        "UPLOAD_TOKENS",
        "UPLOAD_TOKENS_FILE",
        "UPLOADS",
        "UPLOAD_LIMIT",
        "QUEUE",
        "LOG_CUSTOMERS",
        "SAFE_CELLS",
        "CORS_ORIGINS",
    ),
}
_OF_THE_PREDICTOR = {
    "MODEL_PYTHON": "python",
    "MODEL_MEMORY": "memory",
    "MODEL_TIMEOUT": "timeout",
    "WORKERS": "workers",
    "MODEL_MANIFESTS": "manifests",
}


@dataclass(frozen=True)
class Settings:
    """The arguments of one command, checked. Paths are absolute.

    `orders`: the file of order lines, a folder or a pattern of such, or the address of what is elsewhere; `table` or
    `query`: which lines, of a database. `mapping`: the file that says how they are read; None finds it out. `ignore`:
    columns that say that some lines are no purchases and are not looked at. `warehouse`: the folder that is built and
    published in. `as_of`: the day that features are taken at; None is the day after the last order. `model`: the dill
    file to predict with; of a training, the one to write. `max_rejected`: the share of lines, 0 to 1, that may be
    unusable. `history_days`: how many days of history are kept; None is all. `strict`: whether what is only odd stops
    the build. `require_box`: whether a wall of the model's box that this system does not offer does. `memory`: what
    DuckDB may hold before it goes on on disk, in its own words: 4GB, 50%. `engine`: what runs the models, one of
    ENGINES; `spark_master`: where Spark does, or `spark_remote`: the address of a server of Spark Connect that does; ""
    is none. `json`: the file that events are written to. `horizon`: days ahead that a trained model values.
    `discount_rate`: what money loses in a year, 0.10 for 10 %. `deliver_to`: the database that
    gets what is published; None is none. `schema` and `tables`: where in it, and which. `schedule`: when the worker
    builds by itself, in cron's five fields, and `tz`: in which time zone. `on_failure` and `on_warning`: the command or
    webhook that is told of a build that failed, and of one with warnings. `queue`: the address of the Redis that wakes
    the worker; "" is a file. `keep_uploads`: how many days an upload is kept after its build. `uploaded_as`: what
    people call the orders of an upload, who know no file of this machine and have no terminal here; "" for all other
    orders. `one_file`: the most customers that are published in one file; the tables of more become Parquet beside it,
    as only tests need it of fewer. `predictor`: how the model is run.
    """

    orders: Path | Address = DEMO_ORDERS
    table: str = ""
    query: str = ""
    mapping: Path | None = None
    ignore: str = ""
    warehouse: Path = ROOT / "warehouse"
    as_of: date | None = None
    model: Path = predictor.DEFAULT_MODEL
    max_rejected: float = 0.01
    history_days: int | None = None
    strict: bool = False
    require_box: bool = False
    memory: str = USUAL_MEMORY
    engine: str = "duckdb"
    spark_master: str = "local[*]"
    spark_remote: str = ""
    json: Path | None = None
    horizon: int = 180
    discount_rate: float = 0.10
    deliver_to: Postgres | None = None
    schema: str = "clv"
    tables: tuple[str, ...] = ("customer_value", "predictions", "prediction_history")
    schedule: str = ""
    tz: str = "UTC"
    on_failure: str = ""
    on_warning: str = ""
    queue: str = ""
    keep_uploads: int = 7
    uploaded_as: str = ""
    one_file: int = 50_000_000
    predictor: predictor.Settings = field(default_factory=lambda: predictor.Settings.from_variables({}))


def command_line(command: str, settings: Settings, **changed: object) -> str:
    """What to type for `command` with the same settings, all that are no defaults, and these variables `changed`.

    But for JSON: what happened here stands in that file, and what is typed next would write over it. Of an upload, what
    to have done by whoever runs the worker: nobody who reads it can type anything.
    """
    if settings.uploaded_as:
        words = [f"{variable}={shlex.quote(_text(value))}" for variable, value in changed.items()]
        return " ".join([*words, "for the worker"] if words and command == "build" else ["make", command, *words])
    at_root = Path.cwd() == ROOT
    given = [
        f"{variable}={shlex.quote(short(value) if isinstance(value, Path) and at_root else _text(value))}"
        for variable, value in _given(command, replace(settings, json=None), changed)
    ]
    if not MAKEFILE.exists():  # as in the container, whose own variables have the prefix too
        program = ["python", "-m", *(["api"] if command == "serve" else ["pipeline", command])]
        return " ".join([*(PREFIX + each for each in given), *program])
    return " ".join(["make", *([] if at_root else ["-C", shlex.quote(str(ROOT))]), command, *given])


def in_their_words(text: str, settings: Settings) -> str:
    """The text, of an upload without the places of this machine, which say nothing to whoever reads it."""
    if not settings.uploaded_as:
        return text
    places = {
        settings.orders: settings.uploaded_as,
        settings.mapping: "the mapping",
        settings.warehouse: "the warehouse",
    }
    for place, name in places.items():
        text = text.replace(str(place), name)
    return text


def as_variables(command: str, settings: Settings) -> dict[str, str]:
    """The same settings for `command` as variables of the environment, all that are no defaults."""
    return {variable: _text(value) for variable, value in _given(command, settings, {})}


def _given(command: str, settings: Settings, changed: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    default = Settings()
    for variable in TAKES[command]:
        value, usual = (changed.get(variable, _value(each, variable)) for each in (settings, default))
        if value != usual or variable in changed:
            yield variable, value


def _text(value: object) -> str:
    value = int(value) if isinstance(value, bool) else value
    return ",".join(value) if isinstance(value, tuple) else str(value)


def short(place: Path | Address) -> str:
    """The path as one would type it from here; an address without its password."""
    if isinstance(place, Path) and place.is_relative_to(Path.cwd()):
        return str(place.relative_to(Path.cwd()))
    return str(place)


def _value(settings: Settings, variable: str) -> object:
    """None for one that is no part of the settings, such as the port of a server."""
    if variable in _OF_THE_PREDICTOR:
        return getattr(settings.predictor, _OF_THE_PREDICTOR[variable])
    return getattr(settings, variable.lower(), None)
