"""What can be set from outside, and the rule on who may ask."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SHORTEST_TOKEN = 16


class SettingsError(Exception):
    """Settings that the API must not start with; its text is what the user sees."""


@dataclass(frozen=True)
class Settings:
    """Settings of one API process.

    warehouse: folder that `make build` publishes into. tokens: bearer tokens that may ask; none means open.
    log_customers: write each request's path, and with it customer ids, into the log.
    """

    warehouse: Path = Path("warehouse")
    tokens: tuple[str, ...] = ()
    log_customers: bool = False

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Settings from WAREHOUSE, API_TOKENS, API_TOKENS_FILE and LOG_CUSTOMERS; raises SettingsError."""
        return cls(
            warehouse=Path(environment.get("WAREHOUSE") or "warehouse"),
            tokens=_tokens(environment),
            log_customers=environment.get("LOG_CUSTOMERS", "") not in ("", "0"),
        )


def _tokens(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Those of API_TOKENS (separated by commas or spaces) and of the file API_TOKENS_FILE (one a line, # comments)."""
    tokens = environment.get("API_TOKENS", "").replace(",", " ").split()
    if file := environment.get("API_TOKENS_FILE"):
        try:
            lines = Path(file).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"API_TOKENS_FILE={file} cannot be read: {error}.") from None
        tokens += [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
        if not tokens:
            raise SettingsError(f"API_TOKENS_FILE={file} holds no token. Write one a line.")
    for token in tokens:
        if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
            raise SettingsError(
                f"A token needs at least {SHORTEST_TOKEN} printable ASCII characters and no spaces. "
                'Make one with: python -c "import secrets; print(secrets.token_urlsafe(32))"'
            )
    return tuple(tokens)


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
