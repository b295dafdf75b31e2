"""The address of what is elsewhere, `postgresql://user@host/database` or `s3://bucket/orders`, and its secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

# What stands between the first colon and the last @ may be a password, whatever is in it: better too much is hidden.
ADDRESS = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://(?:([^@/:?]*)(?::(.*))?@)?([^?]*)(?:\?(.*))?", re.DOTALL)
SECRETS = re.compile(r"pass|pwd|secret|token|key|sig|credential", re.IGNORECASE)


@dataclass(frozen=True, repr=False)
class Address:
    """`uri` is for what connects, and `shown`, its text, for people: without a password."""

    uri: str
    shown: str
    password: str = ""
    secrets: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: str) -> Address | None:
        """None where the text is none, but a path."""
        if not (found := ADDRESS.fullmatch(given.strip())):
            return None
        scheme, user, password, place, query = found.groups(default="")
        pairs = [pair for pair in query.split("&") if pair]
        secret = [pair for pair in pairs if SECRETS.search(pair.partition("=")[0])]
        kept = "&".join(pair for pair in pairs if pair not in secret)
        shown = f"{scheme}://{user}{'@' if user else ''}{place}{'?' if kept else ''}{kept}"
        hidden = [password, *(pair.partition("=")[2] for pair in secret)]
        secrets = tuple(text for each in hidden if each for text in (each, unquote(each)))
        return cls(given.strip(), shown, password, secrets)

    @property
    def scheme(self) -> str:
        return self.uri.partition("://")[0].lower()

    @property
    def place(self) -> str:
        """What follows the scheme."""
        return self.uri.partition("://")[2]

    def hide(self, text: str) -> str:
        """The text of others, such as a driver's message, without what the address keeps to itself."""
        text = text.replace(self.uri, self.shown)
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    def plain(self, error: Exception) -> str:
        """What a driver or a store says, in one line."""
        text = re.sub(r"^[A-Z_]{4,}: (\[\w+\] )?", "", str(error))  # how ADBC begins
        lines = self.hide(text).strip().splitlines() or [type(error).__name__]
        return lines[0].rstrip(".") + "."

    def __str__(self) -> str:
        return self.shown

    __repr__ = __str__


class CatalogTable(Address):
    """A table of Spark's catalogs, `table:catalog.schema.name`, or what else its SQL takes for one."""

    @classmethod
    def of(cls, given: str) -> CatalogTable | None:
        text = given.strip()
        return cls(text, text) if text.startswith("table:") else None

    @property
    def name(self) -> str:
        return self.uri.removeprefix("table:").strip()
