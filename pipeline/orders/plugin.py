"""The bridge to dbt: this plugin stores the seed `orders`; profiles.yml names it and the seed's macro calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import TargetConfig
from dbt_common.exceptions import DbtRuntimeError

from pipeline.orders import Mapping, OrdersError, find, load, mapping


class Plugin(BasePlugin):
    """The class that dbt-duckdb looks for in a module that profiles.yml names under `plugins`."""

    _connection: duckdb.DuckDBPyConnection

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        self._connection = conn

    def store(self, target_config: TargetConfig) -> None:
        """Loads the orders that the configuration names into the relation. Raises DbtRuntimeError, for people."""
        given: dict[str, str] = target_config.config
        folder = Path(self.creds.path).absolute().parent if self.creds else Path.cwd()
        try:
            stated = mapping.load(Path(given["mapping"])) if given["mapping"] else Mapping()
            with self._connection.cursor() as cursor:
                load(
                    cursor,
                    target_config.relation.render(),
                    find(given["orders"]),
                    stated.ignoring(given["ignore"]),
                    folder,
                )
        except OrdersError as error:
            raise DbtRuntimeError(str(error)) from error

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Needs nothing of the profile's settings, which dbt hands to every plugin."""
