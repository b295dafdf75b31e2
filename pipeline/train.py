"""Makes a model from the orders: features at past dates by the models of the dbt project, then fit, test and report."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
from rich.console import Console

import predictor
from pipeline import orders, orders_file
from pipeline.build_lock import build_lock
from pipeline.dbt import run_dbt
from pipeline.errors import ClvError, UsageError
from pipeline.failures import explain
from pipeline.settings import Settings, command_line, short
from pipeline.steps import Clock
from pipeline.warehouse import FILE_FORMAT, Warehouse
from predictor.training import backtest, dates, report, value_model
from predictor.training.fitting import fit
from predictor.training.snapshot import Snapshot

_FEATURES = tuple(dict.fromkeys((*value_model.FEATURES, *backtest.SIX)))
_EXAMPLES = 3


@dataclass(frozen=True)
class Plan:
    """The dates of one training: a test at the horizon before the last day, one before that, and the model itself."""

    first_order: date
    last_day: date
    horizon: int
    test: dates.Schedule
    final: dates.Schedule

    @property
    def labelled(self) -> list[tuple[date, int]]:
        """Every date that features are taken at, with the number of days after it that are needed."""
        learned_from = {(each, part.days) for part in (self.test, self.final) for each in part.cutoffs}
        return sorted({*learned_from, (self.test.as_of, self.horizon)})


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
                content = _train(settings, source, warehouse.new_training_folder(), clock)
            finally:
                warehouse.discard_training()
    except predictor.ModelError as error:
        raise ClvError(str(error)) from error
    _show(Console(), content, settings, clock.seconds)


def _train(settings: Settings, source: orders.Source, scratch: Path, clock: Clock) -> dict:
    horizon, rate = settings.horizon, settings.discount_rate
    with clock.step("load lines"), orders_file.told():
        history = History(settings, scratch)
        fingerprint = orders.fingerprint(source)
        first, last, count = history.load()
        orders.stop_where_changed(source, fingerprint)
    plan = _plan(first, last, horizon, settings)
    with clock.step("features"):
        snapshots = {each: history.snapshot(*each) for each in plan.labelled}
        now = history.snapshot(last, 0)
    with clock.step("test"):
        past = [snapshots[each, plan.test.days] for each in plan.test.cutoffs]
        test = backtest.backtest(snapshots[plan.test.as_of, horizon], past, rate)
        tests = [*backtest.earlier(past, rate), test]
    with clock.step("fit"):
        fitted, notes = fit(now, [snapshots[each, plan.final.days] for each in plan.final.cutoffs], horizon, rate)
    content = {
        "orders_file": source.name,
        "orders_sha256": fingerprint.sha256,
        "first_order": first.isoformat(),
        "trained_as_of": last.isoformat(),
        "horizon_days": horizon,
        "discount_rate": rate,
        "orders": count,
        "customers": len(now.customers),
        "cutoffs": [each.isoformat() for each in plan.final.cutoffs],
        "label_days": plan.final.days,
        "notes": notes,
        "tests": [each.summary() for each in tests],
    }
    with clock.step("report"):
        report.write(content, test, settings.warehouse)
    with clock.step("register"):
        _write_model(fitted, now, content, settings, scratch)
    return content


class History:
    """The orders in a scratch warehouse, loaded once; features and labels at any past date, by the dbt models."""

    def __init__(self, settings: Settings, scratch: Path):
        self._settings = settings
        self._scratch = scratch
        self._file = scratch / "build.duckdb"
        self._manifest = None

    def load(self) -> tuple[date, date, int]:
        """Reads the file, drops what is after AS_OF; the first and last day of the orders, and how many there are."""
        self._manifest = self._dbt("parse")
        self._dbt("build", "--select", "+stg_orders", "--resource-type", "seed", "--resource-type", "model")
        with self._open() as file:
            # Typed once for all dates; and nothing that came after AS_OF is there to be looked at by accident.
            file.execute(
                "create table known_orders as "
                "select * from stg_orders where created_at_date <= coalesce(?::date, date 'infinity')",
                [self._settings.as_of],
            )
            file.execute("drop view stg_orders; drop view base_orders; drop table orders")
            file.execute("alter table known_orders rename to stg_orders")
            first, last, orders = file.execute(
                "select min(created_at_date), max(created_at_date), count(distinct (customer_id, order_id)) "
                "from stg_orders"
            ).fetchone()
            if first is None:
                until = f" up to {self._settings.as_of}" if self._settings.as_of else ""
                raise ClvError(
                    f"{self._settings.orders} has no usable order line{until}. "
                    f"See why: {command_line('build', replace(self._settings, model=predictor.DEFAULT_MODEL))}"
                )
            file.execute(
                "create table customer_numbers as "
                "select customer_id, row_number() over (order by customer_id) - 1 as customer_number "
                "from (select distinct customer_id from stg_orders)"
            )
        return first, last, orders

    def snapshot(self, as_of: date, days: int) -> Snapshot:
        """Features at a date, and the value of the days after it, where `days` is above 0."""
        labels = ("customer_labels",) if days else ()
        models = ("int_settings", "int_as_of", "int_customer_orders", "customer_features", *labels)
        self._dbt("run", "--select", *models, as_of=as_of, days=days or 1)
        names = (*_FEATURES, "actual_value") if days else _FEATURES
        columns = ", ".join(f"cast({name} as double) as {name}" for name in names)
        with self._open() as file:
            rows = file.sql(
                f"select customer_number, {columns} from customer_features join customer_numbers using (customer_id) "
                + ("join customer_labels using (customer_id) " if days else "")
                + "order by customer_number"
            ).fetchnumpy()
        features = {name: np.ascontiguousarray(rows[name]) for name in _FEATURES}
        return Snapshot(as_of, rows["customer_number"], features, days, rows["actual_value"] if days else None)

    def _dbt(self, *arguments: str, as_of: date | None = None, days: int = 1):
        """What the dbt command returns."""
        logs = Warehouse(self._settings.warehouse).logs
        done = run_dbt(
            *arguments,
            "--no-write-json",
            settings=replace(self._settings, warehouse=self._scratch, as_of=as_of),
            target=self._scratch / "target",
            logs=logs,
            manifest=self._manifest,
            label_days=days,
        )
        if not done.success:
            raise explain(done, self._settings, self._file, logs / "dbt.log")
        return done.result

    def _open(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(self._file, config=FILE_FORMAT)


def _plan(first: date, last: date, horizon: int, settings: Settings) -> Plan:
    longest = dates.longest_horizon(first, last)
    if horizon > longest:
        reach = f"{short(settings.orders)} reaches from {first} to {last}, {(last - first).days + 1:,} days"
        if not longest:
            raise ClvError(
                f"{reach}: too few to learn from and to test on any horizon. Name a file with a longer history."
            )
        raise ClvError(
            f"{reach}: too few to learn from, and then to test, what the next {horizon} are worth.\n"
            f"The longest horizon that works is {longest} days: {command_line('train', settings, HORIZON=longest)}"
        )
    test_day = last - timedelta(horizon)
    test, final = (dates.schedule(first, each, horizon) for each in (test_day, last))
    return Plan(first, last, horizon, test, final)


def _write_model(
    fitted: value_model.ValueModel, now: Snapshot, content: dict, settings: Settings, scratch: Path
) -> None:
    """Registers the file before it takes the place of an older one, which stays where anything fails."""
    import dill

    rows = np.linspace(0, len(now.customers) - 1, _EXAMPLES).astype(int)
    example = np.column_stack([now.features[name] for name in value_model.FEATURES])[rows]
    target = settings.model
    unfinished = scratch / target.name
    unfinished.write_bytes(dill.dumps(fitted))
    test = content["tests"][-1]
    metrics = test["metrics"][backtest.OURS]
    mean = test["mean_actual_value"]
    predictor.register(
        unfinished,
        settings.predictor,
        features=value_model.FEATURES,
        outputs=value_model.OUTPUTS,
        example=example.tolist(),
        training={
            "horizon_days": content["horizon_days"],
            "discount_rate": content["discount_rate"],
            "trained_from": content["first_order"],
            "trained_as_of": content["trained_as_of"],
            "orders_file": content["orders_file"],
            "orders_sha256": content["orders_sha256"],
            "orders": content["orders"],
            "customers": content["customers"],
            "cutoffs": content["cutoffs"],
            "notes": content["notes"],
            "tested_as_of": test["as_of"],
            "metrics": {
                **{name: metrics[name] for name in ("gini", "spearman", "calibration", "top_decile")},
                # In means of the actual value, because a figure without a currency can be compared between shops.
                **{f"{name}_over_mean": metrics[name] / mean if mean > 0 else None for name in ("mae", "rmse")},
            },
        },
    )
    beside = target.with_name(f".{target.name}")  # the warehouse may be on another disk
    shutil.copyfile(unfinished, beside)
    os.replace(beside, target)


def _show(console: Console, content: dict, settings: Settings, seconds: dict[str, float]) -> None:
    def line(name: str, text: str) -> None:
        console.print(f"[bold]{name:<12}[/bold]{text}", highlight=False, soft_wrap=True)

    line("Orders", f"{content['orders']:,} of {content['customers']:,} customers, {content['first_order']} to "
         f"{content['trained_as_of']}")  # fmt: skip
    line("Value", f"of the next {content['horizon_days']} days, discounted at {content['discount_rate']:.0%} a year")
    for note in content["notes"]:
        line("Model" if note is content["notes"][0] else "", note)
    for test in content["tests"]:
        line("Test", f"as of {test['as_of']}, the {test['days']} days after it, {test['customers']:,} customers")
        line("", f"[dim]{'':<22}{'Gini':>7}{'RMSE':>11}{'MAE':>11}{'total':>8}{'top 10 %':>10}[/dim]")
        for name, each in test["metrics"].items():
            line("", f"{name:<22}{report.figure(each['gini'], '.3f'):>7}{each['rmse']:>11,.2f}{each['mae']:>11,.2f}"
                 f"{report.figure(each['calibration'], '.2f'):>8}"
                 f"{report.figure(each['top_decile'], '.3f'):>10}")  # fmt: skip
    line(
        "", "[dim]total: predicted over actual; top 10 %: share of the revenue of the customers predicted highest[/dim]"
    )
    line("Seconds", f"{sum(seconds.values()):.1f}: " + ", ".join(f"{name} {s:.1f}" for name, s in seconds.items()))
    console.print()
    report_file = short(settings.warehouse / "training_report.html")
    line("Written", f"{short(settings.model)}, registered; {report_file} and .json")
    line("Next", command_line("build", settings))
