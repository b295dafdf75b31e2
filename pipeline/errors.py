"""How a command stops: with a plain message for a person and an exit status for a script."""

from pathlib import Path


class ClvError(Exception):
    """The data, the model or the machine stands in the way; str() is what the user sees."""

    exit_status = 1


class DiskFull(ClvError):
    """The disk that a build writes to has no room left."""

    def __init__(self, folder: Path):
        super().__init__(
            f"The disk of {folder} is full. Make room there, or choose another folder with WAREHOUSE=, and build again."
        )


class UsageError(ClvError):
    """An argument cannot be used."""

    exit_status = 2
