"""Whether a request carries one of some tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hmac import compare_digest
from typing import Any


def has_one_of(environ: Mapping[str, Any], tokens: Iterable[bytes]) -> bool:
    scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    candidate = given.strip().encode(errors="replace")
    matches = [compare_digest(candidate, token) for token in tokens]  # all, so that time tells nothing
    return scheme.lower() == "bearer" and any(matches)
