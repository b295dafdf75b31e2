"""When a build is due: cron's five fields in a time zone, and the due moments that nobody was there for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from croniter import croniter


@dataclass(frozen=True)
class Schedule:
    """`cron`: minute, hour, day of the month, month, day of the week, as crontab(5) has them; `zone` says whose."""

    cron: str
    zone: ZoneInfo

    def last_due(self, now: datetime) -> datetime:
        """The latest moment up to `now`."""
        just_after = now.astimezone(UTC) + timedelta(microseconds=1)  # a sum forgets which of two equal hours it is in
        due = croniter(self.cron, just_after.astimezone(self.zone)).get_prev(datetime).astimezone(self.zone)
        return due if self._each_hour else due.replace(fold=0)

    def next_due(self, now: datetime, number: int) -> list[datetime]:
        """The next moments after `now`."""
        due = croniter(self.cron, now.astimezone(self.zone)).all_next(datetime)
        return list(islice((moment for moment in due if self._each_hour or not moment.fold), number))

    @property
    def _each_hour(self) -> bool:
        """Whether both count of an hour that comes twice, as the clock goes back; else the first, as in cron(8)."""
        return self.cron.split()[1] == "*"


def is_cron(text: str) -> bool:
    return len(text.split()) == 5 and croniter.is_valid(text)
