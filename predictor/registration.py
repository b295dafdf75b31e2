"""Registering a model: look at it, try it, and write down what is known of it."""

from __future__ import annotations

import contextlib
import getpass
import logging
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy

from predictor import versions
from predictor.doubts import Doubt, doubts_about, made_up_customers
from predictor.manifest import Manifest, digest_of, made_by_training
from predictor.model import read_model
from predictor.sandbox.box import Box
from predictor.sandbox.errors import ModelError, Remedy
from predictor.sandbox.inspection import Inspection, inspect
from predictor.sandbox.interpreters import Interpreter, interpreters, named_interpreter
from predictor.sandbox.process import Limits, Worker
from predictor.scoring import wrong_bytecode
from predictor.settings import FEATURES, PROJECT, VALUE, Settings

EXAMPLE = ((3, 92.6, 109.3, 2, 12, 26), (2, 10.4, 43.5, 3, 26, 5))
SHOWN_IMPORTS = 50

log = logging.getLogger("predictor")


@dataclass(frozen=True)
class _Trial:
    """What came of predicting the example in one interpreter; `features` in the order in which the model wants them."""

    versions: dict[str, str]
    box: Box
    features: list[str]
    inputs: numpy.ndarray
    outputs: list[float]
    doubts: list[Doubt]


def register(
    model: str | Path,
    settings: Settings,
    *,
    features: Sequence[str] = FEATURES,
    outputs: Sequence[str] = (VALUE,),
    example: Sequence[Sequence[float]] | None = None,
    training: Mapping[str, object] | None = None,
) -> Manifest:
    """States that a model may be run, and by which Python: tries it in a worker, and writes its manifest.

    `features` are the columns that it gets; a model that carries the names of its columns gets them in its own order.
    `outputs` are those that it answers: for the value alone by `predict(x)`, for several, of which the value has to be
    one, by `predict_columns(x)` of shape (rows, outputs). `example` are rows of `features` to try it with; by default
    the worked example of the six features, and ones where the features are others. `training` goes into the manifest as
    it is (what JSON can hold). The interpreter is `settings.python`, or the first on this machine that runs the example
    to finite numbers. The logger `predictor` tells what is found; what is odd, as warnings.

    Raises ModelError where the file is no model, it wants other columns, or no interpreter is found that runs it; and
    for a model of predictor/training that comes without `training`.
    """
    if VALUE not in outputs:
        raise ValueError(f"{VALUE} has to be among the outputs {list(outputs)}")
    pickled = read_model(model)
    inspection = _look_at(model, pickled, settings.limits)
    if training is None and made_by_training(inspection.imports):
        raise ModelError(
            f"{model} was made by a training, which registers what it makes: nothing else knows the columns and the "
            "horizon. Copy the .json that it wrote for this file, where there is one.",
            Remedy.TRAIN,
        )
    if example is None:
        example = EXAMPLE if tuple(features) == FEATURES else [[1.0] * len(features)]

    trials = _Trials(pickled, inspection, list(features), list(outputs), settings)
    interpreter, trial = _find_interpreter(model, inspection, numpy.array(example, dtype="float64"), trials)
    outcomes = trials.try_edges(interpreter, len(trial.features), trial.inputs[:1])
    for doubt in trial.doubts:
        log.warning("warning: %s", doubt.text)
    log.info("box: %s", trial.box)
    manifest = _manifest(Path(model).name, trials, interpreter, trial, outcomes, dict(training or {}))
    log.info("registered: %s", manifest.write(settings.manifests))
    return manifest


def _manifest(
    file: str,
    trials: _Trials,
    interpreter: Interpreter,
    trial: _Trial,
    outcomes: dict[str, object],
    training: dict[str, Any],
) -> Manifest:
    """What was found, as it is written down."""
    inspection, versions_there = trials.inspection, trial.versions
    return Manifest(
        file=file,
        sha256=digest_of(trials.pickled),
        size=len(trials.pickled),
        features=trial.features,
        outputs=trials.outputs,
        interpreter=None if interpreter.path == sys.executable else interpreter.path,
        python=versions_there["python"],
        packages={
            name: versions_there[name] for name in ("dill", "numpy", *inspection.packages) if name in versions_there
        },
        imports=list(inspection.imports),
        bytecode=list(inspection.bytecode),
        example={"inputs": trial.inputs.tolist(), "outputs": trial.outputs},
        edges=outcomes,
        box=str(trial.box),
        registered_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        registered_by=getpass.getuser(),
        doubts=[doubt.as_dict() for doubt in trial.doubts],
        training=training,
    )


def _look_at(model: str | Path, pickled: bytes, limits: Limits) -> Inspection:
    try:
        inspection = inspect(pickled, limits)
    except ModelError as problem:
        raise ModelError(f"{model} is not a dill file: {problem}", problem.remedy) from None
    log.info("file: %s, %s bytes, SHA-256 %s", model, f"{len(pickled):,}", digest_of(pickled))
    shown, more = inspection.imports[:SHOWN_IMPORTS], len(inspection.imports) - SHOWN_IMPORTS
    log.info("imports: %s", (", ".join(shown) or "nothing") + (f" and {more:,} more" if more > 0 else ""))
    pythons = " or ".join(inspection.bytecode)
    log.info("bytecode: %s", f"of Python {pythons}" if pythons else "none, so any Python may load it")
    return inspection


