"""When a build is due: cron's five fields in a time zone, and the due moments that nobody was there for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
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
        just_after = now.astimezone(self.zone) + timedelta(microseconds=1)
        # Of an hour that comes twice, as the clock goes back, the first counts.
        return croniter(self.cron, just_after).get_prev(datetime).astimezone(self.zone).replace(fold=0)

    def next_due(self, now: datetime, number: int) -> list[datetime]:
        """The next moments after `now`."""
        return list(islice(croniter(self.cron, now.astimezone(self.zone)).all_next(datetime), number))


def is_cron(text: str) -> bool:
    return len(text.split()) == 5 and croniter.is_valid(text)
