"""What goes in and out: validated, and shown in /openapi.json."""

from __future__ import annotations

import re
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr, ValidationInfo, field_validator

CUSTOMER = "2e3e4ab6ce1d4ba1a9a3a8d5e6a0d9b1"
BUILD, JOB = "20171017T030000-0a1b2c", "20171017T025930-0f9a3c"
MODEL = "c6d33b9d2e9e"
ORDERS_YML = 'columns:\n  revenue: Total\ndates: "%d/%m/%Y"\n'
BUILD_INFO = {
    "build_id": BUILD,
    "built_at": "2017-10-17T03:00:00",
    "as_of_date": "2017-10-17",
    "orders_file": "orders.csv",
}
CURSOR = "WyIyMDE3MTAxN1QwMzAwMDAtMGExYjJjIiwgInZhbHVlIiwgMjQ0LjksICJhIl0"
LOOKUP_LIMIT = 10_000
MAPPING_LIMIT = 1 << 16  # characters

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
Day = Annotated[str, Field(description="A day, YYYY-MM-DD.", examples=["2017-10-17"])]


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


class CustomerPath(Model):
    customer_id: str = Field(
        description="The customer's id, percent-encoded. One with a slash goes in the query.", examples=[CUSTOMER]
    )


class CustomerQuery(Model):
    model_config = ConfigDict(extra="forbid")

    customer_id: str = Field(
        description="The customer's id, percent-encoded; any text, such as a%2Fb.", examples=["a/b"]
    )


HORIZON = "The value is that of so many days from the as-of date on; null where the model does not say."


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


class Warned(Model):
    """What a build doubts."""

    code: str = Field(description="Which warning it is, by a name that stays.", examples=["repeated_lines"])
    text: str = Field(
        description="What is doubtful, in plain words.",
        examples=["repeated order lines: 1; each counts as often as it stands in the file"],
    )
    figures: dict[str, Any] = Field(description="The numbers in it, by name.", examples=[{"n": 1}])


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


class Decile(Model):
    decile: int = Field(examples=[1])
    customers: int = Field(examples=[500])
    total: float = Field(description="Sum of the values.", examples=[122450.0])
    share: float | None = Field(
        description="Of the total of all customers; null where that is not above 0.", examples=[0.42]
    )
    min_clv: float = Field(examples=[120.5])
    max_clv: float = Field(examples=[2297.58])


class Segment(Model):
    """The customers of one tier who are at one point of their way."""

    tier: Tier
    lifecycle: Lifecycle
    customers: int = Field(examples=[180])
    total: float = Field(description="Sum of the values.", examples=[97000.0])
    share: float | None = Field(
        description="Of the total of all customers; null where that is not above 0.", examples=[0.33]
    )


class Segments(Model):
    """All customers by tier and lifecycle, every pair, also those that nobody is in."""

    customers: int = Field(examples=[5000])
    total: float = Field(examples=[291500.0])
    segments: list[Segment]


class Total(Model):
    as_of_date: Day
    customers: int = Field(examples=[5000])
    total: float = Field(examples=[291500.0])
    model_id: str | None = Field(
        description="The model that said so: totals of two models are not to be compared.", examples=[MODEL]
    )
    horizon_days: int | None = Field(description=HORIZON, examples=[180])


class Movement(Model):
    """Those of the customers who moved in one way."""

    movement: Literal["joined", "left", "risen", "fallen", "unchanged", "predicted anew"]
    customers: int = Field(examples=[120])
    before: float = Field(description="Sum of their values then.", examples=[8400.0])
    now: float = Field(description="Sum of their values now.", examples=[9100.0])


class Mover(Model):
    user_id: UserId
    clv: Value
    before: float = Field(description="The value then.", examples=[180.2])


class Changes(Model):
    """What changed since an earlier as-of date: the one nearest to a week before."""

    since: Day
    comparable: bool = Field(
        description="Whether the same model said both, over the same number of days.", examples=[True]
    )
    movements: list[Movement] = Field(description="Every customer of then or now, in one of them.")
    risers: list[Mover] = Field(description="The ten who rose most; none where the two are not comparable.")
    fallers: list[Mover] = Field(description="The ten who fell most.")


