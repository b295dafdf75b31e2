"""The settings of the predictor as options of a command line; every command that runs a model has the same ones."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from predictor.sandbox.errors import ModelError
from predictor.settings import Settings

OPTIONS = {  # the variable that an option is read from, where it is not given: (what stands for its value, its meaning)
    "MODEL_PYTHON": ("INTERPRETER", "The Python that runs the model, a path or a name [default: the one registered]"),
    "MODEL_MEMORY": ("SIZE", "The most memory of the model [default: 4G]"),
    "MODEL_TIMEOUT": ("SECONDS", "The most time for a batch of up to 65,536 rows, and for loading [default: 300]"),
    "WORKERS": ("N", "The most processes that predict at a time [default: one a core]"),
    "MODEL_MANIFESTS": ("FOLDER", "Where registered models are looked up [default: predictor/models]"),
}


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds them to a click command, which gets the Settings as its argument `predictor_settings`.

    A value that can't be read ends the command with status 2.
    """

    @functools.wraps(command)
    def with_settings(*arguments: Any, **given: Any) -> Any:
        texts = {variable: given.pop(variable.lower()) or "" for variable in OPTIONS}
        try:
            settings = Settings.from_variables(texts)
        except ModelError as problem:
            raise click.UsageError(str(problem)) from None
        return command(*arguments, predictor_settings=settings, **given)

    for variable, (metavar, meaning) in reversed(OPTIONS.items()):
        name = "--" + variable.lower().replace("_", "-")
        with_settings = click.option(name, envvar=variable, show_envvar=True, metavar=metavar, help=meaning)(
            with_settings
        )
    return with_settings
