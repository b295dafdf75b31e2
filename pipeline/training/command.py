"""Makes a model from the orders: features at past dates, then fit, test, report and register."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console

import predictor
from pipeline import orders, orders_file
from pipeline.build_lock import build_lock
from pipeline.errors import ClvError, UsageError
from pipeline.settings import Settings
from pipeline.steps import Clock
from pipeline.training import doubts, summary
from pipeline.training.doubts import Doubt
from pipeline.training.plan import make_plan
from pipeline.training.registering import write_model
from pipeline.training.snapshots import open_orders
from pipeline.warehouse import Warehouse
from predictor.training import report
from predictor.training.backtest import backtest, earlier
from predictor.training.fitting import fit


def train(settings: Settings) -> None:
    """Writes and registers a model and its report, prints a summary. Raises ClvError, whose text is for people."""
    source = orders_file.find(settings)
    if not settings.model.parent.is_dir():
        raise UsageError(
            f"There is no folder {settings.model.parent}. Name a file to write the model to: MODEL=my-model.dill"
        )
    warehouse = Warehouse(settings.warehouse)
    warehouse.create()
    clock = Clock(Console(stderr=True))
    try:
        with build_lock(warehouse.folder / "training.lock", "training"), clock.running():
            try:
                content, found = _train(settings, source, warehouse.new_training_folder(), clock)
            finally:
                warehouse.discard_training()
    except predictor.ModelError as error:
        raise ClvError(str(error)) from error
    summary.show(Console(), content, settings, clock.seconds, found)


def _train(
    settings: Settings, source: orders.Source, scratch: Path, clock: Clock
) -> tuple[dict[str, Any], list[Doubt]]:
    """What the report is made of, and what is doubtful about the model."""
    horizon, rate = settings.horizon, settings.discount_rate
    with ExitStack() as opened:
        with clock.step("load lines"), orders_file.told():
            fingerprint = orders.fingerprint(source)
            snapshots = opened.enter_context(open_orders(settings, scratch))
            orders.stop_where_changed(source, fingerprint)
        doubts.stop_where_orders_lie_ahead(snapshots, settings, date.today())
        plan = make_plan(snapshots.first_day, snapshots.last_day, settings)
        with clock.step("features"):
            at = {each: snapshots.at(*each) for each in plan.labelled}
            now = snapshots.at(plan.last_day)
            found = list(doubts.about_orders(snapshots, now))
    with clock.step("test"):
        past = [at[each, plan.test.days] for each in plan.test.cutoffs]
        test = backtest(at[plan.test.as_of, horizon], past, rate)
        tests = [each.summary() for each in (*earlier(past, rate), test)]
        found += doubts.about_test(tests[-1])
    with clock.step("fit"):
        fitted, notes = fit(now, [at[each, plan.final.days] for each in plan.final.cutoffs], horizon, rate)
    content = {
        "orders_file": source.name,
        "orders_sha256": fingerprint.sha256,
        "first_order": snapshots.first_day.isoformat(),
        "trained_as_of": plan.last_day.isoformat(),
        "horizon_days": horizon,
        "discount_rate": rate,
        "orders": snapshots.orders,
        "customers": len(now.customers),
        "cutoffs": [each.isoformat() for each in plan.final.cutoffs],
        "label_days": plan.final.days,
        "notes": notes,
        "tests": tests,
    }
    with clock.step("report"):
        report.write(content, test, settings.warehouse)
    with clock.step("register"):
        write_model(fitted, now, content, settings, scratch)
    return content, found
