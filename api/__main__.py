"""`python -m api`: the API on a production server, as `make serve` starts it."""

from __future__ import annotations

import argparse
import os
import sys

from granian import Granian
from granian.constants import Interfaces

from api.settings import Settings, SettingsError, is_loopback

THREADS = 8


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m api", description="Serve the published predictions over HTTP.")
    parser.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1")
    parser.add_argument("--port", type=int, default=os.environ.get("PORT") or "5000")
    parser.add_argument("--warehouse", default=os.environ.get("WAREHOUSE") or "warehouse")
    arguments = parser.parse_args()
    os.environ["WAREHOUSE"] = arguments.warehouse
    try:
        settings = Settings.read()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if not settings.tokens and not is_loopback(arguments.host):
        print(
            f"HOST={arguments.host} can be reached from other machines, so a token is needed: set API_TOKENS or "
            "API_TOKENS_FILE, or serve on HOST=127.0.0.1.",
            file=sys.stderr,
        )
        return 2
    Granian(
        "api:create_app",
        factory=True,
        address=arguments.host,
        port=arguments.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        websockets=False,
    ).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
