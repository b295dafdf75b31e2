"""The rows of Spark's tables, which its executors write to files that are read where the command runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import predictor
from pipeline.address import CatalogTable
from pipeline.engines.spark_messages import plain
from pipeline.errors import ClvError
from pipeline.warehouse.parquet import GROUP_ROWS

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.dataset import FileSystemDataset
    from pyspark.sql import DataFrame, SparkSession

LARGE = 100_000  # rows, above which a sample shows as much
_BATCH = 65_536  # rows that are in memory at a time


@contextmanager
def rows_of(session: SparkSession, table: CatalogTable, folder: Path, log: str) -> Iterator[pa.RecordBatchReader]:
    """All rows of a table; the files in `folder`, a new one, are gone afterwards. Raises ClvError."""
    try:
        with plain_errors(f"Spark cannot read {table}", log):
            rows = session.sql(f"select * from {table.name}")
            # No column of an order line has such a type, and Parquet cannot hold it.
            rows = rows.drop(*(column.name for column in rows.schema if column.dataType.typeName() == "interval"))
            found = _written(rows, folder)
        yield found.scanner(batch_size=_BATCH).to_reader()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sample_of(session: SparkSession, table: CatalogTable, log: str) -> CatalogTable:
    """Some rows from all over a large table, the same ones while it does not change; a small one itself."""
    with plain_errors(f"Spark cannot read {table}", log):
        ((rows,),) = session.sql(f"select count(*) from {table.name}").collect()
    if rows <= LARGE:
        return table
    some = f"(select * from {table.name}) tablesample ({100 * LARGE / rows:.12f} percent) repeatable (19)"
    return CatalogTable(f"table:{some}", f"a sample of {table}")


def write_sorted(rows: DataFrame, folder: Path, scratch: Path, rows_a_file: int) -> None:
    """Has the executors write customers to `folder`, sorted from 0000.parquet on; `scratch` is a new one beside it."""
    files = -(-rows.count() // rows_a_file)
    in_order = rows.repartitionByRange(files, "customer_id").sortWithinPartitions("customer_id")
    written = _written(in_order, scratch, GROUP_ROWS)
    folder.mkdir()
    for number, path in enumerate(sorted(written.files)):  # which Spark names in order of its partitions
        Path(path).rename(folder / f"{number:04}.parquet")
    shutil.rmtree(scratch)


def stop_unless_shared(session: SparkSession, folder: Path, log: str) -> None:
    """Raises ClvError where executors cannot write to `folder`, a new one, or what one writes is not found here."""
    with plain_errors("Spark's executors cannot write to the warehouse, which all machines have to share", log):
        _written(predictor.probes(session), folder)
    shutil.rmtree(folder)


def _written(rows: DataFrame, folder: Path, rows_a_group: int = 2**31 - 1) -> FileSystemDataset:
    from pyarrow.dataset import ParquetFileFormat, dataset
    from pyspark.sql import Observation
    from pyspark.sql.functions import count, lit

    written = Observation()
    # Not lz4: what Spark means by that, pyarrow reads of small pages only.
    writer = rows.observe(written, count(lit(1)).alias("rows")).write.option("parquet.enable.dictionary", "true")
    writer.option("parquet.block.row.count.limit", rows_a_group).parquet(str(folder), compression="snappy")
    # Spark writes moments in nanoseconds, of which 64 bits hold three centuries: read so, others would wrap around.
    of_files = ParquetFileFormat(coerce_int96_timestamp_unit="us")
    found = dataset(folder, format=of_files) if folder.exists() else None
    here, all_rows = found.count_rows() if found else 0, written.get["rows"]
    if found is None or here != all_rows:
        raise ClvError(
            f"Spark's executors wrote {all_rows:,} rows to {folder}, and {here:,} are there: it has to be on a file "
            "system that all machines share. Choose a folder there: WAREHOUSE=folder, for make inspect TMPDIR=folder."
        )
    return found


@contextmanager
def plain_errors(what: str, log: str) -> Iterator[None]:
    """Raises what Spark says as a ClvError that begins with `what` has come of it."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        raise ClvError(f"{what}: {plain(error)} See {log}.") from None
