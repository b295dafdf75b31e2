"""`python -m api`: the API on a production server, as `make serve` starts it."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from api import server
from api.settings import Settings, SettingsError, read_tokens, readable_by_all
from pipeline.jobs.queue import is_address

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


class Size(click.ParamType[int]):
    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> int:
        found = re.fullmatch(r"(\d{1,15})([KMGT]?)", str(value), re.ASCII)
        if not found:
            self.fail(f"{value} is not a size; write one such as 500M or 5G.", param, context)
        return int(found[1]) * 1024 ** " KMGT".index(found[2] or " ")


class Queue(click.ParamType[str]):
    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> str:
        if not is_address(value):
            self.fail(f"{value} is not the address of a Redis; write redis://host:6379/0.", param, context)
        return str(value)


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
    "--upload-tokens-file", envvar=names("UPLOAD_TOKENS_FILE"), type=Path, help="File of tokens that may upload too."
)
@click.option("--uploads", envvar=names("UPLOADS"), is_flag=True, help="Everybody on this machine may upload orders.")
@click.option(
    "--upload-limit", envvar=names("UPLOAD_LIMIT"), default="5G", type=Size(), help="Most bytes of one upload."
)
@click.option("--queue", envvar=names("QUEUE"), type=Queue(), help="Redis that wakes the worker, instead of a file.")
@click.option(
    "--log-customers", envvar=names("LOG_CUSTOMERS"), is_flag=True, help="Log the paths, with customers' ids."
)
@click.option(
    "--safe-cells", envvar=names("SAFE_CELLS"), is_flag=True, help="Keep spreadsheets from running ids in CSV."
)
@click.option(
    "--cors-origins",
    envvar=names("CORS_ORIGINS"),
    default="",
    help="Origins whose pages may ask from a browser, separated by commas.",
)
def serve(api_tokens_file: Path | None, upload_tokens_file: Path | None, cors_origins: str, **given: Any) -> None:
    """Serve the published predictions over HTTP.

    Every option can be set in the environment as well: --log-customers as LOG_CUSTOMERS=1. API_TOKENS and
    UPLOAD_TOKENS, tokens separated by commas, are read from there only: everybody here can see a command line. Each
    name may carry the prefix CLV_, and one that does and is nearly the name of an option is refused.
    """
    _refuse_misspelt(os.environ)
    tokens = _tokens("API_TOKENS", api_tokens_file)
    upload_tokens = _tokens("UPLOAD_TOKENS", upload_tokens_file)
    origins = tuple(cors_origins.replace(",", " ").split())
    server.serve(Settings(tokens=tokens, upload_tokens=upload_tokens, cors_origins=origins, **given))


def _tokens(variable: str, file: Path | None) -> tuple[str, ...]:
    text = next((text for name in names(variable) if (text := os.environ.get(name))), "")
    tokens = read_tokens(f"{variable}_FILE", text, file)
    if file is not None and readable_by_all(file):
        _tell(f"{variable}_FILE={file} can be read by every user here. To mend: chmod 640 {file}")
    return tokens


def _refuse_misspelt(environment: Iterable[str]) -> None:
    """UsageError for a prefixed name that comes near to an option's; others may be of the commands that build."""
    known = [names(option.name.upper())[0] for option in serve.params if option.name]
    known += [PREFIX + variable for variable in ("API_TOKENS", "UPLOAD_TOKENS")]
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