class OutcomeOfTenth(Model):
    decile: int = Field(examples=[1])
    customers: int = Field(examples=[480])
    customers_who_ordered: int = Field(examples=[310])
    predicted: float = Field(examples=[118000.0])
    actual: float = Field(examples=[112300.0])


class Outcome(Model):
    """What was predicted then and what came of it, in money of then."""

    as_of_date: Day
    until: Day
    model_id: str = Field(examples=[MODEL])
    horizon_days: int = Field(examples=[180])
    predicted: float = Field(examples=[280000.0])
    actual: float = Field(examples=[271400.0])
    deciles: list[OutcomeOfTenth]


class Cohort(Model):
    """The customers whose first order is of one month."""

    month: Day = Field(description="The first day of the month.")
    customers: int = Field(examples=[210])
    repeat_customers: int = Field(description="How many bought on another day since.", examples=[95])
    revenue: float = Field(description="What they have spent, together.", examples=[30250.0])
    clv: float = Field(description="What they are predicted to be worth, together.", examples=[12400.0])


class UnusedLines(Model):
    reason: str = Field(
        description="`left_out` as the mapping asks; any other is a line that cannot be used.",
        examples=["invalid_date"],
    )
    lines: int = Field(examples=[12])


class Summary(Model):
    """What the page shows."""

    build: dict[str, Any] = Field(description="The build as its build_info has it.", examples=[BUILD_INFO])
    customers: int = Field(examples=[5000])
    total: float = Field(examples=[291500.0])
    mean: float | None = Field(examples=[58.3])
    median: float | None = Field(examples=[31.07])
    deciles: list[Decile]
    top: list[Prediction] = Field(description="The ten highest values.")
    history: list[Total] = Field(description="All customers' value per as-of date, oldest first.")
    changes: Changes | None = Field(description="Null where there is no earlier date.")
    outcome: Outcome | None = Field(description="Null where no date's horizon has passed yet.")
    cohorts: list[Cohort] = Field(description="Oldest first.")
    lines_not_used: list[UnusedLines] = Field(description="The order lines that were not used, by reason.")
    training_report: str | None = Field(
        description="Where the report on this build's model is, if there is one here.", examples=["training-report"]
    )
    warnings: list[Warned]


def _day(text: Any) -> date:
    """Nothing but YYYY-MM-DD, where pydantic would also take seconds since 1970."""
    if isinstance(text, date):
        return text
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError("has to be a day, YYYY-MM-DD")


class UploadQuery(Model):
    """How a build of the uploaded orders differs from what the worker is set to."""

    model_config = ConfigDict(extra="forbid")

    as_of: Annotated[date | None, BeforeValidator(_day)] = Field(
        None,
        description="The day that features are taken at, YYYY-MM-DD; by default the one after the last order.",
    )
    strict: bool | None = Field(None, description="Stop at what is only odd.")
    mapping: str | None = Field(
        None,
        max_length=4000,  # an address has at most 64 KB, of which a character may take 12 bytes
        description="How the orders are read: the text of an orders.yml. A longer one goes as a part of the form.",
    )
    name: str = Field(
        "orders",
        min_length=1,
        max_length=200,
        description="What the file is called in the answers.",
    )
    inspect: bool = Field(
        False,
        description="Only look at how it is read; it is built when `POST /builds/<build_id>` says so.",
    )


class UploadForm(UploadQuery):
    """The same in a form, which has room for more."""

    mapping: str | None = Field(None, max_length=MAPPING_LIMIT)


class BuildPath(Model):
    build_id: str = Field(description="As POST /orders answered.", examples=[JOB])


class MappingBody(Model):
    model_config = ConfigDict(extra="forbid")

    mapping: StrictStr = Field(
        max_length=MAPPING_LIMIT,
        description="The text of an orders.yml.",
        examples=[ORDERS_YML],
    )


State = Literal["held", "queued", "running", "published", "failed", "cancelled"]
Moment = Annotated[str, Field(description="UTC.", examples=["2017-10-17T03:00:00.000000Z"])]


class Job(Model):
    """A build that was asked for."""

    id: str = Field(examples=[JOB])
    state: State
    source: Literal["upload", "schedule"]
    name: str = Field(description="What its orders are called.", examples=["orders.csv"])
    queued_at: Moment
    started_at: Moment | None
    ended_at: Moment | None
    message: str | None = Field(
        description="In plain lines why it failed, or what it waits for; null where there is nothing to say.",
        examples=["2 builds are before it."],
    )


