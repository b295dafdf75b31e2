"""The API with little patience, so that tests need not wait for half a minute."""

from __future__ import annotations

import os
from pathlib import Path

from api import server
from api.settings import Settings

if __name__ == "__main__":
    warehouse, port = Path(os.environ["WAREHOUSE"]), int(os.environ["PORT"])
    body_seconds = float(os.environ.get("BODY_SECONDS", "2"))
    server.serve(Settings(warehouse, port=port, body_seconds=body_seconds, idle_seconds=2))
