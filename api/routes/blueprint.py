"""How the routes stand in the contract: under a tag, each by the name of its view."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint, Tag


def api_blueprint(name: str, *, tag: str) -> APIBlueprint:
    return APIBlueprint(name, name, abp_tags=[Tag(name=tag)], operation_id_callback=_operation_id)


def _operation_id(*, name: str, path: str, method: str) -> str:
    """`predictions.listing` becomes `listing`: what a generated client calls it."""
    return name