class Jobs(Model):
    """The latest hundred, the newest first."""

    builds: list[Job]
    uploads: Literal["taken", "token", "off"] = Field(
        description="Whether orders are taken from who asks; token: only with one that may upload."
    )
    upload_limit: int = Field(description="The most bytes that a file may have.", examples=[5368709120])


class Rejected(Model):
    """Order lines that are not used, for one reason."""

    reason: str = Field(examples=["invalid_date"])
    lines: int = Field(examples=[1])
    examples: list[str] = Field(examples=[["line 5: x,x1,1,one,5,2017-10-01"]])


class ReadColumn(Model):
    """One of the six columns, and what of the file it is made of."""

    name: str = Field(examples=["revenue"])
    made_of: str = Field(description="A column, or columns with + - * between them.", examples=["Quantity * Price"])
    examples: list[str] = Field(description="Values that stand there.", examples=[["2 ; 9.95", "1 ; 20.00"]])


class Answer(Model):
    line: str = Field(description="For the mapping.", examples=['dates: "%d/%m/%Y"'])
    meaning: str = Field(description="May be empty.", examples=["day first: 2024-04-03"])


class Question(Model):
    """What only a person knows about the orders."""

    text: str = Field(examples=["03/04/2024 is 2024-04-03 (day first) or 2024-03-04 (month first)."])
    answers: list[Answer] = Field(description="Of which one is right; none where it can be written in many ways.")


class Reading(Model):
    """How the orders would be read, as `make inspect` shows it."""

    problem: str | None = Field(description="Why they cannot be read; null where they can.", examples=[None])
    read_as: list[str] = Field(examples=[["delimiter ;", "a decimal comma"]])
    columns: list[ReadColumn] = Field(description="None where nothing can be read before a question is answered.")
    not_used: list[str] = Field(description="Columns of the file that nothing is made of.", examples=[["Notes"]])
    formats: list[str] = Field(
        description="Of dates and numbers.", examples=[["dates: %d/%m/%Y (day first), 3 different values"]]
    )
    lines: list[str] = Field(
        description="How many there are, of whom and from when.",
        examples=[["3 lines of 2 customers, 2024-04-03 to 2024-08-07"]],
    )
    mapping: str = Field(description="What is decided, as the text of an orders.yml.", examples=[ORDERS_YML])
    questions: list[Question] = Field(description="What is not. With the right lines added, the mapping says all.")


class JobDetails(Job):
    """How far it is and what it found."""

    reading: Reading | None = Field(
        description="How the orders are read, where that was asked for with `inspect`; null until it is known."
    )
    step: str | None = Field(description="What it does now, or did last.", examples=["predict"])
    share_done: float = Field(description="Of the work, 0 to 1.", examples=[0.4])
    rows_scored: int = Field(description="Customers predicted for so far.", examples=[5000])
    seconds: float | None = Field(description="Since it began; in all, once it has ended.", examples=[12.4])
    seconds_by_step: dict[str, float] = Field(examples=[{"start": 0.1, "load lines": 2.3}])
    warnings: list[Warned]
    rejected: list[Rejected] = Field(description="The lines that are not used; none before all lines are read.")
    build: dict[str, Any] | None = Field(description="Of a published one, as build_info has it.", examples=[BUILD_INFO])


NEVER = "Absent where it never has."


class Health(Model):
    """Whether the API can answer, and from what."""

    status: Literal["ok", "degraded", "unavailable"] = Field(
        description="degraded: it answers, but see problem.", examples=["ok"]
    )
    problem: str | None = Field(description="What is wrong, in a plain line.", examples=[None])
    build_id: str | None = Field(description="The build that is served.", examples=[BUILD])
    as_of_date: str | None = Field(examples=["2017-10-17"])
    customers: int | None = Field(examples=[5000])
    age_seconds: float | None = Field(description="Since that build was made.", examples=[3600.0])
    warnings: list[Warned] = Field(description="What that build doubts.")
    last_success_at: Moment | None = Field(None, description=f"When the worker last published. {NEVER}")
    last_success_age_seconds: float | None = Field(None, description=f"Since then. {NEVER}", examples=[3600.0])
