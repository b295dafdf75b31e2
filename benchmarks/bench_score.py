"""Scoring through a boxed worker beside `model.predict` in process, on the same batches.

`python -m benchmarks.bench_score` prints rows a second from Arrow in to Arrow out with the reference model, the time
until a model is ready, and the parent's peak memory for 100,000 and for 10 million rows. Best of several rounds,
because other programs only ever make it slower.
"""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy
import pyarrow as pa

import predictor
from predictor.reference_model import REFERENCE_MODEL

BATCH = 65_536
SCHEMA = pa.schema([("customer_id", pa.string()), *((name, pa.float64()) for name in predictor.FEATURES)])


def batches(rows: int) -> Iterator[pa.RecordBatch]:
    """Customers with 32-character ids and random features, a batch at a time."""
    random = numpy.random.default_rng(1)
    for start in range(0, rows, BATCH):
        size = min(BATCH, rows - start)
        ids = pa.array([f"{number:032x}" for number in range(start, start + size)])
        yield pa.record_batch([ids, *(pa.array(column) for column in random.random((6, size)))], schema=SCHEMA)


def reference() -> predictor.Model:
    return predictor.open_model(REFERENCE_MODEL, predictor.Settings().manifests)


def through_a_worker(made: list[pa.RecordBatch], workers: int) -> tuple[float, float]:
    """Seconds until the model is ready, and seconds for all batches."""
    settings = predictor.Settings(workers=workers)
    began = time.perf_counter()
    reader = predictor.score(pa.RecordBatchReader.from_batches(SCHEMA, made), reference(), settings)
    ready = time.perf_counter()
    for _ in reader:
        pass
    return ready - began, time.perf_counter() - ready


def in_process(made: list[pa.RecordBatch]) -> tuple[float, float]:
    """The same, by calling the model here: what a program would do that trusts every file and has one Python."""
    began = time.perf_counter()
    model = pickle.loads(REFERENCE_MODEL.read_bytes())
    ready = time.perf_counter()
    for batch in made:
        x = numpy.column_stack([batch.column(name).to_numpy() for name in predictor.FEATURES])
        pa.record_batch([batch.column("customer_id"), pa.array(model.predict(x))], ["customer_id", "predicted_clv"])
    return ready - began, time.perf_counter() - ready


def peak_memory(rows: int) -> int:
    """MB of a process of its own that scores so many rows, which it makes one batch at a time."""
    done = subprocess.run([sys.executable, "-m", __spec__.name, "peak", str(rows)], capture_output=True, check=True)
    return int(done.stdout)


def main() -> None:
    if sys.argv[1:2] == ["peak"]:
        source = pa.RecordBatchReader.from_batches(SCHEMA, batches(int(sys.argv[2])))
        for _ in predictor.score(source, reference(), predictor.Settings(workers=1)):
            pass
        # Not getrusage, whose figure includes what the process that started this one had in memory.
        print(int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
        return

    rows = 2_000_000
    made = list(batches(rows))
    rounds = [(through_a_worker(made, 1), in_process(made)) for _ in range(5)]
    for name, position in (("one worker", 0), ("in process", 1)):
        ready, seconds = (min(figures[position][part] for figures in rounds) for part in (0, 1))
        print(f"{name:<12} {rows / seconds / 1e6:6.1f} million rows/s   ready after {ready * 1000:4.0f} ms")
    small, large = peak_memory(100_000), peak_memory(10_000_000)
    print(f"peak memory of the parent: {small} MB for 100,000 rows, {large} MB for 10 million")


if __name__ == "__main__":
    main()
