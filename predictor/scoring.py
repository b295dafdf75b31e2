"""From batches of features to batches of predictions: the way through the model's worker processes."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy
import pyarrow as pa
import pyarrow.compute as pc

from predictor.manifest import Manifest
from predictor.model import Model
from predictor.sandbox.errors import ModelError, Remedy
from predictor.sandbox.interpreters import named_interpreter
from predictor.sandbox.process import Worker
from predictor.settings import PROJECT, VALUE, Settings

LARGEST_BATCH = 65_536  # rows that a model gets at a time
IN_FLIGHT = 4  # batches that are out with one worker
SLOW = 0.5  # seconds of waiting for a model after which one more worker pays for its start

log = logging.getLogger("predictor")


def score(batches: pa.RecordBatchReader, model: Model, settings: Settings) -> pa.RecordBatchReader:
    """Predicts a value for each customer, batch by batch.

    `batches` has a column `customer_id` and the features that the model's manifest names; other columns are ignored.
    The answer has `customer_id` (string) and the outputs that the manifest names (float64, finite), among them
    `predicted_clv` in the currency of the revenue, in the same order. It is computed while it is read: only a few
    batches are held at a time.

    Raises ModelError at once where the model can't be loaded or a feature is missing, and while it is read where the
    model fails on a batch. The logger `predictor` says the same, because what lies between this reader and its consumer
    may wrap the error (the record's `problem` is the ModelError), and tells the progress: records with `rows`.
    """
    schema = pa.schema([("customer_id", pa.string()), *((name, pa.float64()) for name in model.manifest.outputs)])
    with _logging_errors():
        _check_columns(batches.schema, model.manifest.features)
        predictions = _predict(batches, model, schema, settings)
        next(predictions)  # starts the first worker, so that a model that can't be loaded is reported here
    return pa.RecordBatchReader.from_batches(schema, predictions)


@contextlib.contextmanager
def _logging_errors() -> Iterator[None]:
    try:
        yield
    except ModelError as problem:
        log.error("%s", problem, extra={"problem": problem})
        raise


def _interpreter_of(manifest: Manifest, settings: Settings) -> str:
    if settings.python:
        return named_interpreter(settings.python).path
    if manifest.interpreter and not Path(manifest.interpreter).exists():
        raise ModelError(
            f"{manifest.file} is registered with the interpreter {manifest.interpreter}, which is not there any more.",
            Remedy.OTHER_PYTHON,
        )
    return manifest.interpreter or sys.executable


def _start_worker(stack: contextlib.ExitStack, model: Model, interpreter: str, settings: Settings) -> Worker:
    """A worker that has loaded the model; the stack closes it."""
    manifest = model.manifest
    worker = Worker(interpreter, len(manifest.features), len(manifest.outputs), settings.limits, PROJECT)
    stack.enter_context(worker)
    python = worker.start()["python"]
    if manifest.bytecode and python.rpartition(".")[0] not in manifest.bytecode:
        raise wrong_bytecode(manifest.file, manifest.bytecode, f"{interpreter} is Python {python}")
    worker.load(model.pickled)
    return worker


def wrong_bytecode(file: str, bytecode: Sequence[str], what_is_there: str) -> ModelError:
    """Says which Python the model needs, and what is there instead."""
    return ModelError(
        f"{file} carries bytecode of Python {' or '.join(bytecode)}, which no other can run; {what_is_there}.",
        Remedy.OTHER_PYTHON,
        python=f"python{bytecode[0]}",
    )


def _predict(
    batches: pa.RecordBatchReader, model: Model, schema: pa.Schema, settings: Settings
) -> Iterator[pa.RecordBatch]:
    """Yields once when the model is loaded, and then the batches of predictions."""
    with contextlib.ExitStack() as stack:
        interpreter = _interpreter_of(model.manifest, settings)
        start_worker = functools.partial(_start_worker, stack, model, interpreter, settings)
        workers = [start_worker()]
        yield
        with _logging_errors():
            yield from _score(batches, model.manifest.features, schema, workers, start_worker, settings.workers)


def _score(
    batches: pa.RecordBatchReader,
    features: Sequence[str],
    schema: pa.Schema,
    workers: list[Worker],
    start_worker: Callable[[], Worker],
    most_workers: int,
) -> Iterator[pa.RecordBatch]:
    """Keeps a few batches out with each worker; starts another worker where the ones there are too slow."""
    source = enumerate(_slices(batches), start=1)
    out: deque[tuple[int, Worker, pa.Array]] = deque()  # batches that are with a worker, oldest first
    loads = dict.fromkeys(workers, 0)
    waited, rows = 0.0, 0
    told_at, told_rows = time.monotonic(), -1
    while True:
        while len(out) < IN_FLIGHT * len(workers) and (following := next(source, None)):
            number, batch = following
            worker = min(workers, key=loads.__getitem__)
            worker.send(number, _matrix(batch, features))
            loads[worker] += 1
            out.append((number, worker, batch.column("customer_id").cast(pa.string())))
        if not out:
            break
        number, worker, customers = out.popleft()
        before = time.monotonic()
        predictions = _collect(worker, number, customers, schema.names[1:], rows)
        loads[worker] -= 1
        now = time.monotonic()
        waited += now - before
        rows += len(customers)
        if now - told_at > 0.25:
            told_at, told_rows = now, rows
            log.info("%d customers", rows, extra={"rows": rows})
        yield pa.record_batch([customers, *map(pa.array, predictions.T)], schema=schema)
        if waited > SLOW and len(workers) < most_workers and len(out) >= IN_FLIGHT * len(workers) - 1:
            waited = 0.0
            workers.append(start_worker())
            loads[workers[-1]] = 0
    if rows != told_rows:
        log.info("%d customers", rows, extra={"rows": rows})


def _collect(
    worker: Worker, number: int, customers: pa.Array, outputs: Sequence[str], rows_before: int
) -> numpy.ndarray:
    """The predictions of a batch; where they are no good, the error says for which customers."""
    try:
        predictions = worker.predictions(number, len(customers))
    except ModelError as problem:
        if problem.row is not None and 0 <= problem.row < len(customers):
            raise problem.at(f"It does so for customer {customers[problem.row].as_py()!r}.") from None
        first = rows_before + 1
        raise problem.at(
            f"In batch {number}: customers {first} to {rows_before + len(customers)}, "
            f"of which the first is {customers[0].as_py()!r}."
        ) from None
    finite = numpy.isfinite(predictions)
    if not finite.all():
        row, column = divmod(int(numpy.argmin(finite)), len(outputs))
        what = "" if outputs[column] == VALUE else f"{outputs[column]} = "
        raise ModelError(
            f"The model predicted {what}{predictions[row, column]} for customer {customers[row].as_py()!r}, "
            f"where a finite number is expected.\nIn batch {number}, {(~finite).sum()} of {finite.size} "
            "predictions are NaN or infinite."
        )
    return predictions


def _check_columns(schema: pa.Schema, features: Sequence[str]) -> None:
    for name in ("customer_id", *features):
        if name not in schema.names:
            there = ", ".join(schema.names)
            raise ModelError(f"The model needs the column {name}, which is not there.\nThe columns are: {there}.")
    for name in features:
        kind = schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            raise ModelError(f"The model needs numbers in the column {name}, but its type is {kind}.")


def _slices(batches: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, LARGEST_BATCH):
            yield batch.slice(start, LARGEST_BATCH)


def _matrix(batch: pa.RecordBatch, features: Sequence[str]) -> numpy.ndarray:
    """The features as the model gets them: C-contiguous float64, shape (rows, features); a null is NaN."""
    matrix = numpy.empty((batch.num_rows, len(features)))
    for position, name in enumerate(features):
        matrix[:, position] = pc.cast(batch.column(name), pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return matrix
