"""Makes a model from the orders: features at past dates, then fit, test, report and register."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pipeline import orders, orders_file, orders_sample
from pipeline.errors import UsageError
from pipeline.events import Listener, Trained, Warned
from pipeline.events.failures import plain_errors
from pipeline.events.steps import Steps
from pipeline.events.warnings import Warnings
from pipeline.runners.on_duckdb import OnDuckDB
from pipeline.runners.on_spark import OnSpark
from pipeline.settings import Settings, command_line
from pipeline.training import doubts
from pipeline.training.plan import make_plan
from pipeline.training.registering import write_model
from pipeline.training.snapshots import open_orders
from pipeline.warehouse.build_lock import build_lock
from pipeline.warehouse.folder import Warehouse
from predictor.training import report
from predictor.training.backtest import backtest, earlier
from predictor.training.fitting import fit


@dataclass(frozen=True)
class Training:
    """`content`: what the report is made of; `doubts`: about the model; `seconds`: by step."""

    content: dict[str, Any]
    doubts: list[Warned]
    seconds: dict[str, float]


def train(settings: Settings, listener: Listener) -> Training:
    """Writes and registers a model and its report. Raises ClvError, whose text is for people."""
    warehouse = Warehouse(settings.warehouse)
    scratch = Warehouse(warehouse.training, settings.memory)
    on_spark = settings.engine == "spark"
    engine = OnSpark(settings, scratch, warehouse.training_log) if on_spark else OnDuckDB(settings, scratch)
    there = orders_file.find(settings, warehouse.training / "orders", engine.rows_of)
    if not settings.model.parent.is_dir():
        raise UsageError(
            f"There is no folder {settings.model.parent}. Name a file to write the model to: "
            f"{command_line('train', settings, MODEL='my-model.dill')}"
        )
    steps = Steps(listener)
    warnings = Warnings(orders_file.mapping(settings).silence, settings.strict, listener)
    with there.called_by_its_origin(), plain_errors("train", settings):
        _stop_unless_writable(settings.model)
        warehouse.create()
        with build_lock(warehouse.folder / "training.lock", "training"):
            warehouse.logs.mkdir(exist_ok=True)
            warehouse.new_training_folder()
            try:
                with engine.running():
                    content = _train(settings, there, engine, scratch, steps, warnings)
            finally:
                warehouse.discard_training()
    listener(Trained(str(settings.model), content["model_id"]))
    return Training(content, warnings.found, steps.seconds)


def _stop_unless_writable(model: Path) -> None:
    """Raises OSError where the model could not be written after all the work."""
    try:
        if model.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=model.parent):
            pass
    except OSError as error:
        error.filename = str(model)  # what was typed, not what it was tried with
        raise


def _train(
    settings: Settings,
    there: orders_file.Found,
    engine: OnDuckDB | OnSpark,
    scratch: Warehouse,
    steps: Steps,
    warnings: Warnings,
) -> dict[str, Any]:
    """What the report is made of."""
    horizon, rate = settings.horizon, settings.discount_rate
    with ExitStack() as opened:
        with steps.step("load lines"), orders_file.plain_errors():
            source = there.fetch()
            fingerprint = orders.fingerprint(source)
            snapshots = opened.enter_context(open_orders(settings, source, engine, scratch))
            orders.stop_where_changed(source, fingerprint)
        doubts.stop_where_orders_lie_ahead(snapshots, settings, date.today())
        plan = make_plan(snapshots.first_day, snapshots.last_day, settings)
        with steps.step("features"):
            at = {each: snapshots.at(*each) for each in plan.labelled}
            now, sample = snapshots.at(plan.last_day), orders_sample.take(snapshots.ask)
            warnings.add(*orders_file.doubts(snapshots.build), *doubts.about_orders(snapshots, now))
    with steps.step("test"):
        past = [at[each, plan.test.days] for each in plan.test.cutoffs]
        test = backtest(at[plan.test.as_of, horizon], past, rate, [at[each, horizon] for each in plan.test.year_ago])
        before = earlier(past, rate, [at[each, plan.test.days] for each in plan.earlier_year_ago])
        tests = [each.summary() for each in (*before, test)]
        warnings.add(*doubts.about_test(tests[-1]))
    with steps.step("fit"):
        past = [at[each, plan.final.days] for each in plan.final.cutoffs]
        fitted, notes = fit(now, past, horizon, rate, [at[each, horizon] for each in plan.final.year_ago])
        if (looked_at := len(now.customers)) < snapshots.customers:
            notes.append(
                f"Learned from {looked_at:,} of {snapshots.customers:,} customers and tested on them, chosen by a "
                "digest of their ids."
            )
    content = {
        "orders_file": source.name,
        "orders_sha256": fingerprint.sha256,
        "first_order": snapshots.first_day.isoformat(),
        "trained_as_of": plan.last_day.isoformat(),
        "horizon_days": horizon,
        "discount_rate": rate,
        "orders": snapshots.orders,
        "customers": snapshots.customers,
        "cutoffs": [each.isoformat() for each in plan.final.cutoffs],
        "label_days": plan.final.days,
        "notes": notes,
        "tests": tests,
    }
    with steps.step("register"):
        content["model_id"] = write_model(fitted, now, content, sample, settings, scratch.folder).model_id
    with steps.step("report"):
        report.write(content, test, settings.warehouse)
    return content
