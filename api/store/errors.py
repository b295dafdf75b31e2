"""What can be wrong with the file that is published."""

from __future__ import annotations


class SnapshotError(Exception):
    """The file cannot be served; its text is the plain line that a reader of /health sees."""
