"""What the API is measured beside: a route that returns a constant JSON, in its own app and in an empty Flask app."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from api import create_app
from api.policy import policy
from api.settings import Settings

CONSTANT = {"user_id": "2e3e4ab6ce1d4ba1a9a3a8d5e6a0d9b1", "clv": 244.9}


def with_constant() -> Flask:
    app = create_app(Settings(Path(os.environ["WAREHOUSE"])))
    app.add_url_rule("/constant", view_func=policy(who="token", limit=None)(lambda: CONSTANT))
    app.extensions["policies"].read(app)
    return app


def only_constant() -> Flask:
    app = Flask(__name__)
    app.add_url_rule("/constant", view_func=lambda: CONSTANT)
    return app
