"""The command line: `python -m predictor register …` and `python -m predictor score …`."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.core import ParameterSource

from predictor.files import read_features, write_predictions
from predictor.model import open_model
from predictor.options import model_options
from predictor.registration import register
from predictor.remedies import advice
from predictor.sandbox.errors import ModelError
from predictor.scoring import score
from predictor.settings import DEFAULT_MODEL, FEATURES, Settings

FILE = click.Path(path_type=Path)


@click.group(context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]})
def main() -> None:
    """Predicts customer lifetime value with a model that was handed over as a dill file.

    The model runs in a process of its own, in the Python that it was made with, and in a box: it can't write files,
    reach the network or see the environment. A model has to be registered once, because a dill file is a program.
    """


@main.command("register")
@click.option("--model", envvar="MODEL", show_envvar=True, type=FILE, required=True, metavar="FILE", help="A dill file")
@model_options
def register_command(model: Path, predictor_settings: Settings) -> None:
    """Registers a model: shows what the file imports, tries it on an example, and writes a manifest beside the others.

    Register a model only if you trust who gave it to you. It is any dill file whose object has predict(x), where x is a
    float64 array with one row a customer and the columns below, and which returns one number a row.
    """
    with _told_plainly():
        register(model, predictor_settings)
        print(f"Build with it: {_command('build')}", file=sys.stderr)


register_command.epilog = f"\b\nThe columns: {', '.join(FEATURES[:3])},\n             {', '.join(FEATURES[3:])}."


@main.command(
    "score",
    epilog="\b\nFor example:\n"
    "  python -m predictor score --model model.dill features.parquet --output predictions.parquet\n"
    "  python -m predictor score --model model.dill < features.parquet > predictions.csv",
)
@click.argument("input", required=False, type=FILE)
@click.option(
    "--model", envvar="MODEL", show_envvar=True, type=FILE, metavar="FILE", help="A dill file [default: the project's]"
)
@click.option("--output", type=FILE, metavar="FILE", help="A .parquet or .csv file [default: CSV on standard output]")
@click.option("--log", type=FILE, metavar="FILE", help="Keeps what the model prints")
@model_options
def score_command(
    input: Path | None, model: Path | None, output: Path | None, log: Path | None, predictor_settings: Settings
) -> None:
    """Predicts a value for each row of a Parquet file, or of one on standard input.

    The file has a column customer_id and the columns that the model was registered with; others are ignored.
    """
    with _told_plainly(log), read_features(input) as features:
        opened = open_model(model or DEFAULT_MODEL, predictor_settings.manifests)
        rows = write_predictions(score(features, opened, predictor_settings), output)
        print(f"{rows} customers", file=sys.stderr)


@contextlib.contextmanager
def _told_plainly(printed: Path | None = None) -> Iterator[None]:
    """Shows what happens on standard error, and ends with status 1 where the data or the model stands in the way."""
    _log_to_terminal(printed)
    try:
        yield
    except ModelError as problem:
        print("\n".join(filter(None, (str(problem), advice(problem, _command)))), file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # whoever read the output has seen enough
        sys.stdout = None
        sys.exit(1)


def _command(name: str | None, **changes: str) -> str:
    """A command with the arguments that were given: the one of this name, or the one that runs now."""
    context = click.get_current_context()
    given = {}
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT):
            given[parameter] = str(context.params[parameter.name])
    name = name or context.command.name
    everywhere = {p.envvar: value for p, value in given.items() if isinstance(p.envvar, str)} | changes
    if "MAKELEVEL" in os.environ and name != "score":
        return " ".join(["make", str(name), *(f"{each}={shlex.quote(value)}" for each, value in everywhere.items())])
    words = ["python", "-m", "pipeline" if name == "build" else "predictor", str(name)]
    for variable, value in everywhere.items():
        words += [f"--{variable.lower().replace('_', '-')}", value]
    if name == "score":
        for parameter, value in given.items():
            if parameter.envvar is None:
                words += [parameter.opts[0], value] if parameter.param_type_name == "option" else [value]
    return shlex.join(words)


class _Terminal(logging.Handler):
    """What is found, a line each; progress on one line that is written over, and only where someone watches."""

    def emit(self, record: logging.LogRecord) -> None:
        if not hasattr(record, "rows") and record.levelno < logging.ERROR:  # errors are shown where they end
            print(record.getMessage(), file=sys.stderr)
        elif hasattr(record, "rows") and sys.stderr.isatty():
            print(record.getMessage(), end="\r", file=sys.stderr, flush=True)


def _log_to_terminal(printed: Path | None) -> None:
    logger = logging.getLogger("predictor")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(_Terminal(logging.INFO))
    model = logging.getLogger("predictor.printed")
    model.propagate = False
    if printed:
        with contextlib.suppress(OSError):
            model.addHandler(logging.FileHandler(printed, mode="w", encoding="utf-8"))


if __name__ == "__main__":
    main(prog_name="python -m predictor")
