"""Models made for a test, and features to score with them."""

from __future__ import annotations

import os
import textwrap
from dataclasses import replace
from pathlib import Path

import dill
import numpy
import pyarrow as pa
import pytest

import predictor
from predictor.manifest import Manifest, digest_of


@pytest.fixture
def settings(tmp_path) -> predictor.Settings:
    """As a user has them, but for manifests of this test's own and one worker."""
    return predictor.Settings(workers=1, timeout=60, manifests=tmp_path / "manifests")


@pytest.fixture
def make_model(tmp_path):
    """Writes a dill file, pickled by value, from the source of a class `Model`."""

    def make(source: str, name: str = "model.dill") -> Path:
        notebook: dict = {"__name__": "__main__"}
        exec(textwrap.dedent(source), notebook)
        path = tmp_path / name
        path.write_bytes(dill.dumps(notebook["Model"](), recurse=True))
        return path

    return make


@pytest.fixture
def trust(settings):
    """States that a model may be run without trying it, so that it misbehaves where the test wants it to."""

    def trust(path: Path, **content) -> Path:
        pickled = path.read_bytes()
        known = {
            "file": path.name,
            "sha256": digest_of(pickled),
            "size": len(pickled),
            "features": list(predictor.FEATURES),
            "interpreter": None,
            "python": "",
            "packages": {},
            "imports": [],
            "bytecode": [],
            "example": {},
            "edges": {},
            "box": "",
            "registered_at": "",
            "registered_by": "",
        }
        Manifest(**{**known, **content}).write(settings.manifests)
        return path

    return trust


@pytest.fixture
def score(make_model, trust, settings):
    """Scores with the model of a source; returns the predicted values as a list."""

    def score(source: str, values: numpy.ndarray | None = None, chunk: int = 4, **changes) -> list[float]:
        model = trust(make_model(source))
        table = features(values)
        return scored(model, replace(settings, **changes), table, chunk).read_all()["predicted_clv"].to_pylist()

    return score


def features(values: numpy.ndarray | None = None) -> pa.Table:
    """A table of features; by default ten customers c0 to c9, whose six features are 0 to 9 each."""
    if values is None:
        values = numpy.repeat(numpy.arange(10.0)[:, None], 6, axis=1)
    customers = [f"c{number}" for number in range(len(values))]
    return pa.table({"customer_id": customers, **dict(zip(predictor.FEATURES, values.T, strict=True))})


def scored(model: Path, settings: predictor.Settings, table: pa.Table | None = None, chunk: int | None = None):
    """The reader of what is predicted for a table of features, of which batches of `chunk` rows are made."""
    reader = (features() if table is None else table).to_reader(max_chunksize=chunk)
    return predictor.score(reader, predictor.open_model(model, settings.manifests), settings)


def processes_of_workers() -> list[int]:
    """The pids of the launchers and workers that run now, of this test process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if b"launcher.py" in command and parent == os.getpid():
                found.append(int(entry.name))
    return found


@pytest.fixture(autouse=True)
def no_worker_is_left_behind(tmp_path_factory):
    yield
    assert processes_of_workers() == []
