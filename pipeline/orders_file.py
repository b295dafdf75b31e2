"""The orders of a command: found before anything else is done, held to their count of lines and to not changing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from pipeline import orders, sources
from pipeline.errors import ClvError, UsageError
from pipeline.events import Warned
from pipeline.events.warnings import stop_at_unknown_codes
from pipeline.settings import Settings, command_line


@dataclass(frozen=True)
class Found:
    """Orders that can be read: files that are here, or what is elsewhere and will be copied."""

    source: orders.Source | None
    copy: sources.Copy | None

    def fetch(self) -> orders.Source:
        """The files, copied here where they are not. Raises ClvError where that cannot be done."""
        if self.copy is None:
            assert self.source
            return self.source
        self.copy.fetch()
        with plain_errors():
            return orders.find(self.copy.given, self.copy.called)

    def called_by_its_origin(self) -> AbstractContextManager[None]:
        """What goes wrong within is told of what people know, not of a copy."""
        return self.copy.called_by_its_origin() if self.copy else nullcontext()


def find(settings: Settings, folder: Path, rows_of: sources.RowsOf | None = None) -> Found:
    """What ORDERS names; `folder` is where a copy would be, and is made then. `rows_of` is that of `sources.copy_of`.

    Raises UsageError where it is nothing that can be read, and ClvError where it is damaged.
    """
    copy = sources.copy_of(settings.orders, settings.table, settings.query, folder, rows_of)
    with plain_errors():
        return Found(None if copy else orders.find(str(settings.orders), settings.uploaded_as), copy)


def mapping(settings: Settings) -> orders.Mapping:
    """What is stated of how the orders are read. Raises ClvError where the file that states it cannot be used."""
    with plain_errors():
        try:
            stated = orders.Mapping() if settings.mapping is None else orders.load_mapping(settings.mapping)
        except orders.NoMapping as error:
            inspect = command_line("inspect", replace(settings, mapping=None), OUT=settings.mapping)
            raise UsageError(f"{error} This writes one: {inspect}") from None
    stop_at_unknown_codes(stated.silence, settings.mapping)
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
