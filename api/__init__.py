"""The HTTP API and page on the published warehouse file; `create_app` is the only entry."""

from __future__ import annotations

from api.app import create_app

__all__ = ["create_app"]
