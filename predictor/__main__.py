"""The command line: `python -m predictor score …`."""

from __future__ import annotations

import contextlib
import logging
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.core import ParameterSource

from predictor.files import read_features, write_predictions
from predictor.model import open_model
from predictor.options import PREFIX, model_options
from predictor.remedies import advice
from predictor.sandbox.errors import ModelError
from predictor.scoring import score
from predictor.settings import DEFAULT_MODEL, Settings

FILE = click.Path(path_type=Path)


@click.group(context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]})
def main() -> None:
    """Predicts customer lifetime value with a model that was handed over as a dill file.

    The model runs in a process of its own, in the Python that it was made with, and in a box: it can't write files,
    reach the network or see the environment. It has to be registered once, because a dill file is a program:
    python -m pipeline register --model FILE
    """


@main.command(
    "score",
    epilog="\b\nFor example:\n"
    "  python -m predictor score --model model.dill features.parquet --output predictions.parquet\n"
    "  python -m predictor score --model model.dill < features.parquet > predictions.csv",
)
@click.argument("input", required=False, type=FILE)
@click.option(
    "--model",
    envvar=[PREFIX + "MODEL", "MODEL"],
    type=FILE,
    metavar="FILE",
    help="A dill file  [MODEL; default: the project's]",
)
@click.option("--output", type=FILE, metavar="FILE", help="A .parquet or .csv file [default: CSV on standard output]")
@click.option("--log", type=FILE, metavar="FILE", help="Keeps what the model prints")
@model_options
def score_command(
    input: Path | None, model: Path | None, output: Path | None, log: Path | None, predictor_settings: Settings
) -> None:
    """Predicts a value for each row of a Parquet file.

    It comes on standard input where none is named. It has a column customer_id and those that the model was registered
    with; others are ignored.
    """
    with _told_plainly(predictor_settings, log), read_features(input) as features:
        opened = open_model(model or DEFAULT_MODEL, predictor_settings.manifests)
        rows = write_predictions(score(features, opened, predictor_settings), output)
        print(f"{rows} customers", file=sys.stderr)


@contextlib.contextmanager
def _told_plainly(settings: Settings, printed: Path | None) -> Iterator[None]:
    """Shows what happens on standard error, and ends with status 1 where the data or the model stands in the way."""
    _log_to_terminal(printed)
    try:
        yield
    except ModelError as problem:
        print("\n".join(filter(None, (str(problem), advice(problem, settings, _command)))), file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # whoever read the output has seen enough
        sys.stdout = None
        sys.exit(1)


def _command(name: str | None, **changes: str) -> str:
    """What to type with the arguments that were given: a command of the pipeline, or, for None, this one again."""
    context = click.get_current_context()
    variables, others = {}, []
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source not in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT):
            continue
        value = str(context.params[parameter.name])
        if parameter.envvar:
            variables[str(parameter.name)] = value
        else:
            others += [parameter.opts[0], value] if parameter.param_type_name == "option" else [value]
    if name == "train":
        variables["orders"] = "…"  # which a score does not know, and the demo's would be taken
    variables |= {each.lower(): value for each, value in changes.items()}
    options = [word for each, value in variables.items() for word in (f"--{each.replace('_', '-')}", value)]
    program = [sys.executable, "-m", *(["pipeline", name] if name else ["predictor", "score"])]
    return shlex.join([*program, *options, *([] if name else others)])


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
