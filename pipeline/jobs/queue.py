"""The queue that wakes the worker: huey on a file of its own or on Redis.

It carries no builds. Which there are stands in the ledger, so a message that is lost costs a minute, and one that
comes twice nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from huey import Huey, RedisHuey, SqliteHuey, crontab

CONNECT_SECONDS = 2


def open_queue(address: str, file: Path) -> Huey:
    """`address`: that of a Redis; "" for the file."""
    if address:
        divider = "&" if "?" in address else "?"
        return RedisHuey("clv", url=f"{address}{divider}socket_connect_timeout={CONNECT_SECONDS}", results=False)
    return SqliteHuey("clv", filename=str(file), results=False)


def is_address(text: str) -> bool:
    try:
        return bool(re.match(r"(rediss?|unix)://.", text) and open_queue(text, Path()))
    except ValueError:
        return False


def wakes(queue: Huey, work: Callable[[], None] = lambda: None) -> Callable[[], object]:
    """What calls `work` at the worker, in whichever process it is called. The queue's own clock does each minute."""

    def wake() -> None:
        work()

    queue.periodic_task(crontab(minute="*"), name="each_minute")(wake)
    return queue.task()(wake)
