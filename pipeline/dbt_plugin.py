"""What dbt-duckdb does before it opens the warehouse: make its folder, for people who type `dbt build` themselves."""

from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin


class Plugin(BasePlugin):
    """The class that dbt-duckdb looks for in a module that profiles.yml names under `plugins`."""

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        Path(creds.path).parent.mkdir(parents=True, exist_ok=True)
