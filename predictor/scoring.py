"""From batches of features to batches of predictions: the way through the model's worker processes."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy
import pyarrow as pa
import pyarrow.compute as pc

from predictor.errors import ModelError
from predictor.manifest import read_model
from predictor.process import Worker
from predictor.settings import FEATURES, Settings

LARGEST_BATCH = 65_536  # rows that are sent to a model at a time
IN_FLIGHT = 4  # batches that are out with one worker

PREDICTIONS = pa.schema([("customer_id", pa.string()), ("predicted_clv", pa.float64())])

log = logging.getLogger("predictor")


def score(
    batches: pa.RecordBatchReader, model: str | Path, settings: Settings | None = None
) -> pa.RecordBatchReader:
    """Predicts a value for each customer, batch by batch.

    `batches` has a column `customer_id` and the model's features, by name; other columns are ignored. The answer has
    `customer_id` (string) and `predicted_clv` (float64, finite, in the currency of the revenue), in the same order, and
    is computed while it is read: only a few batches are held at a time. `settings` default to those of the environment.

    Raises ModelError at once where the model can't be loaded or a feature is missing, and while it is read where the
    model fails on a batch.
    """
    settings = settings or Settings.from_environment()
    for name in ("customer_id", *FEATURES):
        if name not in batches.schema.names:
            there = ", ".join(batches.schema.names)
            raise ModelError(f"The model needs the column {name}, which is not among: {there}.")
    predictions = _predict(batches, read_model(model), FEATURES, settings)
    next(predictions)  # starts the worker
    return pa.RecordBatchReader.from_batches(PREDICTIONS, predictions)


def _predict(batches, pickled, features, settings) -> Iterator[pa.RecordBatch]:
    """Yields once when the model is loaded, and then the batches of predictions."""
    with Worker(settings.python or sys.executable, len(features), settings) as worker:
        worker.load(pickled)
        yield
        out: deque = deque()
        source = enumerate(_slices(batches), start=1)
        rows, told = 0, 0.0
        while True:
            while len(out) < IN_FLIGHT and (following := next(source, None)):
                number, batch = following
                worker.send(number, _matrix(batch, features))
                out.append((number, batch.column("customer_id").cast(pa.string())))
            if not out:
                break
            number, customers = out.popleft()
            predictions = worker.predictions(number)
            if len(predictions) != len(customers) or not numpy.isfinite(predictions).all():
                raise ModelError(f"Batch {number}: the predictions are not {len(customers)} finite numbers.")
            rows += len(customers)
            if time.monotonic() - told > 0.25:
                told = time.monotonic()
                log.info("%d customers", rows, extra={"rows": rows})
            yield pa.record_batch([customers, pa.array(predictions)], schema=PREDICTIONS)
        log.info("%d customers", rows, extra={"rows": rows})


def _slices(batches):
    for batch in batches:
        for start in range(0, batch.num_rows, LARGEST_BATCH):
            yield batch.slice(start, LARGEST_BATCH)


def _matrix(batch, features):
    matrix = numpy.empty((batch.num_rows, len(features)))
    for position, name in enumerate(features):
        matrix[:, position] = pc.cast(batch.column(name), pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return matrix
