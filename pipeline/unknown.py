"""What no command knows is refused, in one line that names the nearest that there is."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

import click

from pipeline.errors import UsageError
from pipeline.settings import MAKEFILE, TAKES
from predictor.options import PREFIX


def explain(error: click.UsageError, commands: click.Group, program: str) -> str:
    """One line that says what is wrong and what comes nearest; or all there is, where nothing was asked for."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    command = error.ctx.command_path if error.ctx else program
    see = f"See what there is: {command} --help"
    if isinstance(error, click.NoSuchOption) and error.ctx:
        options = [name for param in error.ctx.command.params for name in param.opts]
        return f"{command} has no option {error.option_name}{nearest(error.option_name, options)}. {see}"
    if (word := re.match(r"No such command '(.*?)'", error.message)) and error.ctx:
        return f"There is no command {word[1]}{nearest(word[1], commands.commands)}. {see}"
    return f"{error.format_message().rstrip('.')}. {see}"


def refuse_prefixed(environment: Iterable[str], program: str) -> None:
    """Raises UsageError for what has the project's prefix and is no variable of any command."""
    see = "make" if MAKEFILE.exists() else f"{program} --help"
    known = [PREFIX + variable for variables in TAKES.values() for variable in variables]
    for name in sorted(set(environment)):
        if name.startswith(PREFIX) and name not in known:
            raise UsageError(f"There is no variable {name}{nearest(name, known)}. See what there is: {see}")


def nearest(name: str, known: Iterable[str]) -> str:
    """How a sentence goes on that refuses a name; empty where nothing is known."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0)
    return f"; the nearest is {near[0]}" if near else ""
