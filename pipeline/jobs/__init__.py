"""Builds that wait: what was uploaded or is due, what became of it, and the worker that builds one at a time."""

from pipeline.jobs.jobs import Jobs
from pipeline.jobs.ledger import MOST_QUEUED, Build, QueueFull
from pipeline.jobs.uploads import Incoming, NoRoom, TooLarge, UploadError

__all__ = ["MOST_QUEUED", "Build", "Incoming", "Jobs", "NoRoom", "QueueFull", "TooLarge", "UploadError"]
