"""Orders that are uploaded, how they would be read, and the builds that come of them."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StrictStr

from api.schemas.common import BUILD_INFO, JOB, Model, Moment, Warned

ORDERS_YML = 'columns:\n  revenue: Total\ndates: "%d/%m/%Y"\n'
MAPPING_LIMIT = 1 << 16  # characters

State = Literal["held", "queued", "running", "published", "failed", "cancelled"]


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
