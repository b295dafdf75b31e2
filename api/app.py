"""The factory: settings in, a Flask app out."""

from __future__ import annotations

import atexit

from flask import Flask
from flask_openapi3 import Info, OpenAPI

from api import health, predictions, problems
from api.publication import Publication
from api.settings import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """The API on `settings.warehouse`; settings come from the environment where none are given."""
    settings = settings or Settings.read()
    app = OpenAPI(
        __name__,
        info=Info(title="Customer Lifetime Value", version="1.0.0"),
        doc_ui=False,
        static_folder=None,
        validation_error_model=problems.Problem,
        validation_error_callback=problems.from_validation,
    )
    app.json.sort_keys = False
    app.url_map.merge_slashes = False  # //x would redirect to x: another id, another customer
    app.config["MAX_CONTENT_LENGTH"] = 4 * 1024 * 1024
    publication = Publication(settings.warehouse)
    atexit.register(publication.close)
    app.extensions["publication"] = publication
    problems.register(app)
    for room in (predictions, health):
        app.register_api(room.routes)
    return app
