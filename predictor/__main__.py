"""The command line: `python -m predictor register …` and `python -m predictor score …`."""

from __future__ import annotations

import argparse
import contextlib
import logging
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from predictor.errors import ModelError
from predictor.files import read_features, write_predictions
from predictor.registration import register
from predictor.scoring import score
from predictor.settings import DEFAULT_MODEL, FEATURES, Settings

DESCRIPTION = """\
Predicts customer lifetime value with a model that was handed over as a dill file.

The model runs in a process of its own, in the Python that it was made with, and in a box: it can't write files, reach
the network or see the environment. A model has to be registered once, because a dill file is a program.
"""
REGISTER = """\
Registers a model: shows what the file imports, tries it on an example, and writes a manifest beside the others.

Register a model only if you trust who gave it to you. It is any dill file whose object has predict(x), where x is a
float64 array with one row a customer and the columns
  {features}
and which returns one number a row.
"""
SCORE = """\
Predicts a value for each row of a Parquet file.

The file has a column customer_id and the columns that the model was registered with; others are ignored. For example:
  python -m predictor score --model model.dill features.parquet --output predictions.parquet
  python -m predictor score --model model.dill < features.parquet > predictions.csv
"""
ENVIRONMENT = """\
environment:
  MODEL_PYTHON     the interpreter, instead of the one in the manifest
  MODEL_MEMORY     the most memory of one process of the model, such as 4G (the default)
  MODEL_TIMEOUT    seconds for one batch of up to 65,536 rows (default 300)
  WORKERS          the most processes that predict at a time (default: one a core)
  MODEL_MANIFESTS  the folder of the manifests (default: predictor/models)
"""


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 done, 1 stopped by the data or the model, 2 unusable arguments."""
    options = _parser().parse_args(arguments)
    _log_to_terminal(options)
    try:
        options.run(options)
    except ModelError as problem:
        print(problem, file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read the output has seen enough
        sys.stdout = None
        return 1
    return 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m predictor", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="register | score")

    def command(name, run, description, short):
        added = commands.add_parser(
            name,
            help=short,
            description=description,
            epilog=ENVIRONMENT,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(run=run)
        added.add_argument("--python", metavar="INTERPRETER", help="the Python that runs the model: a path, or a name")
        return added

    features = ", ".join(FEATURES)
    registering = command("register", _register, REGISTER.format(features=features), "say that a model may run")
    registering.add_argument("--model", type=Path, required=True, metavar="FILE", help="the dill file")

    scoring = command("score", _score, SCORE, "predict a value for each row of a Parquet file")
    scoring.add_argument(
        "--model", type=Path, default=DEFAULT_MODEL, metavar="FILE", help="the dill file (default: the project's own)"
    )
    scoring.add_argument("input", nargs="?", type=Path, help="a Parquet file (default: standard input)")
    scoring.add_argument(
        "--output", type=Path, metavar="FILE", help="a .parquet or .csv file (default: CSV on standard output)"
    )
    scoring.add_argument("--log", type=Path, metavar="FILE", help="keeps what the model prints")
    return parser


def _register(options):
    register(options.model, settings=_settings(options))
    print(f"Build with it: make build MODEL={shlex.quote(str(options.model))}", file=sys.stderr)


def _score(options):
    with read_features(options.input) as features:
        rows = write_predictions(score(features, options.model, _settings(options)), options.output)
    print(f"{rows} customers", file=sys.stderr)


def _settings(options):
    settings = Settings.from_environment()
    return replace(settings, python=options.python) if options.python else settings


class _Terminal(logging.Handler):
    """What is found, a line each; progress on one line that is written over, and only where someone watches."""

    def emit(self, record):
        if not hasattr(record, "rows") and record.levelno < logging.ERROR:  # main() prints the error itself
            print(record.getMessage(), file=sys.stderr)
        elif hasattr(record, "rows") and sys.stderr.isatty():
            print(record.getMessage(), end="\r", file=sys.stderr, flush=True)


def _log_to_terminal(options):
    logger = logging.getLogger("predictor")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(_Terminal(logging.INFO))
    printed = logging.getLogger("predictor.printed")
    printed.propagate = False
    if getattr(options, "log", None):
        with contextlib.suppress(OSError):
            printed.addHandler(logging.FileHandler(options.log, mode="w", encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
