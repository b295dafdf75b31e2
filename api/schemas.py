"""What goes in and out: validated, and shown in /openapi.json."""

from __future__ import annotations

import re
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr

CUSTOMER = "2e3e4ab6ce1d4ba1a9a3a8d5e6a0d9b1"
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


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(default="about:blank", description="Always about:blank: the status says it all.")
    title: str = Field(description="The name of the status.", examples=["Not Found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(description="What is wrong and what to do.", examples=["No customer has this id."])


class CustomerPath(BaseModel):
    customer_id: str = Field(description="The customer's id, percent-encoded. One with a slash goes in the query.")


class CustomerQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    customer_id: str = Field(description="The customer's id, percent-encoded; any text, such as a%2Fb.")


HORIZON = "The value is that of so many days from the as-of date on; null where the model does not say."


class Prediction(BaseModel):
    """What one customer is predicted to be worth."""

    user_id: UserId
    clv: Value


class Filters(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    min_clv: float | None = Field(None, description="Only values from here up.")
    max_clv: float | None = Field(None, description="Only values up to here.")
    decile: int | None = Field(None, ge=1, le=10, description="Only this tenth of the customers; 1 is the top one.")
    tier: Tier | None = Field(None, description="Only customers of this tier of value.")
    lifecycle: Lifecycle | None = Field(None, description="Only customers who are there on their way.")


class ListingQuery(Filters):
    customer_id: str | None = Field(None, description="Only this customer: for ids that cannot stand in a path.")
    order: Literal["value", "id"] = Field("value", description="By value, highest first, or by id.")
    limit: int = Field(100, ge=1, le=1000, description="How many at most.")
    cursor: str | None = Field(None, description="The `next_cursor` of the page before; all else as it was there.")


SINCE = """Only who is new, changed or gone since this build, as `change` says; that predicted_at differs is no change.
It is the `Build-Id` of an earlier answer. Only the build before the one that is served is kept: for others it is a 410.
Whoever is gone has an id and nothing else, and passes no filter."""
Since = Annotated[str | None, Field(description=SINCE, json_schema_extra={"example": "20171017T030000-0a1b2c"})]


class CustomersQuery(ListingQuery):
    customer_id: str | None = Field(None, description="That customer alone, as `/customers/<customer_id>` has it.")
    order: Literal["value", "id"] = Field("id", description="By id, or by value, highest first.")
    changed_since: Since = None


class ExportQuery(Filters):
    changed_since: Since = None


class Listing(BaseModel):
    """One page of predictions."""

    predictions: list[Prediction]
    next_cursor: str | None = Field(description="Asks for the next page; null on the last.")


class LookupBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_ids: list[StrictStr] = Field(max_length=LOOKUP_LIMIT, examples=[[CUSTOMER, "a/b"]])


class Lookup(BaseModel):
    """The found ones in the order asked, and the ids that no customer has."""

    predictions: list[Prediction]
    unknown: list[str]


class Customer(BaseModel):
    """Everything about one customer: the features by their names, and the value among all values."""

    model_config = ConfigDict(extra="allow")

    user_id: UserId
    clv: Value
    rank: int = Field(description="1 is the highest value; equal values share a rank.", examples=[17])
    percentile: float = Field(description="Share of customers whose value is not above this one.", examples=[0.98])
    decile: int = Field(description="1 is the top tenth.", examples=[1])
    as_of_date: Day
    model_id: str = Field(description="First 12 hex digits of the model file's SHA-256.")
    horizon_days: int | None = Field(description=HORIZON, examples=[180])


class Gone(BaseModel):
    """A customer who was in the build that was asked for, and is in no order any more."""

    user_id: UserId
    change: Literal["gone"]


class Changed(Customer):
    """A customer who is new or another since the build that was asked for."""

    change: Literal["new", "changed"]


class Customers(BaseModel):
    """One page of customers."""

    customers: list[Customer | Changed | Gone]
    next_cursor: str | None = Field(description="Asks for the next page; null on the last.")


class Warned(BaseModel):
    """What a build doubts."""

    code: str = Field(description="Which warning it is, by a name that stays.", examples=["repeated_lines"])
    text: str = Field(description="What is doubtful, in plain words.")
    figures: dict[str, Any] = Field(description="The numbers in it, by name.")


class Point(BaseModel):
    """A customer's value on one day, and whatever else the model answered."""

    model_config = ConfigDict(extra="allow")

    as_of_date: Day
    clv: Value
    model_id: str | None


class History(BaseModel):
    """What a customer was predicted to be worth, oldest first."""

    user_id: UserId
    history: list[Point]


class Decile(BaseModel):
    decile: int
    customers: int
    total: float = Field(description="Sum of the values.")
    share: float | None = Field(description="Of the total of all customers; null where that is not above 0.")
    min_clv: float
    max_clv: float


class Segment(BaseModel):
    """The customers of one tier who are at one point of their way."""

    tier: Tier
    lifecycle: Lifecycle
    customers: int
    total: float = Field(description="Sum of the values.")
    share: float | None = Field(description="Of the total of all customers; null where that is not above 0.")


class Segments(BaseModel):
    """All customers by tier and lifecycle, every pair, also those that nobody is in."""

    customers: int
    total: float
    segments: list[Segment]


class Total(BaseModel):
    as_of_date: Day
    customers: int
    total: float
    model_id: str | None = Field(description="The model that said so: totals of two models are not to be compared.")
    horizon_days: int | None = Field(description=HORIZON)


class Movement(BaseModel):
    """Those of the customers who moved in one way."""

    movement: Literal["joined", "left", "risen", "fallen", "unchanged", "predicted anew"]
    customers: int
    before: float = Field(description="Sum of their values then.")
    now: float = Field(description="Sum of their values now.")


class Mover(BaseModel):
    user_id: UserId
    clv: Value
    before: float = Field(description="The value then.")


class Changes(BaseModel):
    """What changed since an earlier as-of date: the one nearest to a week before."""

    since: Day
    comparable: bool = Field(description="Whether the same model said both, over the same number of days.")
    movements: list[Movement] = Field(description="Every customer of then or now, in one of them.")
    risers: list[Mover] = Field(description="The ten who rose most; none where the two are not comparable.")
    fallers: list[Mover] = Field(description="The ten who fell most.")


class OutcomeOfTenth(BaseModel):
    decile: int
    customers: int
    customers_who_ordered: int
    predicted: float
    actual: float


class Outcome(BaseModel):
    """What was predicted then and what came of it, in money of then."""

    as_of_date: Day
    until: Day
    model_id: str
    horizon_days: int
    predicted: float
    actual: float
    deciles: list[OutcomeOfTenth]


class Cohort(BaseModel):
    """The customers whose first order is of one month."""

    month: Day = Field(description="The first day of the month.")
    customers: int
    repeat_customers: int = Field(description="How many bought on another day since.")
    revenue: float = Field(description="What they have spent, together.")
    clv: float = Field(description="What they are predicted to be worth, together.")


class UnusedLines(BaseModel):
    reason: str = Field(description="`left_out` as the mapping asks; any other is a line that cannot be used.")
    lines: int


class Summary(BaseModel):
    """What the page shows."""

    build: dict[str, Any] = Field(description="The build as its build_info has it.")
    customers: int
    total: float
    mean: float | None
    median: float | None
    deciles: list[Decile]
    top: list[Prediction] = Field(description="The ten highest values.")
    history: list[Total] = Field(description="All customers' value per as-of date, oldest first.")
    changes: Changes | None = Field(description="Null where there is no earlier date.")
    outcome: Outcome | None = Field(description="Null where no date's horizon has passed yet.")
    cohorts: list[Cohort] = Field(description="Oldest first.")
    lines_not_used: list[UnusedLines] = Field(description="The order lines that were not used, by reason.")
    training_report: str | None = Field(description="Where the report on this build's model is, if there is one here.")
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


class UploadQuery(BaseModel):
    """How a build of the uploaded orders differs from what the worker is set to."""

    model_config = ConfigDict(extra="forbid")

    as_of: Annotated[date | None, BeforeValidator(_day)] = Field(
        None, description="The day that features are taken at, YYYY-MM-DD; by default the one after the last order."
    )
    strict: bool | None = Field(None, description="Stop at what is only odd.")
    mapping: str | None = Field(
        None,
        max_length=4000,  # an address has at most 64 KB, of which a character may take 12 bytes
        description="How the orders are read: the text of an orders.yml. A longer one goes as a part of the form.",
    )
    name: str = Field("orders", min_length=1, max_length=200, description="What the file is called in the answers.")
    inspect: bool = Field(
        False, description="Only look at how it is read; it is built when `POST /builds/<build_id>` says so."
    )


class UploadForm(UploadQuery):
    """The same in a form, which has room for more."""

    mapping: str | None = Field(None, max_length=MAPPING_LIMIT)


class BuildPath(BaseModel):
    build_id: str = Field(description="As POST /orders answered.")


class MappingBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mapping: StrictStr = Field(
        max_length=MAPPING_LIMIT,
        description="The text of an orders.yml.",
        examples=['columns:\n  revenue: Total\ndates: "%d/%m/%Y"\n'],
    )


State = Literal["held", "queued", "running", "published", "failed", "cancelled"]
Moment = Annotated[str, Field(description="UTC.", examples=["2017-10-17T03:00:00.000000Z"])]


class Job(BaseModel):
    """A build that was asked for."""

    id: str = Field(examples=["20171017T030000-0f9a3c"])
    state: State
    source: Literal["upload", "schedule"]
    name: str = Field(description="What its orders are called.", examples=["orders.csv"])
    queued_at: Moment
    started_at: Moment | None
    ended_at: Moment | None
    message: str | None = Field(
        description="In plain lines why it failed, or what it waits for; null where there is nothing to say."
    )


class Jobs(BaseModel):
    """The latest hundred, the newest first."""

    builds: list[Job]
    uploads: Literal["taken", "token", "off"] = Field(
        description="Whether orders are taken from who asks; token: only with one that may upload."
    )
    upload_limit: int = Field(description="The most bytes that a file may have.", examples=[5368709120])


class Rejected(BaseModel):
    """Order lines that are not used, for one reason."""

    reason: str = Field(examples=["invalid_date"])
    lines: int
    examples: list[str]


class ReadColumn(BaseModel):
    """One of the six columns, and what of the file it is made of."""

    name: str = Field(examples=["revenue"])
    made_of: str = Field(description="A column, or columns with + - * between them.", examples=["Quantity * Price"])
    examples: list[str] = Field(description="Values that stand there.", examples=[["2 ; 9.95", "1 ; 20.00"]])


class Answer(BaseModel):
    line: str = Field(description="For the mapping.", examples=['dates: "%d/%m/%Y"'])
    meaning: str = Field(description="May be empty.", examples=["day first: 2024-04-03"])


class Question(BaseModel):
    """What only a person knows about the orders."""

    text: str = Field(examples=["03/04/2024 is 2024-04-03 (day first) or 2024-03-04 (month first)."])
    answers: list[Answer] = Field(description="Of which one is right; none where it can be written in many ways.")


class Reading(BaseModel):
    """How the orders would be read, as `make inspect` shows it."""

    problem: str | None = Field(description="Why they cannot be read; null where they can.")
    read_as: list[str] = Field(examples=[["delimiter ;", "a decimal comma"]])
    columns: list[ReadColumn] = Field(description="None where nothing can be read before a question is answered.")
    not_used: list[str] = Field(description="Columns of the file that nothing is made of.", examples=[["Notes"]])
    formats: list[str] = Field(description="Of dates and numbers.")
    lines: list[str] = Field(description="How many there are, of whom and from when.")
    mapping: str = Field(description="What is decided, as the text of an orders.yml.")
    questions: list[Question] = Field(description="What is not. With the right lines added, the mapping says all.")


class JobDetails(Job):
    """How far it is and what it found."""

    reading: Reading | None = Field(
        description="How the orders are read, where that was asked for with `inspect`; null until it is known."
    )
    step: str | None = Field(description="What it does now, or did last.", examples=["predict"])
    share_done: float = Field(description="Of the work, 0 to 1.")
    rows_scored: int = Field(description="Customers predicted for so far.")
    seconds: float | None = Field(description="Since it began; in all, once it has ended.")
    seconds_by_step: dict[str, float]
    warnings: list[Warned]
    rejected: list[Rejected] = Field(description="The lines that are not used; none before all lines are read.")
    build: dict[str, Any] | None = Field(description="Of a published one, as build_info has it.")


NEVER = "Absent where it never has."


class Health(BaseModel):
    """Whether the API can answer, and from what."""

    status: Literal["ok", "degraded", "unavailable"] = Field(description="degraded: it answers, but see problem.")
    problem: str | None = Field(description="What is wrong, in a plain line.")
    build_id: str | None = Field(description="The build that is served.")
    as_of_date: str | None
    customers: int | None
    age_seconds: float | None = Field(description="Since that build was made.")
    warnings: list[Warned] = Field(description="What that build doubts.")
    last_success_at: Moment | None = Field(None, description=f"When the worker last published. {NEVER}")
    last_success_age_seconds: float | None = Field(None, description=f"Since then. {NEVER}")
