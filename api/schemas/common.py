"""What the other schemas have in common: errors, warnings, and the fields that come in many."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

CUSTOMER = "2e3e4ab6ce1d4ba1a9a3a8d5e6a0d9b1"
BUILD, JOB = "20171017T030000-0a1b2c", "20171017T025930-0f9a3c"
MODEL = "c6d33b9d2e9e"
BUILD_INFO = {
    "build_id": BUILD,
    "built_at": "2017-10-17T03:00:00",
    "as_of_date": "2017-10-17",
    "orders_file": "orders.csv",
}

Tier = Literal["high", "medium", "low"]
Lifecycle = Literal["new", "active", "slipping", "lapsed"]
TIERS, LIFECYCLES = get_args(Tier), get_args(Lifecycle)

UserId = Annotated[str, Field(description="The customer's id, as in the orders.", examples=[CUSTOMER])]
Value = Annotated[
    float,
    Field(
        description="Predicted value, in the currency of the orders, over the horizon that /summary names.",
        examples=[244.9],
    ),
]
Moment = Annotated[str, Field(description="UTC.", examples=["2017-10-17T03:00:00.000000Z"])]
Day = Annotated[str, Field(description="A day, YYYY-MM-DD.", examples=["2017-10-17"])]
HORIZON = "The value is that of so many days from the as-of date on; null where the model does not say."

Responses = dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None]  # in the words of flask-openapi3


def problems(*statuses: int) -> Responses:
    """These errors, for a route's `responses`."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {status: {"content": {"application/problem+json": {"schema": schema}}} for status in statuses}


def _with_examples(schema: dict[str, Any]) -> None:
    """What writes the contract knows one `example` of a field, and leaves `examples` out."""
    for each in schema.get("properties", {}).values():
        for part in (each, *each.get("anyOf", ())):
            if "examples" in part:
                each["example"] = part.pop("examples")[0]


class Model(BaseModel):
    model_config = ConfigDict(json_schema_extra=_with_examples)


class Problem(Model):
    """An error (RFC 9457)."""

    type: str = Field(
        default="about:blank", description="Always about:blank: the status says it all.", examples=["about:blank"]
    )
    title: str = Field(description="The name of the status.", examples=["Not Found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(description="What is wrong and what to do.", examples=["No customer has this id."])


class Warned(Model):
    """What a build doubts."""

    code: str = Field(description="Which warning it is, by a name that stays.", examples=["repeated_lines"])
    text: str = Field(
        description="What is doubtful, in plain words.",
        examples=["repeated order lines: 1; each counts as often as it stands in the file"],
    )
    figures: dict[str, Any] = Field(description="The numbers in it, by name.", examples=[{"n": 1}])
