"""The settings of the predictor as options of a command line; every command that runs a model has the same ones."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from predictor.sandbox.errors import ModelError
from predictor.settings import PROJECT, Settings

PREFIX = "CLV_"  # a variable may carry it: CLV_WORKERS


@dataclass(frozen=True)
class Option:
    """What it means, what stands for its value, and its default as shown to people."""

    meaning: str
    looks: str
    default: str


OPTIONS = {  # by the variable that an option is read from, where it is not given
    "MODEL_PYTHON": Option("The interpreter that runs the model, a path or a name.", "PYTHON", "the registered one"),
    "MODEL_MEMORY": Option("The most memory of one process of the model.", "SIZE", f"{Settings.memory / 2**30:g}G"),
    "MODEL_TIMEOUT": Option(
        "Seconds that one batch of customers may take, and loading the model.", "SECONDS", f"{Settings.timeout:g}"
    ),
    "WORKERS": Option("The most processes that predict at a time.", "NUMBER", "one a core"),
    "MODEL_MANIFESTS": Option(
        "The folder in which registered models are looked up.", "FOLDER", f"{Settings.manifests.relative_to(PROJECT)}"
    ),
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

    for variable, option in reversed(OPTIONS.items()):
        with_settings = click.option(
            "--" + variable.lower().replace("_", "-"),
            envvar=[PREFIX + variable, variable],
            metavar=option.looks,
            help=f"{option.meaning}  [{variable}; default: {option.default}]",
        )(with_settings)
    return with_settings
