"""The factory: settings in, a Flask app out."""

from __future__ import annotations

import atexit

from flask import Flask
from flask_openapi3 import Info, License, OpenAPI, Server

from api import log, middleware, problems
from api.metrics import Metrics
from api.places import Places
from api.policy import LIMITS, Policies
from api.routes import builds, customers, docs, health, metrics, page, predictions, segments, summary, training_report
from api.schemas.common import Problem
from api.settings import Settings
from api.store.publication import Publication
from pipeline.jobs import Jobs

ABOUT = """What each customer is predicted to be worth, from the last published build. Errors are RFC 9457 problems.

Every answer from a build carries its `ETag`; send it back in `If-None-Match` and get 304 while nothing has changed.
An id that cannot stand in a path, such as `a/b`, goes into the query (`/customers?customer_id=a%2Fb`) or into the body
of `POST /predictions/lookup`.

Two things have one name in JSON and one elsewhere: a customer's id is `user_id` in what is answered as JSON, and
`customer_id` in addresses, CSV and tables; the predicted value is `clv` in JSON, and elsewhere `predicted_clv`."""
LICENSE = License(name="MIT", identifier="MIT")


def create_app(settings: Settings) -> Flask:
    """The API on `settings.warehouse`."""
    app = OpenAPI(
        __name__,
        info=Info(title="Customer Lifetime Value", version="1.0.0", description=ABOUT, license=LICENSE),
        security_schemes={"token": {"type": "http", "scheme": "bearer"}},
        openapi_extensions={"security": [{"token": []}]} if settings.tokens else None,
        servers=[Server(url="/", description="the one that gave this contract")],
        doc_ui=False,
        static_folder=None,
        validation_error_model=Problem,
        validation_error_callback=problems.from_validation,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False  # //x would redirect to x: another id, another customer
    app.config["MAX_CONTENT_LENGTH"] = problems.LARGEST_BODY
    problems.register(app)
    for room in (predictions, customers, summary, segments, training_report, builds, health, metrics):
        app.register_api(room.routes)
    for room in (docs, page):
        app.register_blueprint(room.routes)
    writer = log.to_stderr()
    atexit.register(writer.close)
    publication = Publication(settings.warehouse)
    atexit.register(publication.close)
    jobs = Jobs(settings.warehouse, settings.queue)
    places, policies = Places(LIMITS), Policies(app)
    app.extensions |= {
        "settings": settings,
        "publication": publication,
        "places": places,
        "policies": policies,
        "jobs": jobs,
        "metrics": Metrics(publication, places, writer, jobs),
    }
    app.wsgi_app = middleware.around(  # type: ignore[method-assign]
        app.wsgi_app, settings, policies, places, publication, app.extensions["metrics"], writer
    )
    return app
