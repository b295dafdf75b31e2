"""All customers in a few numbers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from api.schemas.common import BUILD_INFO, HORIZON, MODEL, Day, Lifecycle, Model, Tier, UserId, Value, Warned
from api.schemas.customers import Prediction


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
