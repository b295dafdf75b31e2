"""Whether the engine that a command is meant to run on can run it, found before anything is done."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import urlsplit

from pipeline.address import CatalogTable
from pipeline.commands.extras import stop_unless_installed
from pipeline.errors import UsageError
from pipeline.settings import Settings, command_line
from predictor.options import PREFIX


def stop_where_it_cannot_run(command: str, settings: Settings, given: dict[str, Any]) -> None:
    """Raises ClvError: before orders are fetched, which may take long."""
    if settings.engine == "spark":
        if settings.spark_remote:
            _stop_unless_usable(settings.spark_remote)
        if settings.spark_remote and "SPARK_MASTER" in given:
            raise UsageError(
                f"SPARK_MASTER={settings.spark_master} and SPARK_REMOTE={settings.spark_remote} both say where Spark "
                f"runs. To have the server do it, type: {command_line(command, settings, SPARK_MASTER='')}"
            )
        stop_unless_installed("spark")
        if not settings.spark_remote:
            from pipeline.runners.spark_session import stop_without_java

            stop_without_java()
        return
    meant, changed, remote = None, {"ENGINE": "spark"}, given.get("SPARK_REMOTE")
    if isinstance(settings.orders, CatalogTable):
        meant = f"ORDERS={settings.orders} is a table of Spark's"
        if remote:
            _stop_unless_usable(remote)
            changed["SPARK_REMOTE"] = remote
    elif "SPARK_MASTER" in given:
        meant = f"SPARK_MASTER={settings.spark_master} says where Spark runs"
        if remote:  # in the environment, where it would say otherwise
            changed["SPARK_REMOTE"] = ""
    if meant:
        typed = command_line(command, settings, **changed)
        raise UsageError(f"{meant}, and without ENGINE=spark it is DuckDB that does. To have Spark run, type: {typed}")


def _stop_unless_usable(remote: str) -> None:
    """Raises UsageError: only where Spark is asked for, because SPARK_REMOTE may be set for other programs."""
    if re.search("[;?]token=", remote):
        raise UsageError(
            "SPARK_REMOTE must not hold a token, because it is shown and logged. "
            "Leave it out, and type this first: export SPARK_CONNECT_AUTHENTICATE_TOKEN=…"
        )
    try:
        parts = urlsplit(remote)
        usable = parts.hostname and parts.port != 0 and re.fullmatch(r"sc://[^/;?\s]+(/(;\S*)?)?", remote)
    except ValueError:  # of the port, or of brackets
        usable = None
    if not usable:
        raise UsageError(
            f"SPARK_REMOTE={remote} is not the address of a server of Spark Connect. Write SPARK_REMOTE=sc://host:15002"
        )


def stop_where_spark_is_meant(command: str, settings: Settings) -> None:
    """Raises UsageError: what the environment says for builds would go unheard by a command that knows no ENGINE."""
    names = [name for name in (PREFIX + "ENGINE", "ENGINE") if os.environ.get(name) == "spark"]
    if names:
        raise UsageError(
            f"{names[0]}=spark is set in the environment, and {command} runs on DuckDB only. "
            f"To have it do so, type this first: unset {' '.join(names)}"
        )
    if isinstance(settings.orders, CatalogTable):
        raise UsageError(
            f"ORDERS={settings.orders} is a table of Spark's, and {command} runs on DuckDB only. Have Spark write it "
            f"to Parquet files, and name their folder: {command_line(command, settings, ORDERS='order_lines')}"
        )
