"""Whether the API works."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.schemas.common import BUILD, Model, Moment, Warned

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