def _find_interpreter(
    model: str | Path, inspection: Inspection, inputs: numpy.ndarray, trials: _Trials
) -> tuple[Interpreter, _Trial]:
    """The first interpreter that runs the example, and what came of it; ModelError that says what each one lacked."""
    named = trials.settings.python
    candidates = [named_interpreter(named)] if named else interpreters()
    failures: list[ModelError] = []
    others = []
    for interpreter in candidates:
        if inspection.bytecode and interpreter.python not in inspection.bytecode:
            others.append(interpreter.python)
        elif interpreter.lacks:
            text = (
                f"{interpreter} could run {Path(model).name}, but lacks {' and '.join(interpreter.lacks)}.\n"
                f"Install there: {shlex.quote(interpreter.path)} -m pip install {' '.join(interpreter.lacks)}"
            )
            failures.append(ModelError(text, Remedy.OTHER_PYTHON))
        else:
            try:
                trial = trials.try_example(interpreter, inputs)
            except ModelError as problem:
                failures.append(problem)
            else:
                log.info("interpreter: %s, %s", interpreter, "as you said" if named else "the first that runs it")
                log.info("example: %s gives %s", trial.inputs.tolist(), trial.outputs)
                return interpreter, trial
            log.info("interpreter: %s does not run it: %s", interpreter, str(failures[-1]).replace("\n", " "))
    if failures:
        raise failures[0]
    if named:
        raise wrong_bytecode(str(model), inspection.bytecode, f"{interpreter}")
    found = ", ".join(sorted(set(others), key=lambda python: int(python.partition(".")[2])))
    raise wrong_bytecode(str(model), inspection.bytecode, f"found here: Python {found}")


@dataclass(frozen=True)
class _Trials:
    """Runs the model on a few rows, each time in a worker of its own."""

    pickled: bytes
    inspection: Inspection
    features: list[str]
    outputs: list[str]
    settings: Settings

    def try_example(self, interpreter: Interpreter, example: numpy.ndarray) -> _Trial:
        """What it predicts for rows of `features`; ModelError where it can't, or wants other columns."""
        with contextlib.ExitStack() as stack:
            worker = stack.enter_context(self._worker(interpreter, len(self.features)))
            try:
                worker.start()
                features = _in_its_own_order(self.features, worker.load(self.pickled))
                if len(features) < len(self.features):  # all batches of a worker have the same columns
                    worker = stack.enter_context(self._worker(interpreter, len(features)))
                    worker.start()
                    worker.load(self.pickled)
                inputs = numpy.ascontiguousarray(example[:, [self.features.index(name) for name in features]])
                worker.send(1, inputs)
                predicted = worker.predictions(1, len(inputs))
            except ModelError as problem:
                raise versions.explain(problem, self.inspection.made_with, worker.versions, f"{interpreter}") from None
            outputs = _listed(predicted)
            if not numpy.isfinite(predicted).all():
                raise ModelError(
                    f"The model predicts {outputs} for {inputs.tolist()}, where finite numbers are expected."
                )
            doubts = self._doubts(worker, features, f"{interpreter}")
            return _Trial(worker.versions, worker.box, features, inputs, outputs, doubts)

    def try_edges(self, interpreter: Interpreter, columns: int, one_row: numpy.ndarray) -> dict[str, object]:
        """The prediction for each odd row, or in words why there is none: they may be too odd for a good model."""
        zeros = numpy.zeros((1, columns))
        edges = {"one row": one_row, "zeros": zeros, "large values": zeros + 1e6}
        outcomes: dict[str, object] = {}
        while len(outcomes) < len(edges):  # a worker ends with the first row that its model fails on
            with self._worker(interpreter, columns) as worker:
                worker.start()
                worker.load(self.pickled)
                for number, (name, row) in enumerate(edges.items()):
                    if name in outcomes:
                        continue
                    try:
                        worker.send(number, row)
                        outcomes[name] = _for_json(_listed(worker.predictions(number, len(row))))
                    except ModelError as problem:
                        outcomes[name] = str(problem).partition("\n")[0]
                        break
        for name, outcome in outcomes.items():
            log.info("%s: %s", name, outcome)
        return outcomes

    def _doubts(self, worker: Worker, features: list[str], where: str) -> list[Doubt]:
        """What is odd about the model, though it runs."""
        found = []
        if differs := versions.difference(self.inspection.made_with, worker.versions, where):
            text = f"It was {differs}, where it may predict other values. {differs.venv}"
            figures = {"package": differs.package, "made": differs.made, "here": differs.here}
            found.append(Doubt("model_made_with_other_version", text, figures))
        customers = made_up_customers(features)
        if customers is None:
            return found
        try:
            worker.send(2, customers)
            values = worker.predictions(2, len(customers))[:, self.outputs.index(VALUE)]
        except ModelError as problem:
            text = f"It fails on made-up customers: {str(problem).splitlines()[0]}"
            return [*found, Doubt("model_fails_on_customers", text, {})]
        return found + doubts_about(values, customers, features)

    def _worker(self, interpreter: Interpreter, columns: int) -> Worker:
        return Worker(interpreter.path, columns, len(self.outputs), self.settings.limits, PROJECT)


def _in_its_own_order(features: list[str], carried: list[str] | None) -> list[str]:
    """The columns as the model was fitted with them, where it tells; ModelError where it wants others."""
    if carried is None:
        return features
    if not set(carried) <= set(features) or len(set(carried)) < len(carried):
        raise ModelError(
            f"The model was fitted with other columns than it can get: {', '.join(carried)}.\n"
            f"There are: {', '.join(features)}."
        )
    if carried != features[: len(carried)]:
        log.info("columns: in the order in which the model was fitted: %s", ", ".join(carried))
    return carried


def _listed(predictions: numpy.ndarray) -> list[Any]:
    """A number a row, or for several outputs a list of them."""
    return (predictions[:, 0] if predictions.shape[1] == 1 else predictions).tolist()


def _for_json(numbers: Any) -> Any:
    """JSON has no NaN and no infinity."""
    if isinstance(numbers, list):
        return [_for_json(number) for number in numbers]
    return numbers if math.isfinite(numbers) else str(numbers)
