"""Runs dbt in this process: its noise goes to a log file, what happens is told to a listener."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from pipeline.settings import ROOT


def import_dbt() -> None:
    """What takes run_dbt more than a second the first time, for who has something else to do meanwhile."""
    import dbt.adapters.duckdb.connections
    import dbt.cli.main  # noqa: F401


def run_dbt(
    *arguments: str, target: Path, logs: Path, manifest=None, listener: Callable[[str, int, int], None] | None = None
):
    """Runs one dbt command and returns dbt's own dbtRunnerResult.

    `manifest` is the project as the command `parse` has returned it, for who runs many commands: to read it each time
    takes half a second. `listener` is called with the name of each node that starts, its position and how many there
    are.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    logging.raiseExceptions = False  # where the disk is full, a traceback for each line of the log helps nobody
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    def tell(event) -> None:
        if event.info.name == "LogStartLine":
            listener(event.data.node_info.node_name, event.data.index, event.data.total)

    command = [
        *arguments,
        "--project-dir", str(ROOT / "dbt_project"),
        "--profiles-dir", str(ROOT),
        "--target-path", str(target),
        "--log-path", str(logs),
        "--log-level", "none",
        "--log-level-file", "debug",
        "--quiet",
    ]  # fmt: skip
    try:
        return dbtRunner(manifest, callbacks=[tell] if listener else []).invoke(command)
    finally:
        DuckDBConnectionManager.close_all_connections()  # dbt leaves the file open where a node failed
