"""How the routes stand in the contract: under a tag, each by the name of its view."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint, Tag

TAGS = {
    "Predictions": "What customers are predicted to be worth: one, many, all.",
    "Customers": "All that is known of customers: features, value, chances, segments, history.",
    "Summary": "All customers in a few numbers.",
    "Builds": "Orders that come in, and what is built of them.",
    "Operations": "Whether it works.",
}


def api_blueprint(name: str, *, tag: str) -> APIBlueprint:
    return APIBlueprint(
        name, name, abp_tags=[Tag(name=tag, description=TAGS[tag])], operation_id_callback=_operation_id
    )


def _operation_id(*, name: str, path: str, method: str) -> str:
    """`predictions.list_predictions` becomes `list_predictions`: what a generated client calls it."""
    return name
