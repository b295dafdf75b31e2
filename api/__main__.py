"""`python -m api`: the API on a production server, as `make serve` starts it."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from api import server
from api.settings import Settings, SettingsError, read_tokens, readable_by_all

PREFIX = "CLV_"


def names(variable: str) -> list[str]:
    """Under which a variable is looked up: with the project's prefix, as a container should write it, or plainly."""
    return [PREFIX + variable, variable]


class Port(click.ParamType[int]):
    name = "port"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> int:
        text = str(value)
        if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535):
            self.fail(f"{text} is not a port; take one from 1 to 65535.", param, context)
        return int(text)


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@click.option("--host", envvar=names("HOST"), default="127.0.0.1", help="Address to serve on.")
@click.option("--port", envvar=names("PORT"), default=5000, type=Port(), help="Port to serve on.")
@click.option(
    "--warehouse", envvar=names("WAREHOUSE"), default="warehouse", type=Path, help="Folder that `make build` fills."
)
@click.option(
    "--api-tokens-file", envvar=names("API_TOKENS_FILE"), type=Path, help="File of tokens that may ask, one a line."
)
@click.option(
    "--log-customers", envvar=names("LOG_CUSTOMERS"), is_flag=True, help="Log the paths, with customers' ids."
)
@click.option(
    "--safe-cells", envvar=names("SAFE_CELLS"), is_flag=True, help="Keep spreadsheets from running ids in CSV."
)
def serve(api_tokens_file: Path | None, **given: Any) -> None:
    """Serve the published predictions over HTTP.

    Every option can be set in the environment as well: --log-customers as LOG_CUSTOMERS=1. API_TOKENS, tokens separated
    by commas, is read from there only: a command line can be seen by everyone on this machine. Each name may carry the
    prefix CLV_, and one that does and is nearly the name of an option is refused.
    """
    _refuse_misspelt(os.environ)
    tokens = next((text for name in names("API_TOKENS") if (text := os.environ.get(name))), "")
    settings = Settings(tokens=read_tokens(tokens, api_tokens_file), **given)
    if api_tokens_file is not None and readable_by_all(api_tokens_file):
        _tell(f"API_TOKENS_FILE={api_tokens_file} can be read by every user here. To mend: chmod 640 {api_tokens_file}")
    server.serve(settings)


def _refuse_misspelt(environment: Iterable[str]) -> None:
    """UsageError for a prefixed name that comes near to an option's; others may be of the commands that build."""
    known = [names(option.name.upper())[0] for option in serve.params if option.name] + names("API_TOKENS")[:1]
    for name in sorted(environment):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.85) if name.startswith(PREFIX) else []
        if near and name not in known:
            raise click.UsageError(f"There is no variable {name}; the nearest is {near[0]}.")


def main() -> int:
    server.keep_standard_files()
    try:
        serve.main(standalone_mode=False)
    except click.UsageError as error:
        return _stop(2, f"{error.format_message()} `python -m api --help` lists what can be set.")
    except SettingsError as error:
        return _stop(2, str(error))
    except server.CannotServe as error:
        return _stop(1, str(error))
    return 0


def _stop(status: int, why: str) -> int:
    _tell(why)
    return status


def _tell(text: str) -> None:
    with suppress(OSError, AttributeError):  # nobody may be there to be told
        sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
