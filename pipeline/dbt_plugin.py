"""What dbt-duckdb does before it opens a warehouse: make the folder, for people who type `dbt build` themselves."""

from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin

from pipeline.warehouse.folder import Warehouse


class Plugin(BasePlugin):
    """The class that dbt-duckdb looks for in a module that profiles.yml names under `plugins`."""

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        folder = Path(creds.path).parent
        if not folder.exists():
            Warehouse(folder).create()
