"""Runs dbt in this process: its noise goes to a log file, what happens is told to a listener."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.settings import ROOT, Settings


def import_dbt() -> None:
    """What takes run_dbt more than a second the first time, for who has something else to do meanwhile."""
    import dbt.adapters.duckdb.connections
    import dbt.cli.main  # noqa: F401


def run_dbt(
    *arguments: str,
    settings: Settings,
    target: Path,
    logs: Path,
    listener: Callable[[dict[str, Any], int, int], None] | None = None,
    **more: object,
) -> Any:
    """Runs one dbt command and returns dbt's own dbtRunnerResult.

    The project is told the settings as variables, and those of `more` beside them. `listener` is called with the meta
    of each node that starts, its position and how many there are.
    """
    logging.raiseExceptions = False  # where the disk is full, a traceback for each line of the log helps nobody
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    def tell(event: Any) -> None:
        if listener and event.info.name == "LogStartLine":
            listener(dict(event.data.node_info.meta), event.data.index, event.data.total)

    command = [
        *arguments,
        "--project-dir", str(ROOT / "dbt_project"),
        "--profiles-dir", str(ROOT),
        "--target-path", str(target),
        "--log-path", str(logs),
        "--log-level", "none",
        "--log-level-file", "debug",
        "--vars", json.dumps(_variables(settings) | more),
        "--quiet",
    ]  # fmt: skip
    sys.argv = sys.argv[:2]  # dbt writes the rest into its log, where an address may hold a password
    try:
        result = dbtRunner(callbacks=[tell] if listener else []).invoke(command)
        if isinstance(result.exception, KeyboardInterrupt):
            raise result.exception
        return result
    finally:
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call] # dbt leaves the file open where a node failed


@contextmanager
def temporary_files(folder: Path) -> Iterator[None]:
    """Has what is written to the system's temporary folder meanwhile written to this one.

    dbt-duckdb runs a Python model from a temporary file, with no setting for its folder, and a build that is killed
    leaves it there. In the warehouse the next build removes it.
    """
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _variables(settings: Settings) -> dict[str, object]:
    """What the dbt project is told, all of it: a variable of the environment must not fill a gap."""
    return {
        "orders": str(settings.orders),
        "mapping": str(settings.mapping or ""),
        "ignore": settings.ignore,
        "warehouse": str(settings.warehouse),
        "as_of": settings.as_of.isoformat() if settings.as_of else "",
        "model": str(settings.model),
        "max_rejected": settings.max_rejected,
        "history_days": settings.history_days or "",
        "strict": settings.strict,
        "memory": settings.memory,
        "discount_rate": settings.discount_rate,
        "model_python": settings.predictor.python or "",
        "model_memory": str(settings.predictor.memory),
        "model_timeout": str(settings.predictor.timeout),
        "workers": str(settings.predictor.workers),
        "model_manifests": str(settings.predictor.manifests),
    }
