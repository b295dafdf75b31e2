"""A Postgres by its address: how it is connected to, and what goes wrong there in plain words, without a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.address import Address
from pipeline.errors import ClvError, UsageError

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

SCHEMES = ("postgresql", "postgres")
# A server that is gone is noticed within a minute, whoever looks at its sessions sees whose they are, and a database of
# another encoding is given the letters that it has, not their bytes in ours.
DEFAULTS = {
    "client_encoding": "UTF8",
    "connect_timeout": "10",
    "tcp_user_timeout": "60000",
    "fallback_application_name": "customer-lifetime-value",
}
FRAME = re.compile(  # what driver, library and server put around what they say
    r"^[A-Z_]+: |\[libpq\] |Failed to connect: |connection to server .* failed: |"
    r"(FATAL|ERROR):  |PQ\w+\(\) failed: |Failed to execute query: |could not begin COPY: |Execution error \[\w+\]: "
)
HINTS = {  # what the server says: what helps
    "password": "Give the password in PGPASSWORD, in ~/.pgpass or in a service file.",
    "database .* does not exist": "See which there are: psql --list",
    "permission denied|must be owner": "Let its owner grant that.",
    "could not translate host name": "See whether the name is right.",
    "refused|timeout expired|No such file": "See whether a server runs there, and whether the port is right.",
    "SSL": "sslmode in the address says whether the connection has to be encrypted.",
    "violates foreign key": "Declare that key deferrable: alter table … alter constraint … deferrable",
    "has no equivalent in encoding": "Only a database of the encoding UTF8 holds every letter.",
    "encoding .* 0x00": "No text in Postgres can hold a zero byte.",
    "statement timeout": "Allow it more time: PGOPTIONS='-c statement_timeout=0'",
    "is ambiguous": "Give each column of the query a name of its own: select lines.id as order_item_id, …",
    "closed the connection|terminating connection|shutting down|starting up": "Run it again when the server is back.",
}


class Postgres(Address):
    """`postgresql://user@host:port/database?sslmode=require`, as libpq reads it."""

    @classmethod
    def parse(cls, variable: str, given: str) -> Postgres:
        """Raises UsageError where libpq would take it for something else than what its writer meant."""
        found = cls.of(given)
        if found is None or found.scheme not in SCHEMES or re.search("[@/?]", found.password):
            raise UsageError(
                f"{variable} is not the address of a Postgres. Write {variable}=postgresql://user@host:5432/database; "
                "a password that holds @ or / belongs into PGPASSWORD, ~/.pgpass or a service file."
            )
        place, _, query = found.uri.partition("?")
        pairs = [pair for pair in query.split("&") if pair]
        names = {pair.partition("=")[0] for pair in pairs}
        defaults = [f"{name}={value}" for name, value in DEFAULTS.items() if name not in names]
        return cls(f"{place}?{'&'.join([*defaults, *pairs])}", found.shown, found.password, found.secrets)

    @contextmanager
    def transaction(self, purpose: str, begin: str = "begin") -> Iterator[Cursor]:
        """One transaction there, committed at the end, and rolled back where that is not reached.

        Raises ClvError for all that goes wrong, in the words of the server; `purpose` is as in "deliver to".
        """
        from adbc_driver_manager import Error  # takes a while to import, which nobody else should wait for
        from adbc_driver_postgresql import dbapi

        try:
            # Begun and ended by hand: in a transaction of its own, the driver refuses to go back to a savepoint.
            with dbapi.connect(self.uri, autocommit=True) as connection, connection.cursor() as cursor:
                cursor.execute(begin)
                yield cursor
                cursor.execute("commit")
        except Error as error:
            # Without its cause, which may hold the password.
            raise ClvError(f"Cannot {purpose} {self.shown}: {self.plain(error)}") from None

    def plain(self, error: Exception) -> str:
        """What the server or libpq says, in one line, and what helps."""
        details = dict(getattr(error, "details", ()))
        text = details.get(b"PG_DIAG_MESSAGE_PRIMARY", b"").decode(errors="replace") or str(error)
        text = FRAME.sub("", text)
        text = self.hide(text).strip().splitlines()[0].rstrip(".")
        hint = next((hint for pattern, hint in HINTS.items() if re.search(pattern, text)), "")
        return f"{text}. {hint}".rstrip()
