"""What can be set from outside, and the rule on who may ask."""

from __future__ import annotations

import ipaddress
import re
import stat
from dataclasses import dataclass
from pathlib import Path

SHORTEST_TOKEN = 16
ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


class SettingsError(Exception):
    """Settings that the API must not start with; its text is what the user sees."""


@dataclass(frozen=True)
class Settings:
    """Settings of one API process.

    warehouse: folder that `make build` publishes into. tokens: bearer tokens that may ask; none means open.
    upload_tokens: those that may also upload orders and cancel builds. uploads: let everybody on this machine upload,
    without a token. upload_limit: bytes that one upload may have. queue: the Redis that wakes the worker; "" is a file.
    log_customers: write each request's path, and with it customer ids, into the log. safe_cells: write CSV so that no
    spreadsheet takes an id for a formula. cors_origins: whose pages may ask, beside those of this server. body_seconds:
    how long the body of a request may take to come in. idle_seconds: how long a connection may stand still while it is
    being answered.
    """

    warehouse: Path
    host: str = "127.0.0.1"
    port: int = 5000
    tokens: tuple[str, ...] = ()
    upload_tokens: tuple[str, ...] = ()
    uploads: bool = False
    upload_limit: int = 5 * 2**30
    queue: str = ""
    log_customers: bool = False
    safe_cells: bool = False
    cors_origins: tuple[str, ...] = ()
    body_seconds: float = 20
    idle_seconds: float = 30

    def __post_init__(self) -> None:
        """SettingsError for a token that is none, or where others could ask without one."""
        for token in (*self.tokens, *self.upload_tokens):
            if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
                raise SettingsError(
                    f"A token needs at least {SHORTEST_TOKEN} printable ASCII characters and no spaces. "
                    'Make one with: python -c "import secrets; print(secrets.token_urlsafe(32))"'
                )
        for origin in self.cors_origins:
            if not ORIGIN.fullmatch(origin):
                raise SettingsError(
                    f"CORS_ORIGINS={origin} is not an origin as browsers send it. "
                    "Write it like this, without a path: CORS_ORIGINS=https://crm.example.com"
                )
        if not self.tokens and not is_loopback(self.host):
            raise SettingsError(
                f"HOST={self.host} can be reached from other machines, so a token is needed: set API_TOKENS or "
                "API_TOKENS_FILE, or serve on HOST=127.0.0.1."
            )
        if both := set(self.tokens) & set(self.upload_tokens):
            raise SettingsError(
                f"{len(both)} of the tokens that may only read (API_TOKENS) may also upload (UPLOAD_TOKENS). "
                "One that may upload may read as well: name it in UPLOAD_TOKENS only."
            )
        if self.uploads and not self.upload_tokens and (self.tokens or not is_loopback(self.host)):
            raise SettingsError(
                "UPLOADS=1 lets everybody on this machine upload, so it is only for HOST=127.0.0.1 without API_TOKENS. "
                "Set UPLOAD_TOKENS or UPLOAD_TOKENS_FILE instead."
            )

    @property
    def takes_uploads(self) -> bool:
        return self.uploads or bool(self.upload_tokens)


def read_tokens(variable: str, text: str, file: Path | None) -> tuple[str, ...]:
    """Those of a text (separated by commas or spaces) and of a file (one a line, # comments); SettingsError where
    there is a file and nothing to be had from it. `variable` names the file."""
    tokens = text.replace(",", " ").split()
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise SettingsError(f"{variable}={file} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise SettingsError(f"{variable}={file} is not a text file. Write one token a line.") from None
        tokens += [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
        if not tokens:
            raise SettingsError(f"{variable}={file} holds no token. Write one a line.")
    return tuple(tokens)


def readable_by_all(file: Path) -> bool:
    """Whether every user of this machine may read the file."""
    return bool(file.stat().st_mode & stat.S_IROTH)


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
