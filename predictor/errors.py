"""The one error that a user of the predictor meets."""


class ModelError(Exception):
    """The model can't be used. Its text is one or two plain lines: what is wrong, where, and what to do next."""
