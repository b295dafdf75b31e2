"""dbt's documentation with its lineage, of the published file, while anything else may run."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pipeline.dbt import run_dbt
from pipeline.errors import Stop
from pipeline.settings import ROOT, warehouse_folder
from pipeline.sql import published_file


def serve(environment: Mapping[str, str]) -> None:
    """Generates the pages and serves them until it is interrupted."""
    published_file(environment)
    warehouse = warehouse_folder(environment)
    os.chdir(ROOT)
    os.environ["WAREHOUSE"] = str(warehouse)
    where = {"target": warehouse / "docs", "logs": warehouse / "logs"}
    result = run_dbt("docs", "generate", "--target", "published", **where)
    if not result.success:
        raise Stop(
            f"The documentation could not be made: {result.exception or ''} See {warehouse / 'logs' / 'dbt.log'}."
        )
    port = environment.get("PORT", "").strip() or "8080"
    print(f"Documentation and lineage: http://127.0.0.1:{port}/  (Ctrl-C ends it)", flush=True)
    run_dbt("docs", "serve", "--host", "127.0.0.1", "--port", port, "--no-browser", **where)
