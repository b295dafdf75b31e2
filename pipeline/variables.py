"""The variables of all commands: what each means, how its text is read, and its default.

A reader raises ValueError with what is expected, as a sentence goes on after "is not", or UsageError with a whole one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import predictor
from pipeline.address import Address, CatalogTable
from pipeline.engines.duckdb_settings import read_memory
from pipeline.errors import UsageError
from pipeline.postgres import SCHEMES, Postgres
from pipeline.settings import ENGINES, Settings, short


@dataclass(frozen=True)
class Variable:
    """An option of a command: what it means, how its text is read, and its default as shown to people."""

    meaning: str
    looks: str
    read: Callable[[str], Any]
    default: str


def _path(text: str) -> Path:
    return Path(os.path.abspath(text))


def _orders(text: str) -> Path | Address:
    if table := CatalogTable.of(text):
        if not table.name:
            raise ValueError("a table of Spark's. Name one: ORDERS=table:catalog.schema.order_lines")
        return table
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


def _engine(text: str) -> str:
    if text not in ENGINES:
        raise ValueError(f"one of {', '.join(ENGINES)}. Leave it out for {Settings.engine}")
    return text


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
        "The order lines: a file, a folder, a pattern of files, the address of a database or of files elsewhere, or "
        "table:NAME of Spark's.",
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
    "ENGINE": Variable("What runs the models.", "|".join(ENGINES), _engine, Settings.engine),
    "SPARK_MASTER": Variable(
        "Where Spark does it: local[*], or spark://HOST:7077 for a cluster of its own.", "MASTER", str,
        Settings.spark_master),
    "SPARK_REMOTE": Variable(
        "The server of Spark Connect that does it, instead of SPARK_MASTER.", "sc://HOST:PORT", str,
        "none: a Spark of one's own"),
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
