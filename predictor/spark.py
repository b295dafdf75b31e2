"""Scores a Spark DataFrame: each partition streams through a boxed worker of its own, on the executor that holds it."""

from __future__ import annotations

import itertools
import json
import logging
import pickle
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
# In the configuration of a session:
_STOOD = "clv.walls"  # the walls that stood wherever the box was tried
_PLACE = "clv.predictor"  # the folder that executors import this package from
_MANY_ROWS = 2**16  # so that each of the partitions that Spark makes by itself, one a core, has some

Batches = Iterable[pa.RecordBatch]

log = logging.getLogger("predictor")


def score_on_spark(features: DataFrame, model: Model, settings: Settings) -> DataFrame:
    """Predicts a value for each customer, where Spark holds them.

    `features` and the answer have the columns of `predictor.score`. It is computed when Spark needs it; what is
    wrong with the model comes as an error of Spark's then, in which `tell_errors_of_executors` finds the ModelError.
    """
    needed = {"customer_id", *model.manifest.features}
    schema = ", ".join(["customer_id string", *(f"{name} double" for name in model.manifest.outputs)])
    run = replace(settings, workers=1, temporary=None)  # Spark has a task for each core, and folders of its own
    session = features.sparkSession
    scoring = _Scoring(model, run, session.conf.get(_STOOD, "").split())
    return features.select(*(name for name in features.columns if name in needed)).mapInArrow(
        _sent(scoring, session), schema
    )


class _Scoring:
    """What an executor is sent: the model as it was read where the build runs, and how to run it."""

    def __init__(self, model: Model, settings: Settings, stood: Iterable[str]):
        self._model = model
        self._settings = settings
        self._stood = frozenset(stood)

    def __call__(self, batches: Batches) -> Iterator[pa.RecordBatch]:
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
    told = probes(session).mapInArrow(_sent(_walls_here, session), "walls string").distinct().collect()
    box = Box(frozenset(WALLS).intersection(*(row.walls.split() for row in told)))
    session.conf.set(_STOOD, " ".join(sorted(box.walls)))
    return box


def probes(session: SparkSession) -> DataFrame:
    """Some rows, one a task, of which each executor that is there gets some: a session may not know how many cores."""
    from pyspark.sql.functions import spark_partition_id

    tasks = _ASKED * session.range(_MANY_ROWS).select(spark_partition_id()).distinct().count()
    return session.range(0, tasks, 1, tasks)


def _walls_here(batches: Batches) -> Iterator[pa.RecordBatch]:
    for _ in batches:
        yield pa.record_batch({"walls": [" ".join(sorted(box_here().walls))]})


def import_on_executors_from(session: SparkSession, folder: str) -> None:
    """Says where executors find this package, as plain files: from where they work, or for all of them the same."""
    session.conf.set(_PLACE, folder)


def _sent(function: Callable[[Batches], Iterator[pa.RecordBatch]], session: SparkSession) -> Callable[[Batches], Any]:
    """The function for executors, whose Python cannot load it before it is told where this package is."""
    place = session.conf.get(_PLACE)
    pickled = pickle.dumps(function)

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        import pickle  # all that it names it brings along: nothing of this module, which is still to be found
        import sys

        if place not in sys.path:
            sys.path.insert(0, place)
        yield from pickle.loads(pickled)(batches)

    return run
