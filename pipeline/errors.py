"""How a command stops: with a plain message for a person and an exit status for a script."""


class Stop(Exception):
    """The data, the model or the machine stands in the way; str() is what the user sees."""

    exit_status = 1


class UsageError(Stop):
    """An argument cannot be used."""

    exit_status = 2
