"""A Postgres by its address: how it is connected to, and what goes wrong there in plain words, without a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pipeline.errors import ClvError, UsageError

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

# As libpq reads it: what stands before the @ is the user, and a colon parts the password from it.
ADDRESS = re.compile(r"(postgres(?:ql)?://)(?:([^@/:]*)(?::([^@/]*))?@)?([^@?]*)(?:\?(.*))?", re.DOTALL)
SECRETS = {"password", "sslpassword"}
# A server that is gone is noticed within a minute, whoever looks at its sessions sees whose they are, and a database of
# another encoding is given the letters that it has, not their bytes in ours.
DEFAULTS = {
    "client_encoding": "UTF8",
    "connect_timeout": "10",
    "tcp_user_timeout": "60000",
    "fallback_application_name": "customer-lifetime-value",
}
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
}


@dataclass(frozen=True, repr=False)
class Address:
    """The address of a database, `postgresql://user@host:port/database?sslmode=require`. Its text has no password."""

    uri: str
    shown: str
    secrets: tuple[str, ...]

    @classmethod
    def parse(cls, variable: str, given: str) -> Address:
        """Raises UsageError where libpq would take it for something else than what its writer meant."""
        found = ADDRESS.fullmatch(given.strip())
        if not found:
            raise UsageError(
                f"{variable} is not the address of a Postgres. Write {variable}=postgresql://user@host:5432/database; "
                "a password that holds @ or / belongs into PGPASSWORD, ~/.pgpass or a service file."
            )
        scheme, user, password, place, query = found.groups(default="")
        pairs = [pair for pair in query.split("&") if pair]
        secrets = [password, *(value for name, _, value in (p.partition("=") for p in pairs) if name in SECRETS)]
        open_pairs = [pair for pair in pairs if pair.partition("=")[0] not in SECRETS]
        shown = f"{scheme}{user}{'@' if user else ''}{place}{'?' if open_pairs else ''}{'&'.join(open_pairs)}"
        given_names = {pair.partition("=")[0] for pair in pairs}
        defaults = [f"{name}={value}" for name, value in DEFAULTS.items() if name not in given_names]
        uri = f"{found.string.partition('?')[0]}?{'&'.join([*defaults, *pairs])}"
        return cls(uri, shown, tuple(text for s in secrets if s for text in (s, unquote(s))))

    def __str__(self) -> str:
        return self.shown

    __repr__ = __str__

    @contextmanager
    def transaction(self, purpose: str) -> Iterator[Cursor]:
        """One transaction there, committed at the end, and rolled back where that is not reached.

        Raises ClvError for all that goes wrong, in the words of the server; `purpose` is as in "deliver to".
        """
        from adbc_driver_manager import Error  # takes a while to import, which nobody else should wait for
        from adbc_driver_postgresql import dbapi

        try:
            # Begun and ended by hand: in a transaction of its own, the driver refuses to go back to a savepoint.
            with dbapi.connect(self.uri, autocommit=True) as connection, connection.cursor() as cursor:
                cursor.execute("begin")
                yield cursor
                cursor.execute("commit")
        except Error as error:
            # Without its cause, which may hold the password.
            raise ClvError(f"Cannot {purpose} {self.shown}: {self._plain(error)}") from None

    def _plain(self, error: Exception) -> str:
        details = dict(getattr(error, "details", ()))
        text = details.get(b"PG_DIAG_MESSAGE_PRIMARY", b"").decode(errors="replace") or str(error)
        text = re.sub(r"^[A-Z_]+: |\[libpq\] |Failed to connect: |FATAL:  |connection to server .* failed: ", "", text)
        text = text.replace(self.uri, self.shown).strip()
        for secret in self.secrets:
            text = text.replace(secret, "***")
        text = text.splitlines()[0].rstrip(".")
        hint = next((hint for pattern, hint in HINTS.items() if re.search(pattern, text)), "")
        return f"{text}. {hint}".rstrip()
