"""The orders of a command: found before anything else is done, held to their count of lines and to not changing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from pipeline import orders
from pipeline.errors import ClvError, UsageError
from pipeline.events import Warned
from pipeline.settings import Settings


def find(settings: Settings) -> orders.Source:
    """Raises UsageError where ORDERS names nothing that can be read, and ClvError where it is damaged."""
    with plain_errors():
        return orders.find(str(settings.orders))


def mapping(settings: Settings) -> orders.Mapping:
    """What is stated of how the orders are read. Raises ClvError where the file that states it cannot be used."""
    with plain_errors():
        stated = orders.Mapping() if settings.mapping is None else orders.load_mapping(settings.mapping)
    return stated.ignoring(settings.ignore)


def doubts(build: duckdb.DuckDBPyConnection) -> list[Warned]:
    """What the reader found doubtful about the orders of this build."""
    ((warnings,),) = build.execute(f"select warnings from {orders.READING}").fetchall()
    return [Warned(**warning) for warning in json.loads(warnings)]


@contextmanager
def plain_errors() -> Iterator[None]:
    """Raises what the reader says in the pipeline's own errors, which the command line knows the exit status of."""
    try:
        yield
    except orders.NoSuchOrders as error:
        raise UsageError(str(error)) from None
    except orders.OrdersError as error:
        raise ClvError(str(error)) from None
