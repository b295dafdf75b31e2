"""Which dates a training looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.errors import ClvError
from pipeline.settings import Settings, command_line, short
from predictor.training import dates


@dataclass(frozen=True)
class Plan:
    """The dates of one training: a test at the horizon before the last day, one before that, and the model itself."""

    last_day: date
    horizon: int
    test: dates.Schedule
    final: dates.Schedule
    earlier_year_ago: tuple[date, ...]

    @property
    def labelled(self) -> list[tuple[date, int]]:
        """Every date that features are taken at, with the number of days after it that are needed."""
        learned_from = {(each, part.days) for part in (self.test, self.final) for each in part.cutoffs}
        seasons = {(each, self.horizon) for part in (self.test, self.final) for each in part.year_ago}
        earlier = {(each, self.test.days) for each in self.earlier_year_ago}
        return sorted({*learned_from, *seasons, *earlier, (self.test.as_of, self.horizon)})


def make_plan(first: date, last: date, settings: Settings) -> Plan:
    """For orders from `first` to `last`. Raises ClvError, which names the longest horizon that works, for too few."""
    horizon, longest = settings.horizon, dates.longest_horizon(first, last)
    if horizon > longest:
        reach = f"{short(settings.orders)} reaches from {first} to {last}, {(last - first).days + 1:,} days"
        if not longest:
            raise ClvError(
                f"{reach}: too few to learn from and to test on any horizon. Name a file with a longer history."
            )
        raise ClvError(
            f"{reach}: too few to learn from, and then to test, what the next {horizon} are worth.\n"
            f"The longest horizon that works is {longest} days: {command_line('train', settings, HORIZON=longest)}"
        )
    test = dates.schedule(first, last - timedelta(horizon), horizon)
    earlier = dates.a_year_ago(first, test.cutoffs[0], test.days) if test.cutoffs else ()
    return Plan(last, horizon, test, dates.schedule(first, last, horizon), earlier)
