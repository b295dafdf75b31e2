"""Parquet files in, Parquet or CSV files out, for scoring outside dbt."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from predictor.sandbox.errors import ModelError
from predictor.whole_file import replacing

ROWS = 65_536  # that are read at a time


@contextlib.contextmanager
def read_features(path: Path | None) -> Iterator[pa.RecordBatchReader]:
    """The rows of a Parquet file, or of one on standard input, a batch at a time. ModelError where it is none."""
    with contextlib.ExitStack() as stack:
        if path is None and sys.stdin.isatty():
            raise ModelError("There is no input: name a Parquet file, or send one with `< features.parquet`.")
        try:
            file = stack.enter_context(pyarrow.parquet.ParquetFile(path or _seekable(sys.stdin.buffer, stack)))
        except OSError as problem:
            raise ModelError(f"{path} can't be read: {problem.strerror or problem}.") from None
        except pa.ArrowInvalid:
            raise ModelError(f"{path or 'What comes on standard input'} is no Parquet file.") from None
        yield pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(ROWS))


def write_predictions(predictions: pa.RecordBatchReader, path: Path | None) -> int:
    """Writes a .parquet or .csv file, whole or not at all, or CSV to standard output; returns the number of rows."""
    if path is None:
        return _write(pyarrow.csv.CSVWriter(sys.stdout.buffer, predictions.schema), predictions)
    kinds = {".parquet": pyarrow.parquet.ParquetWriter, ".csv": pyarrow.csv.CSVWriter}
    if path.suffix not in kinds:
        raise ModelError(f"{path} has to end in .parquet or .csv.")
    try:
        with replacing(path) as beside:
            return _write(kinds[path.suffix](beside, predictions.schema), predictions)
    except OSError as problem:
        raise ModelError(f"{path} can't be written: {problem.strerror or problem}.") from None


def _write(writer: Any, predictions: pa.RecordBatchReader) -> int:
    rows = 0
    with writer:
        for batch in predictions:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _seekable(stream: BinaryIO, stack: contextlib.ExitStack) -> BinaryIO:
    """Parquet is read from its end; what comes through a pipe is put into a temporary file first."""
    if stream.seekable():
        return stream
    spool: BinaryIO = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    shutil.copyfileobj(stream, spool)
    spool.seek(0)
    return spool
