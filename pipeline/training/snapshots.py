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

import duckdb
import numpy as np

import predictor
from pipeline import orders_sample
from pipeline.dbt import run_dbt
from pipeline.errors import ClvError
from pipeline.events.failures import explain
from pipeline.runners.on_duckdb import OnDuckDB
from pipeline.settings import Settings, command_line
from pipeline.warehouse.folder import Warehouse
from predictor.training import backtest, fitting, value_model
from predictor.training.snapshot import Snapshot

FEATURES = tuple(dict.fromkeys((*value_model.FEATURES, *backtest.SIX, fitting.LOG_SPREAD)))
# As a file that had ended with AS_OF: nothing that came later is counted or numbered.
_KNOWN = "from stg_orders where created_at_date <= coalesce(cast(? as date), date 'infinity')"


@dataclass(frozen=True)
class Snapshots:
    """The orders from `first_day` to `last_day`, AS_OF or before, and the number of them; see `open_orders`."""

    first_day: date
    last_day: date
    orders: int
    warehouse: duckdb.DuckDBPyConnection

    def at(self, as_of: date, days: int = 0) -> Snapshot:
        """Features at a day, and the value of the `days` after it, where `days` is above 0."""
        self.warehouse.execute("set variable as_of = cast(? as date)", [as_of])
        self.warehouse.execute("set variable label_days = cast(? as bigint)", [days])
        names = (*FEATURES, "actual_value") if days else FEATURES
        columns = ", ".join(f"cast({name} as double) as {name}" for name in names)
        rows = self.warehouse.execute(
            f"select customer_number, {columns} from customer_features join customer_numbers using (customer_id) "
            "left join customer_spread using (customer_id) "
            + ("join customer_labels using (customer_id) " if days else "")
            + "order by customer_number"
        ).fetchnumpy()
        features = {name: np.ascontiguousarray(np.ma.filled(rows[name], 0.0)) for name in FEATURES}
        return Snapshot(as_of, rows["customer_number"], features, days, rows["actual_value"] if days else None)

    def sample(self) -> str:
        """What the orders up to `last_day` are known by again."""
        self.warehouse.execute("set variable as_of = cast(? as date)", [self.last_day])
        return orders_sample.take(self.warehouse)


@contextmanager
def open_orders(settings: Settings, orders: Path, scratch: Path) -> Iterator[Snapshots]:
    """Loads the orders, the files that the settings' are or were copied into, into a warehouse in the folder `scratch`.

    Raises ClvError where none can be used."""
    warehouse, lasting = Warehouse(scratch, settings.memory), Warehouse(settings.warehouse)
    done = run_dbt(
        *("build", "--select", "+tag:training", "--no-write-json"),
        *("--resource-type", "seed", "--resource-type", "model"),
        settings=replace(settings, orders=orders, warehouse=scratch),
        target=lasting.target / "training",
        logs=lasting.logs,
        training=True,
    )
    if not done.success:
        raise explain(done, settings, warehouse, lasting.logs / "dbt.log", OnDuckDB(warehouse).ask, "train")
    with warehouse.open_build() as build:
        first, last, count = build.execute(
            f"select min(created_at_date), max(created_at_date), count(distinct (customer_id, order_id)) {_KNOWN}",
            [settings.as_of],
        ).fetchall()[0]
        if first is None:
            until = f" up to {settings.as_of}" if settings.as_of else ""
            why = command_line("build", replace(settings, model=predictor.DEFAULT_MODEL))
            raise ClvError(f"{settings.orders} has no usable order line{until}. See why: {why}")
        build.execute(
            "create temporary table customer_numbers as "
            "select customer_id, row_number() over (order by customer_id) - 1 as customer_number "
            f"from (select distinct customer_id {_KNOWN})",
            [settings.as_of],
        )
        yield Snapshots(first, last, count, build)
