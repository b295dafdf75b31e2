"""Scores a Spark DataFrame: each partition streams through a boxed worker of its own, on the executor that holds it."""

from __future__ import annotations

import itertools
import json
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from predictor.manifest import digest_of
from predictor.model import Model
from predictor.sandbox.box import WALLS, Box, box_here
from predictor.sandbox.errors import ModelError, Remedy
from predictor.scoring import score
from predictor.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_ASKED = 4  # how many times as many tasks as there are cores ask for the box: each executor gets some
_SENT = "ModelError on an executor: "
_STOOD = "clv.walls"  # in a session: the walls that stood wherever the box was tried

log = logging.getLogger("predictor")


def score_on_spark(features: DataFrame, model: Model, settings: Settings) -> DataFrame:
    """Predicts a value for each customer, where Spark holds them.

    `features` and the answer have the columns of `predictor.score`. It is computed when Spark needs it; what is
    wrong with the model comes as an error of Spark's then, in which `tell_errors_of_executors` finds the ModelError.
    """
    needed = {"customer_id", *model.manifest.features}
    schema = ", ".join(["customer_id string", *(f"{name} double" for name in model.manifest.outputs)])
    run = replace(settings, workers=1, temporary=None)  # Spark has a task for each core, and folders of its own
    return features.select(*(name for name in features.columns if name in needed)).mapInArrow(
        _Scoring(model, run, features.sparkSession.conf.get(_STOOD, "").split()), schema
    )


class _Scoring:
    """What an executor is sent: the model as it was read where the build runs, and how to run it."""

    def __init__(self, model: Model, settings: Settings, stood: Iterable[str]):
        self._model = model
        self._settings = settings
        self._stood = frozenset(stood)

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        filled = (batch for batch in batches if batch.num_rows)
        first = next(filled, None)
        if first is None:
            return  # an empty partition needs no worker
        if digest_of(self._model.pickled) != self._model.sha256:
            raise RuntimeError("The model has not reached this executor as it was sent: its SHA-256 is another one.")
        reader = pa.RecordBatchReader.from_batches(first.schema, itertools.chain([first], filled))
        try:
            self._stop_in_a_weaker_box()
            yield from score(reader, self._model, self._settings)
        except ModelError as problem:
            sent = {"text": str(problem), "remedy": problem.remedy, "python": problem.python}
            raise RuntimeError(_SENT + json.dumps(sent)) from None

    def _stop_in_a_weaker_box(self) -> None:
        """An executor may come after the box was tried on those that were there."""
        if missing := Box(box_here().walls | (WALLS.keys() - self._stood)).missing:
            raise ModelError(
                f"An executor that came later than the others cannot keep the model in the same box: it lacks "
                f"{', '.join(missing)}. Build again while it is there, and the box is tried on it first."
            )


def tell_errors_of_executors(text: str) -> None:
    """Has the logger `predictor` say the model's error that stands in one of Spark's, if there is one."""
    if found := re.search(re.escape(_SENT) + r"(\{.*\})", text):
        sent = json.loads(found[1])
        problem = ModelError(sent["text"], Remedy(sent["remedy"]) if sent["remedy"] else None, sent["python"])
        log.error("%s", problem, extra={"problem": problem})


def weakest_box(session: SparkSession) -> Box:
    """The walls that stand on every executor that is there."""
    tasks = _ASKED * session.sparkContext.defaultParallelism
    told = session.range(0, tasks, 1, tasks).mapInArrow(_walls_here, "walls string").distinct().collect()
    box = Box(frozenset(WALLS).intersection(*(row.walls.split() for row in told)))
    session.conf.set(_STOOD, " ".join(sorted(box.walls)))
    return box


def _walls_here(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for _ in batches:
        yield pa.record_batch({"walls": [" ".join(sorted(box_here().walls))]})
