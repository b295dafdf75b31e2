"""What was known of the customers at any day, and what followed it, by the models of the dbt project.

dbt runs once: it loads the orders and makes views of all that lies between them and the labels. The views ask their
session for the day, so that one definition of the features serves builds and every date of a training.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

import predictor
from pipeline import orders
from pipeline.dbt import run_dbt
from pipeline.engines.sql import literal
from pipeline.errors import ClvError
from pipeline.events.failures import explain
from pipeline.runners.on_duckdb import OnDuckDB
from pipeline.runners.on_spark import OnSpark
from pipeline.settings import Settings, command_line
from pipeline.warehouse.folder import Warehouse
from predictor.training import backtest, fitting, value_model
from predictor.training.snapshot import Snapshot

FEATURES = tuple(dict.fromkeys((*value_model.FEATURES, *backtest.SIX, *fitting.OF_AMOUNTS)))
MOST_CUSTOMERS = 500_000  # of whom features are held at all dates, in two gigabytes; more change nothing but that


@dataclass(frozen=True)
class Snapshots:
    """The orders from `first_day` to `last_day`, AS_OF or before, and the number of them; see `open_orders`.

    `customers` is the number of all; `chosen`, a condition in SQL, says whose features are looked at. `build` is the
    file that the orders were read into, and has numbers for those customers.
    """

    engine: OnDuckDB | OnSpark
    build: duckdb.DuckDBPyConnection
    first_day: date
    last_day: date
    orders: int
    customers: int
    chosen: str

    def at(self, as_of: date, days: int = 0) -> Snapshot:
        """Features at a day, and the value of the `days` after it, where `days` is above 0."""
        self._look_at(as_of, days)
        names = (*FEATURES, "actual_value") if days else FEATURES
        columns = ", ".join(f"cast({name} as double) as {name}" for name in names)
        found = self.engine.rows(
            self.build,
            f"select customer_id, {columns} from customer_features left join customer_amounts using (customer_id) "
            + ("join customer_labels using (customer_id) " if days else "")
            + f"where {self.chosen}",
        )
        numbered = self.build.table("customer_numbers").join(found, "customer_id").order("customer_number")
        rows = numbered.project("* exclude (customer_id)").fetchnumpy()
        features = {name: np.ascontiguousarray(np.ma.filled(rows[name], 0.0)) for name in FEATURES}
        return Snapshot(as_of, rows["customer_number"], features, days, rows["actual_value"] if days else None)

    def rows(self, sql: str) -> duckdb.DuckDBPyRelation:
        """The rows of a query in words that all engines have, of what is known on the last day."""
        self._look_at(self.last_day, 0)
        return self.engine.rows(self.build, sql)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self.rows(sql).fetchall()

    def _look_at(self, as_of: date, days: int) -> None:
        self.engine.give(self.build, as_of=f"date '{as_of}'", label_days=f"cast({days} as bigint)")


def some_of(customers: int, most: int) -> str:
    """A condition in SQL that is true for about `most` of so many customers: the same in each run, on each engine."""
    return "true" if customers <= most else f"left(md5(customer_id), 8) < '{most * 16**8 // customers:08x}'"


@contextmanager
def open_orders(
    settings: Settings,
    source: orders.Source,
    engine: OnDuckDB | OnSpark,
    scratch: Warehouse,
    most_customers: int = MOST_CUSTOMERS,
) -> Iterator[Snapshots]:
    """Loads the orders, which are the settings' or a copy of them, into the warehouse `scratch`, that of the engine.

    Of more customers than `most_customers`, that many are looked at. Raises ClvError where no order can be used.
    """
    lasting = Warehouse(settings.warehouse)
    engine.bring_orders(source)
    done = run_dbt(
        *("build", "--select", "+tag:training", "--no-write-json"),
        *("--resource-type", "seed", "--resource-type", "model"),
        settings=replace(settings, orders=Path(source.given), warehouse=scratch.folder),
        target=lasting.target / f"training-{engine.output}",
        logs=lasting.logs,
        output=engine.output,
        loaded=True,
        training=True,
        schema=engine.schema,
    )
    if not done.success:
        raise explain(done, settings, scratch, lasting.logs / "dbt.log", engine.ask, "train")
    # As a file that had ended with AS_OF: nothing that came later is counted or numbered.
    known = f"from stg_orders where created_at_date <= date {literal(settings.as_of or date.max)}"
    with scratch.open_build() as build:
        first, last, count, customers = engine.rows(
            build,
            "select min(first_day), max(last_day), count(*), count(distinct customer_id) from ("
            "select customer_id, order_id, min(created_at_date) as first_day, max(created_at_date) as last_day "
            f"{known} group by customer_id, order_id) as customer_orders",
        ).fetchall()[0]
        if first is None:
            until = f" up to {settings.as_of}" if settings.as_of else ""
            why = command_line("build", replace(settings, model=predictor.DEFAULT_MODEL))
            raise ClvError(f"{settings.orders} has no usable order line{until}. See why: {why}")
        chosen = some_of(customers, most_customers)
        ids = engine.rows(build, f"select distinct customer_id {known} and {chosen}")
        ids.project("customer_id, row_number() over (order by customer_id) - 1 as customer_number").create(
            "customer_numbers"
        )
        yield Snapshots(engine, build, first, last, count, customers, chosen)
