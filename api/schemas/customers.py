"""Customers: which ones are asked for, and what is answered of one, of a page, and of all dates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictStr, ValidationInfo, field_validator

from api.schemas.common import CUSTOMER, HORIZON, MODEL, Day, Lifecycle, Model, Tier, UserId, Value

CURSOR = "WyIyMDE3MTAxN1QwMzAwMDAtMGExYjJjIiwgInZhbHVlIiwgMjQ0LjksICJhIl0"
LOOKUP_LIMIT = 10_000


class CustomerPath(Model):
    customer_id: str = Field(
        description="The customer's id, percent-encoded. One with a slash goes in the query.", examples=[CUSTOMER]
    )


class CustomerQuery(Model):
    model_config = ConfigDict(extra="forbid")

    customer_id: str = Field(
        description="The customer's id, percent-encoded; any text, such as a%2Fb.", examples=["a/b"]
    )


class Prediction(Model):
    """What one customer is predicted to be worth."""

    user_id: UserId
    clv: Value


class Filters(Model):
    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    min_clv: float | None = Field(None, description="Only values from here up, such as 100.")
    max_clv: float | None = Field(None, description="Only values up to here, such as 99.5.")
    decile: int | None = Field(None, ge=1, le=10, description="Only this tenth of the customers; 1 is the top one.")
    tier: Tier | None = Field(None, description="Only customers of this tier of value.")
    lifecycle: Lifecycle | None = Field(None, description="Only customers who are there on their way.")


class ListingQuery(Filters):
    customer_id: str | None = Field(
        None, description="Only this customer: for ids that cannot stand in a path, such as a%2Fb."
    )
    order: Literal["value", "id"] = Field("value", description="By value, highest first, or by id.")
    limit: int = Field(100, ge=1, le=1000, description="How many at most.")
    cursor: str | None = Field(None, description="The `next_cursor` of the page before; all else as it was there.")

    @field_validator("customer_id")
    @classmethod
    def _goes_alone(cls, customer_id: str | None, before: ValidationInfo) -> str | None:
        """Of one customer nothing is left to choose, and an answer beside a filter would look as if it passed it."""
        filters = [name for name, value in before.data.items() if value is not None]
        if customer_id is not None and filters:
            raise ValueError(f"goes alone, without {', '.join(filters)}")
        return customer_id


SINCE = """Only who is new, changed or gone since this build, as `change` says; that predicted_at differs is no change.
It is the `Build-Id` of an earlier answer, such as 20171017T030000-0a1b2c. Only the build before the one that is served
is kept: for others it is a 410. Whoever is gone has an id and nothing else, and passes no filter."""
Since = Annotated[str | None, Field(description=SINCE)]


class ExportQuery(Filters):
    changed_since: Since = None


class CustomersQuery(ListingQuery, ExportQuery):  # in this order, by which changed_since is known before customer_id is
    customer_id: str | None = Field(
        None, description="That customer alone, as `/customers/<customer_id>` has it; for ids such as a%2Fb."
    )
    order: Literal["value", "id"] = Field("id", description="By id, or by value, highest first.")


class Listing(Model):
    """One page of predictions."""

    predictions: list[Prediction]
    next_cursor: str | None = Field(description="Asks for the next page; null on the last.", examples=[CURSOR])


class LookupBody(Model):
    model_config = ConfigDict(extra="forbid")

    user_ids: list[StrictStr] = Field(max_length=LOOKUP_LIMIT, examples=[[CUSTOMER, "a/b"]])


class Lookup(Model):
    """The found ones in the order asked, and the ids that no customer has."""

    predictions: list[Prediction]
    unknown: list[str] = Field(examples=[["a/b"]])


class Customer(Model):
    """Everything about one customer: the features by their names, and the value among all values."""

    model_config = ConfigDict(extra="allow")

    user_id: UserId
    clv: Value
    rank: int = Field(description="1 is the highest value; equal values share a rank.", examples=[17])
    percentile: float = Field(description="Share of customers whose value is not above this one.", examples=[0.98])
    decile: int = Field(description="1 is the top tenth.", examples=[1])
    as_of_date: Day
    model_id: str = Field(description="First 12 hex digits of the model file's SHA-256.", examples=[MODEL])
    horizon_days: int | None = Field(description=HORIZON, examples=[180])


class Gone(Model):
    """A customer who was in the build that was asked for, and is in no order any more."""

    user_id: UserId
    change: Literal["gone"]


class Changed(Customer):
    """A customer who is new or another since the build that was asked for."""

    change: Literal["new", "changed"]


class Customers(Model):
    """One page of customers."""

    customers: list[Customer | Changed | Gone]
    next_cursor: str | None = Field(description="Asks for the next page; null on the last.", examples=[CURSOR])


class Point(Model):
    """A customer's value on one day, and whatever else the model answered."""

    model_config = ConfigDict(extra="allow")

    as_of_date: Day
    clv: Value
    model_id: str | None = Field(examples=[MODEL])


class History(Model):
    """What a customer was predicted to be worth, oldest first."""

    user_id: UserId
    history: list[Point]
