"""What goes in and out: validated, and shown in /openapi.json."""

from __future__ import annotations

from pydantic import BaseModel, Field

CUSTOMER = "2e3e4ab6ce1d4ba1a9a3a8d5e6a0d9b1"


class CustomerPath(BaseModel):
    customer_id: str = Field(description="The customer's id, percent-encoded. One with a slash goes in the query.")


class Prediction(BaseModel):
    """What one customer is predicted to be worth."""

    user_id: str = Field(examples=[CUSTOMER])
    clv: float = Field(description="Predicted value in the currency of the orders' revenue.", examples=[244.9])


class Health(BaseModel):
    """Whether the API can answer, and from what."""

    status: str = Field(description="ok, degraded (answers, but see problem) or unavailable.", examples=["ok"])
    problem: str | None = Field(description="What is wrong, in a plain line.")
    build_id: str | None = Field(description="The build that is served.")
    as_of_date: str | None
    customers: int | None
    age_seconds: float | None = Field(description="Since that build was made.")
