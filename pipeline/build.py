"""One build from start to end: in build.duckdb, audited by every dbt test, published with one swap."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import duckdb
from rich.console import Console

import predictor
from pipeline import build_info, history, orders, orders_file, summary
from pipeline.build_lock import build_lock
from pipeline.dbt import import_dbt, run_dbt
from pipeline.delivery import deliver
from pipeline.errors import ClvError, DiskFull
from pipeline.failures import DISK_FULL, explain, oddity
from pipeline.model_log import listening
from pipeline.settings import ROOT, Settings, command_line
from pipeline.steps import Clock
from pipeline.warehouse import Warehouse


def build(settings: Settings) -> None:
    """Builds and publishes what the settings ask for; prints a summary. Raises ClvError, whose text is for people."""
    source = orders_file.find(settings)
    warehouse = Warehouse(settings.warehouse)
    console = Console()
    clock = Clock(Console(stderr=True))
    with _told_plainly(settings):
        warehouse.create()
        with build_lock(warehouse.lock_file), clock.running():
            try:
                with _told_plainly(settings):
                    info, remarks = _build(settings, source, warehouse, clock)
            except DiskFull:
                warehouse.discard_unfinished()  # what nobody can use must not keep the disk full
                raise
    summary.show(console, warehouse.published_file, info, settings, clock.seconds, remarks)
    if settings.deliver_to:
        deliver(settings)  # without the lock: another build need not wait for a database


def _build(settings: Settings, source: orders.Source, warehouse: Warehouse, clock: Clock) -> tuple[dict, list[str]]:
    with ThreadPoolExecutor(1) as executor:  # to read large files takes seconds, which dbt's start takes too
        with clock.step("start"):
            model = predictor.open_model(settings.model, settings.predictor.manifests)
            training = model.manifest.training
            warehouse.discard_unfinished()
            carried_over = executor.submit(history.carry_over, warehouse)
            counted = executor.submit(orders.fingerprint, source)
            box = executor.submit(predictor.box_here)
        with clock.step("start dbt"):
            import_dbt()
        with clock.step("start"):
            remark = carried_over.result()
        try:
            oddities = _run_models_and_tests(settings, warehouse, clock)
        except ClvError:
            with orders_file.told():
                counted.result()  # that the file is damaged says more than what came of it
            raise
        with orders_file.told():
            fingerprint = counted.result()
            orders.stop_where_changed(source, fingerprint)

    with clock.step("publish"):
        now = datetime.now(UTC)
        build_id = build_info.new_build_id(now, secrets.token_hex(3))
        with warehouse.open_build() as file:
            with orders_file.told():
                orders.stop_where_lines_are_lost(source, fingerprint, file, "orders")
            info = build_info.write(
                file,
                build_id=build_id,
                built_at=now.replace(tzinfo=None),
                orders_file=source.name,
                orders_sha256=fingerprint.sha256,
                project_version=_project_version(),
                horizon_days=training.get("horizon_days"),
                trained_on_these_orders=training["orders_sha256"] == fingerprint.sha256 if training else None,
            )
            doubts = orders_file.doubts(file)
            folder = warehouse.new_folder(build_id)
            _export_predictions(file, folder / "predictions.csv")
            file.execute("checkpoint")
        warehouse.publish(build_id)
    walls = "" if box.result().files_are_read_only and box.result().no_network else f"the model's box: {box.result()}"
    return info, [remark for remark in (remark, *doubts, *oddities, walls) if remark]


def _run_models_and_tests(settings: Settings, warehouse: Warehouse, clock: Clock) -> list[str]:
    """Returns what the audit found odd. Raises ClvError where a model or a test failed."""
    started = time.perf_counter()
    warehouse.logs.mkdir(exist_ok=True)
    warehouse.temporary.mkdir(exist_ok=True)
    tempfile.tempdir = str(warehouse.temporary)  # a build that is killed leaves files there, which the next one removes
    with listening(clock.on_rows, warehouse.logs / "model.log") as model_errors:
        result = run_dbt(
            "build", "--fail-fast", "--exclude-resource-type", "unit_test", "--no-write-json",
            settings=settings, target=warehouse.target, logs=warehouse.logs, listener=clock.on_node,
        )  # fmt: skip
    clock.add_dbt(result.result.results if result.result else [], time.perf_counter() - started)
    if model_errors:
        raise _with_advice(model_errors[-1], settings)
    if not result.success:
        raise explain(result, settings, warehouse.build_file, warehouse.logs / "dbt.log")
    return [oddity(r) for r in result.result.results]


def _with_advice(error: predictor.ModelError, settings: Settings) -> ClvError:
    """The error with what to type next."""

    def command(name: str | None, **changed: str) -> str:
        return command_line(name or "build", settings, **changed)

    return ClvError("\n".join(filter(None, (str(error), predictor.advice(error, command)))))


def _export_predictions(file: duckdb.DuckDBPyConnection, path: Path) -> None:
    target = str(path).replace("'", "''")
    rows = "select customer_id, predicted_clv from predictions order by customer_id"
    file.execute(f"copy ({rows}) to '{target}' (format csv, header)")


def _project_version() -> str:
    try:
        return version("customer-lifetime-value")
    except PackageNotFoundError:
        line = next(x for x in (ROOT / "pyproject.toml").read_text().splitlines() if x.startswith("version"))
        return line.split('"')[1]


@contextmanager
def _told_plainly(settings: Settings) -> Iterator[None]:
    """Raises ClvError for what the model and the machine can put in the way."""
    try:
        yield
    except predictor.ModelError as error:
        raise _with_advice(error, settings) from error
    except (OSError, duckdb.Error) as error:
        if DISK_FULL.search(str(error)):
            raise DiskFull(settings.warehouse) from error
        if isinstance(error, duckdb.Error):
            raise ClvError(f"DuckDB could not go on: {str(error).splitlines()[0]}") from error
        raise ClvError(
            f"Cannot write to {error.filename or settings.warehouse}: {error.strerror}. "
            "Give this user the right to, or choose another folder with WAREHOUSE=folder."
        ) from error
