"""How the routes stand in the contract: under a tag, each by its view's name, with the parameters that it names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Response, current_app, request
from flask_openapi3 import APIBlueprint, Tag

from api.problems import problem
from api.schemas.common import problems

TAGS = {
    "Predictions": "What customers are predicted to be worth: one, many, all.",
    "Customers": "All that is known of customers: features, value, chances, segments, history.",
    "Summary": "All customers in a few numbers.",
    "Builds": "Orders that come in, and what is built of them.",
    "Operations": "Whether it works.",
}


def api_blueprint(name: str, *, tag: str) -> APIBlueprint:
    blueprint = APIBlueprint(
        name,
        name,
        abp_tags=[Tag(name=tag, description=TAGS[tag])],
        abp_responses=problems(422),
        operation_id_callback=_operation_id,
    )
    blueprint.before_request(_stop_at_wrong_parameters)
    return blueprint


def _stop_at_wrong_parameters() -> Response | None:
    """Of two values one would count, in silence. A route that takes parameters checks the rest itself; to the others
    each is a typing error."""
    if not request.query_string:
        return None
    if not _takes_parameters(current_app.view_functions[str(request.endpoint)]):
        name = next(iter(request.args), "")
        return problem(422, f"{name}: is not known here; this address takes no parameters.")
    for name, values in request.args.lists():
        if len(values) > 1:
            return problem(422, f"{name}: is given {len(values)} times; give it once.")
    return None


@cache
def _takes_parameters(view: Callable[..., Any]) -> bool:
    return "query" in inspect.signature(view).parameters


def _operation_id(*, name: str, path: str, method: str) -> str:
    """`predictions.list_predictions` becomes `list_predictions`: what a generated client calls it."""
    return name
