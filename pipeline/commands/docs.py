"""dbt's documentation with its lineage, of the published file, while anything else may run."""

from __future__ import annotations

import os
import socket
from typing import Any

from pipeline.dbt import run_dbt
from pipeline.errors import ClvError
from pipeline.published import published_file
from pipeline.settings import Settings, command_line

HOST = "127.0.0.1"


def serve(settings: Settings, port: int) -> None:
    """Generates the pages and serves them until it is interrupted. Raises ClvError where that cannot be."""
    published_file(settings)
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise ClvError(
            f"{HOST}:{port} cannot be served on: {os.strerror(error.errno or 0)}. "
            f"Try another port: {command_line('docs', settings, PORT=port % 65_535 + 1)}"
        ) from None
    logs = settings.warehouse / "logs"
    where: dict[str, Any] = {"settings": settings, "target": settings.warehouse / "docs", "logs": logs}
    result = run_dbt("docs", "generate", output="published", **where)
    if not result.success:
        raise ClvError(f"The documentation could not be made: {result.exception or ''} See {logs / 'dbt.log'}.")
    print(f"Documentation and lineage: http://{HOST}:{port}/  (Ctrl-C ends it)", flush=True)
    run_dbt("docs", "serve", "--host", HOST, "--port", str(port), "--no-browser", **where)
