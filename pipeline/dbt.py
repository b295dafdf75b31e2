"""Runs dbt in this process: what it tells goes to a log file, and what a node means to a listener."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.settings import ROOT, Settings

LARGEST_LOG = 10_000_000  # bytes
ONLY_WHILE_RUNNING = {"orders", "mapping", "ignore", "as_of", "max_rejected", "history_days", "discount_rate", "loaded"}
NOT_LOGGED = {"MainReportArgs", "CacheAction", "CacheDumpGraph"}  # the first repeats the command line


def import_dbt() -> None:
    """What takes run_dbt more than a second the first time, for callers that have something else to do meanwhile."""
    import dbt.adapters.duckdb.connections
    import dbt.cli.main  # noqa: F401


def run_dbt(
    *arguments: str,
    settings: Settings,
    target: Path,
    logs: Path,
    output: str = "duckdb",
    listener: Callable[[dict[str, Any], int, int], None] | None = None,
    when_read: Callable[[], None] = lambda: None,
    **more: object,
) -> Any:
    """Runs one dbt command and returns dbt's own dbtRunnerResult.

    `output` is that of profiles.yml. The project is told the settings as variables, and those of `more` beside them.
    `listener` is called with the meta of each node that starts, its position and how many there are; `when_read`
    once dbt has read the project, before it opens the warehouse: what is raised there is raised here.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    def tell(event: Any) -> None:
        write(event)
        if listener and event.info.name == "LogStartLine":
            listener(dict(event.data.node_info.meta), event.data.index, event.data.total)

    variables = _variables(settings) | more
    common = [
        "--project-dir", str(ROOT / "dbt_project"),
        "--profiles-dir", str(ROOT),
        "--target", output,
        "--target-path", str(target),
        "--log-path", str(logs),  # dbt makes it where it is missing, and the project may be read-only
        "--log-level", "none",
        "--log-level-file", "none",
        "--no-use-colors",
        "--quiet",
    ]  # fmt: skip
    with _log(logs / "dbt.log") as write, _no_bytecode():
        try:
            # Parsed apart, because dbt parses everything anew whenever any variable is another than in the last run.
            result: Any = dbtRunner(callbacks=[write]).invoke(
                ["parse", "--no-write-json", *common, "--vars", json.dumps(_of_the_parser(variables))]
            )
            if result.success:
                when_read()
                result = dbtRunner(result.result, callbacks=[tell]).invoke(
                    [*arguments, *common, "--vars", json.dumps(variables)]
                )
        finally:
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call] # dbt leaves the file open where a node failed
    if isinstance(result.exception, KeyboardInterrupt):
        raise result.exception
    return result


@contextmanager
def _no_bytecode() -> Iterator[None]:
    """dbt-duckdb imports the Python model out of the system's temporary folder, where each build would leave some."""
    as_it_was, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = as_it_was


@contextmanager
def _log(path: Path) -> Iterator[Callable[[Any], None]]:
    """A listener that writes dbt's events to a file, which begins anew where it has grown large.

    Not dbt's own log: that begins with the command line of this process, where an address may hold a password.
    """
    path.parent.mkdir(exist_ok=True)
    large = path.exists() and path.stat().st_size > LARGEST_LOG
    file = path.open("w" if large else "a", encoding="utf-8", buffering=1)

    def write(event: Any) -> None:
        # dbt's adapters go on telling what they do to the listeners of a run that has ended.
        if not file.closed and event.info.name not in NOT_LOGGED:
            with suppress(OSError):  # a disk that fills up stops a build where it writes its tables, not for its log
                file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f} {event.info.level:<5} {event.info.msg}\n")

    try:
        yield write
    finally:
        with suppress(OSError):
            file.close()


def _of_the_parser(variables: dict[str, object]) -> dict[str, object]:
    """Those that the configuration of a node depends on; the others are looked at when it runs."""
    known = {name: value for name, value in variables.items() if name not in ONLY_WHILE_RUNNING}
    whether_given = variables["as_of"] and "2000-01-01"  # which changes a test's severity
    # The connection, which nothing is asked of before there are models to run, is part of what dbt compares.
    return known | {"as_of": whether_given, "warehouse": ".", "memory": ""}


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
