"""The ledger: every build that was asked for, and its state. It alone decides what is built, so that a kill at any
moment loses nothing and builds nothing twice.

    held ──▶ queued ──▶ running ──▶ published | failed | cancelled
                ▲──────────┘ where the worker ended in its middle
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MOST_QUEUED = 50
BUSY_SECONDS = 30  # that another process may take for its transaction; each takes milliseconds
ENDED = ("published", "failed", "cancelled")
STATES = ("held", "queued", "running", *ENDED)
OWN = {"ORDERS", "TABLE", "QUERY", "MAPPING", "AS_OF", "STRICT"}  # variables that a build may have for itself

_TABLE = f"""
create table if not exists builds (
    number integer primary key autoincrement,
    id text not null unique,
    source text not null check (source in ('upload', 'schedule')),
    name text not null,
    variables text not null,
    state text not null check (state in {STATES}),
    queued_at text not null,
    started_at text,
    ended_at text,
    attempts integer not null default 0,
    cancel integer not null default 0,
    told integer not null default 0,
    message text
)
"""

_HELD = "where id = ? and state = 'held'"
_DUE = "create table if not exists due (handled text not null)"  # one row: up to when the schedule is done


class QueueFull(Exception):
    """As many builds wait as may."""


@dataclass(frozen=True)
class Build:
    """A row of the ledger. Times are UTC.

    `state`: held is one that is only looked at until somebody says that it is to be built.
    `source`: upload or schedule. `name`: what a person calls its orders. `variables`: those of `pipeline build` that
    this build has for itself. `attempts`: how often it was started. `cancel`: whether somebody asked for its end.
    `told`: whether those whom it concerns have word of how it ended. `message`: how it ended, for people; None where
    there is nothing to say.
    """

    number: int
    id: str
    source: str
    name: str
    variables: Mapping[str, str]
    state: str
    queued_at: str
    started_at: str | None
    ended_at: str | None
    attempts: int
    cancel: bool
    told: bool
    message: str | None

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED


class Ledger:
    """Opened for each question: nothing is held open between two, by whoever may be killed."""

    def __init__(self, file: Path):
        self.file = file

    def add(self, build_id: str, source: str, name: str, variables: Mapping[str, str], state: str = "queued") -> Build:
        """Queues a build, or holds it. QueueFull where MOST_QUEUED wait already."""
        with self._writing() as rows:
            if self._waiting(rows) >= MOST_QUEUED:
                raise QueueFull
            rows.execute(
                "insert into builds (id, source, name, variables, state, queued_at) values (?, ?, ?, ?, ?, ?)",
                (build_id, source, name, json.dumps(dict(variables)), state, now()),
            )
        return self.get(build_id)

    def add_due(self, due: datetime, name: str) -> bool:
        """Queues a build for the moment `due`, unless it has one, or one from before waits or runs. Whether it did.

        What was due before the first call of all is not made up for.
        """
        moment = f"{due.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        with self._writing() as rows:
            handled = rows.execute("select handled from due").fetchone()
            if handled is None:
                rows.execute("insert into due values (?)", (max(moment, now()),))
                return False
            if moment <= handled["handled"]:
                return False
            rows.execute("update due set handled = ?", (moment,))
            asked = "select 1 from builds where source = 'schedule' and state in ('queued', 'running')"
            if rows.execute(asked).fetchone():
                return False
            rows.execute(
                "insert into builds (id, source, name, variables, state, queued_at) "
                "values (?, 'schedule', ?, '{}', 'queued', ?)",
                (new_id(), name, now()),
            )
        return True

    def last_published(self) -> Build | None:
        with self._reading() as rows:
            asked = "select * from builds where state = 'published' order by ended_at desc limit 1"
            found = rows.execute(asked).fetchone()
            return _build(found) if found else None

    def by_state(self) -> dict[str, int]:
        """How many of the builds that are remembered are in each state."""
        with self._reading() as rows:
            counted = rows.execute("select state, count(*) as builds from builds group by state").fetchall()
        return dict.fromkeys(STATES, 0) | {row["state"]: row["builds"] for row in counted}

    def is_full(self) -> bool:
        with self._reading() as rows:
            return self._waiting(rows) >= MOST_QUEUED

    def get(self, build_id: str) -> Build:
        """KeyError where there is none."""
        with self._reading() as rows:
            found = rows.execute("select * from builds where id = ?", (build_id,)).fetchone()
        if found is None:
            raise KeyError(build_id)
        return _build(found)

    def newest(self, limit: int) -> list[Build]:
        with self._reading() as rows:
            return [_build(row) for row in rows.execute("select * from builds order by number desc limit ?", (limit,))]

    def before(self, build: Build) -> int:
        """How many builds are built before this one that waits."""
        with self._reading() as rows:
            asked = "select count(*) from builds where state = 'running' or (state = 'queued' and number < ?)"
            return rows.execute(asked, (build.number,)).fetchone()[0]

    def running(self) -> list[Build]:
        return self._where("state = 'running'")

    def held(self) -> list[Build]:
        return self._where("state = 'held'")

    def untold(self) -> list[Build]:
        """Those that have come to an end of which nobody has word yet."""
        return self._where("state in ('published', 'failed') and told = 0")

    def tell(self, build: Build) -> None:
        """Notes that those whom it concerns have word of it."""
        with self._writing() as rows:
            rows.execute("update builds set told = 1 where id = ?", (build.id,))

    def release(self, build_id: str) -> bool:
        """Queues a build that is held, in the place of its upload. Whether it was held."""
        with self._writing() as rows:
            return bool(rows.execute(f"update builds set state = 'queued' {_HELD}", (build_id,)).rowcount)

    def change(self, build_id: str, variables: Mapping[str, str]) -> bool:
        """Gives a build that is held other variables. Whether it was held."""
        with self._writing() as rows:
            changed = rows.execute(f"update builds set variables = ? {_HELD}", (json.dumps(dict(variables)), build_id))
            return bool(changed.rowcount)

    def claim(self) -> Build | None:
        """Takes the build that has waited longest; None where none waits."""
        with self._writing() as rows:
            found = rows.execute("select id from builds where state = 'queued' order by number limit 1").fetchone()
            if found is None:
                return None
            rows.execute(
                "update builds set state = 'running', started_at = ?, attempts = attempts + 1 where id = ?",
                (now(), found["id"]),
            )
        return self.get(found["id"])

    def requeue(self, build: Build, attempts: int) -> None:
        """Has it wait again, in its old place."""
        self._change(build, "state = 'queued', started_at = null, attempts = ?", attempts)

    def end(self, build: Build, state: str, message: str | None) -> None:
        self._change(build, "state = ?, ended_at = ?, message = ?", state, now(), message)

    def cancel(self, build_id: str) -> Build:
        """Cancels what is held or waits; notes it for the worker where it runs. One that has ended stays as it is."""
        with self._writing() as rows:
            rows.execute(
                "update builds set state = 'cancelled', ended_at = ? where id = ? and state in ('held', 'queued')",
                (now(), build_id),
            )
            rows.execute("update builds set cancel = 1 where id = ? and state = 'running'", (build_id,))
        return self.get(build_id)

    def remove_all_but(self, newest: int) -> None:
        """Forgets the oldest that have ended, never the last success: after many failures it is what people ask for."""
        with self._writing() as rows:
            rows.execute(
                "delete from builds where state in ('published', 'failed', 'cancelled') "
                "and number <= (select max(number) from builds) - ? and id is not "
                "(select id from builds where state = 'published' order by ended_at desc limit 1)",
                (newest,),
            )

    def ids(self) -> set[str]:
        with self._reading() as rows:
            return {row["id"] for row in rows.execute("select id from builds")}

    def _change(self, build: Build, changes: str, *values: Any) -> None:
        with self._writing() as rows:
            rows.execute(f"update builds set {changes} where id = ? and state = 'running'", (*values, build.id))

    @staticmethod
    def _waiting(rows: sqlite3.Connection) -> int:
        return rows.execute("select count(*) from builds where state in ('held', 'queued')").fetchone()[0]

    def _where(self, condition: str) -> list[Build]:
        with self._reading() as rows:
            return [_build(row) for row in rows.execute(f"select * from builds where {condition} order by number")]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on the disk when it is left."""
        rows = sqlite3.connect(self.file, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            rows.row_factory = sqlite3.Row
            rows.execute("begin immediate")
            rows.execute(_TABLE)
            rows.execute(_DUE)
            _stop_at_another_table(rows)
            yield rows
            rows.execute("commit")
        finally:
            rows.close()  # what was not committed is rolled back

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Also for who may not write. Who may, puts right what a killed writer has left."""
        mode = "rw" if os.access(self.file, os.W_OK) else "ro"
        name = f"{self.file.as_uri()}?mode={mode}" if self.file.exists() else ":memory:"
        rows = sqlite3.connect(name, timeout=BUSY_SECONDS, uri=True)
        try:
            rows.row_factory = sqlite3.Row
            if not _stop_at_another_table(rows):
                rows.execute(_TABLE.replace("create table", "create temporary table"))
            yield rows
        finally:
            rows.close()


def new_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def _stop_at_another_table(rows: sqlite3.Connection) -> bool:
    """Whether the file has the table. Raises sqlite3.DatabaseError where that is not the one made here.

    SQLite keeps the text that a table was made by (https://sqlite.org/schematab.html), so there is no number to raise.
    """
    found = rows.execute("select sql from sqlite_master where name = 'builds'").fetchone()
    if found and found["sql"].partition("(")[2].split() != _TABLE.partition("(")[2].split():
        raise sqlite3.DatabaseError("it was written by another version of this project")
    return bool(found)


def _build(row: sqlite3.Row) -> Build:
    """Raises sqlite3.DatabaseError for a row that nobody here has written: its id is the name of a folder, and its
    variables become a process's environment."""
    fields = dict(row)
    try:
        variables = json.loads(fields["variables"])
        if not re.fullmatch(r"[\w-]{1,64}", fields["id"], re.ASCII) or not variables.keys() <= OWN:
            raise ValueError
        if any(not isinstance(text, str) or "\0" in text for text in variables.values()):
            raise ValueError
        for moment in (fields["queued_at"], fields["started_at"], fields["ended_at"]):
            datetime.fromisoformat(moment or now())
    except (ValueError, TypeError, AttributeError):
        raise sqlite3.DatabaseError(f"its build number {fields['number']} is none that was queued here") from None
    flags = {name: bool(fields[name]) for name in ("cancel", "told")}
    return Build(**fields | flags | {"variables": variables})
