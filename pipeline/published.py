"""The published file, for commands that read it."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import ClvError
from pipeline.settings import Settings, command_line
from pipeline.warehouse.folder import PUBLISHED_FILE


def published_file(settings: Settings) -> Path:
    """Its path. Raises ClvError where nothing is published yet."""
    published = settings.warehouse / PUBLISHED_FILE
    if not published.exists():
        build = command_line("build", settings)
        raise ClvError(f"Nothing is published in {settings.warehouse} yet. Build first: {build}")
    return published
