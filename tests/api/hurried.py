"""The API with little patience, so that tests need not wait for half a minute."""

from __future__ import annotations

import os
from pathlib import Path

from api import server
from api.settings import Settings

if __name__ == "__main__":
    server.serve(Settings(Path(os.environ["WAREHOUSE"]), port=int(os.environ["PORT"]), body_seconds=2, idle_seconds=2))
