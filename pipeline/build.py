"""One build from start to end: in build.duckdb, audited by every dbt test, published with one swap."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import duckdb

import predictor
from pipeline import orders, orders_file
from pipeline.dbt import import_dbt, run_dbt
from pipeline.engines.sql import literal
from pipeline.errors import ClvError, DiskFull
from pipeline.events import LinesRejected, Listener, Published, Publishing, Warned, doubts
from pipeline.events.failures import explain, plain_errors, rejected_by_reason, warning
from pipeline.events.model_log import listening
from pipeline.events.steps import Steps
from pipeline.events.warnings import Warnings
from pipeline.runners.on_duckdb import OnDuckDB
from pipeline.runners.on_spark import OnSpark
from pipeline.settings import ROOT, Settings
from pipeline.warehouse import build_info, history, parquet
from pipeline.warehouse.build_lock import build_lock
from pipeline.warehouse.folder import PUBLISHED_CSV, Warehouse


@dataclass(frozen=True)
class Built:
    """`info`: the row of build_info; `seconds`: by step."""

    info: dict[str, Any]
    seconds: dict[str, float]


def build(settings: Settings, listener: Listener) -> Built:
    """Builds and publishes what the settings ask for. Raises ClvError, whose text is for people."""
    warehouse = Warehouse(settings.warehouse, settings.memory)
    engine = OnSpark(settings, warehouse) if settings.engine == "spark" else OnDuckDB(settings, warehouse)
    found = orders_file.find(settings, warehouse.temporary / "orders", engine.rows_of)
    with found.called_by_its_origin(), plain_errors("build", settings):
        warehouse.create()
        with build_lock(warehouse.lock_file):
            try:
                with plain_errors("build", settings):
                    return _Build(settings, found, warehouse, engine, listener).run()
            except DiskFull:
                warehouse.discard_unfinished()  # what nobody can use must not keep the disk full
                raise


class _Build:
    def __init__(
        self,
        settings: Settings,
        found: orders_file.Found,
        warehouse: Warehouse,
        engine: OnDuckDB | OnSpark,
        listener: Listener,
    ):
        self._settings = settings
        self._found = found
        self._warehouse = warehouse
        self._listener = listener
        self._steps = Steps(listener)
        self._engine = engine
        self._warnings = Warnings(orders_file.mapping(settings).silence, settings.strict, listener)

    def run(self) -> Built:
        with self._engine.running():
            return self._run()

    def _run(self) -> Built:
        settings, warehouse, engine, step = self._settings, self._warehouse, self._engine, self._steps.step
        with ThreadPoolExecutor(1) as executor:  # dbt starts on one core, which leaves another one to read the orders
            with step("start"):
                model = predictor.open_model(settings.model, settings.predictor.manifests)
                warehouse.discard_unfinished()
                warehouse.logs.mkdir(exist_ok=True)
                warehouse.temporary.mkdir(exist_ok=True)
                box = executor.submit(engine.box)
                carried_over = executor.submit(history.carry_over, warehouse, engine.history)
                fetched = executor.submit(self._found.fetch)
                counted = executor.submit(lambda: orders.fingerprint(fetched.result()))
            with engine.bringing_orders(executor, carried_over, fetched) as brought:
                with step("start dbt"):
                    import_dbt()
                with step("start"):
                    self._warnings.add(*doubts.about_box(box.result(), settings), *carried_over.result())
                with step("load lines"):
                    source = fetched.result()
                    if not brought:
                        engine.bring_orders(source)
                try:
                    found = self._run_models_and_tests(model, source, brought)
                except (ClvError, OSError):
                    # That the file is damaged, or changed, or gone, says more than what came of it.
                    with orders_file.plain_errors():
                        orders.stop_where_changed(source, counted.result())
                    raise
            with orders_file.plain_errors():
                fingerprint = counted.result()
                orders.stop_where_changed(source, fingerprint)

        with step("publish"):
            info = self._publish(model.manifest.training, source, fingerprint, found)
        self._listener(Published(info))
        return Built(info, self._steps.seconds)

    def _run_models_and_tests(
        self, model: predictor.Model, source: orders.Source, brought: Future[None] | None
    ) -> list[Warned]:
        """Returns what the audit found odd. Raises ClvError where the orders, a model or a test failed."""
        started, told_before = time.perf_counter(), sum(self._steps.seconds.values())
        warehouse, engine = self._warehouse, self._engine

        def wait_for_orders() -> None:
            if brought:
                with self._steps.step("load lines"):
                    brought.result()

        # dbt is given a copy, because the file may be replaced meanwhile: one build uses one model.
        folder = warehouse.temporary / "model"
        # And it is not strict: what it finds odd stops a build in `Warnings`, unless the mapping silences it.
        copy = replace(
            self._settings,
            orders=Path(source.given),
            model=model.save(folder),
            predictor=replace(self._settings.predictor, manifests=folder),
            strict=False,
        )
        with listening(self._listener, warehouse.logs / "model.log") as model_errors:
            result = run_dbt(
                "build", "--fail-fast", "--exclude-resource-type", "unit_test", "--no-write-json",
                settings=copy, target=engine.target, logs=warehouse.logs, output=engine.output,
                listener=self._steps.on_node, when_read=wait_for_orders,
                loaded=True, temporary=str(warehouse.temporary), schema=engine.schema,
            )  # fmt: skip
        results = result.result.results if result.result else []
        waited = sum(self._steps.seconds.values()) - told_before
        self._steps.add_dbt(results, time.perf_counter() - started - waited)
        if model_errors:
            raise model_errors[-1]
        engine.take_back(results)
        if not result.success:
            with suppress(duckdb.Error), warehouse.read(warehouse.build_file) as file:  # it may not have come so far
                self._tell_of_rejected_lines(file)
                self._warnings.tell(
                    *orders_file.doubts(file),
                    *(found for each in results if each.status == "warn" and (found := warning(each, engine.ask))),
                )
            log, warned = warehouse.logs / "dbt.log", self._warnings.found
            raise explain(result, self._settings, warehouse, log, engine.ask, warned=warned)
        return [found for each in results if (found := warning(each, engine.ask))]

    def _tell_of_rejected_lines(self, file: duckdb.DuckDBPyConnection) -> None:
        for reason, lines, examples in rejected_by_reason(file):
            self._listener(LinesRejected(reason, lines, tuple(examples)))

    def _publish(
        self,
        training: Mapping[str, Any],
        source: orders.Source,
        fingerprint: orders.Fingerprint,
        found: list[Warned],
    ) -> dict[str, Any]:
        """Returns the row of build_info."""
        warehouse = self._warehouse
        now = datetime.now(UTC)
        build_id = build_info.new_build_id(now, secrets.token_hex(3))
        with warehouse.open_build() as file:
            with orders_file.plain_errors():
                orders.stop_where_lines_are_lost(source, fingerprint, file, "orders")
            self._warnings.add(
                *orders_file.doubts(file), *found, *doubts.about_values(training.get("horizon_days"), file)
            )
            trained_here = trained_as_of = None
            if training:
                trained_here = training["orders_sha256"] == fingerprint.sha256
                trained_as_of = date.fromisoformat(training["trained_as_of"])
                self._warnings.add(*doubts.about_training(training, trained_here, file))
            info = build_info.write(
                file,
                build_id=build_id,
                built_at=now.replace(tzinfo=None),
                orders_file=source.name,
                orders_sha256=fingerprint.sha256,
                project_version=_project_version(),
                engine=self._engine.name,
                horizon_days=training.get("horizon_days"),
                trained_on_these_orders=trained_here,
                trained_as_of=trained_as_of,
                warnings=json.dumps([each.as_dict() for each in self._warnings.found], ensure_ascii=False),
            )
            folder = warehouse.new_folder(build_id)
            one_file = self._settings.one_file
            if is_large := parquet.is_for(info["customers"], one_file, warehouse.folder):
                self._engine.move_out(file, folder, rows_a_file=one_file // 50)
            export_predictions(file, folder / PUBLISHED_CSV, are_sorted=is_large)
            file.execute("checkpoint")
            self._tell_of_rejected_lines(file)
        self._listener(Publishing(info))
        warehouse.publish(build_id)
        return info


def export_predictions(file: duckdb.DuckDBPyConnection, path: Path, are_sorted: bool = False) -> None:
    """Writes the value of each customer as CSV, sorted by customer, whatever the order of the build's own table."""
    rows = f"select customer_id, predicted_clv from predictions {'' if are_sorted else 'order by customer_id'}"
    file.execute(f"copy ({rows}) to {literal(path)} (format csv, header)")


def _project_version() -> str:
    try:
        return version("customer-lifetime-value")
    except PackageNotFoundError:
        line = next(x for x in (ROOT / "pyproject.toml").read_text().splitlines() if x.startswith("version"))
        return line.split('"')[1]
