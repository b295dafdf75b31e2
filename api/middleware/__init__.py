"""What every request passes on its way to Flask, outermost first.

Each layer is a `Handler`: an environ as WSGI has it in, a `Reply` out. They are no Flask hooks, because every request
pays for them: this way it pays a third.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api.log import LogWriter
from api.metrics import Metrics
from api.middleware.access_log import AccessLog
from api.middleware.auth import Auth
from api.middleware.body_timeout import BodyTimeout
from api.middleware.conditional import Conditional
from api.middleware.cors import Cors
from api.middleware.cut_short import CutShort
from api.middleware.encoding import Encoding
from api.middleware.handler import from_wsgi
from api.middleware.limits import Limits
from api.middleware.one_prediction import OnePrediction
from api.middleware.security_headers import SecurityHeaders
from api.places import Places
from api.policy import Policies
from api.settings import Settings
from api.store.publication import Publication


def around(
    app: Callable[..., Any],
    settings: Settings,
    policies: Policies,
    places: Places,
    publication: Publication,
    metrics: Metrics,
    log: LogWriter,
) -> AccessLog:
    """The WSGI application `app` behind all layers."""
    handler = from_wsgi(app)
    handler = BodyTimeout(handler, settings.body_seconds)
    handler = Limits(handler, policies, places)
    handler = OnePrediction(handler, publication)
    handler = Encoding(handler)
    handler = Auth(handler, policies, settings)
    handler = Conditional(handler)
    handler = SecurityHeaders(handler)
    handler = CutShort(handler)
    if settings.cors_origins:
        handler = Cors(handler, settings.cors_origins)
    return AccessLog(handler, metrics, log, log_customers=settings.log_customers)
