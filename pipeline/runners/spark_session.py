"""The Spark session of a build, and what dbt-spark lacks to run this project in it."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import predictor
from pipeline.engines.duckdb_settings import in_megabytes
from pipeline.errors import ClvError
from pipeline.settings import ROOT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOWEST_JAVA = 17
UNPACKED = "project"  # the folder in which each executor finds the package predictor, beside where it works
# Left to itself, Java interprets long methods, as what Spark writes for `base_orders` is, and compiles in full what has
# run a few thousand times, which takes nearly half of a build's processor time: each query is new code.
_COMPILING = " ".join(
    (
        "-XX:-DontCompileHugeMethods",
        "-XX:Tier4InvocationThreshold=50000",
        "-XX:Tier4MinInvocationThreshold=6000",
        "-XX:Tier4CompileThreshold=150000",
        "-XX:Tier4BackEdgeThreshold=400000",
    )
)


OF_EVERY_SESSION = {
    # Nearly every value of these tables is another one: to look for those that repeat takes a tenth of writing them.
    "parquet.enable.dictionary": "false",
    "spark.sql.ansi.enabled": "true",  # without it, what does not fit its type is null, and nobody is told
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    "spark.sql.files.ignoreCorruptFiles": "false",  # with either of these two, rows are missing, and nobody is told
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",  # what `timestamp` is on DuckDB
}


class OwnSpark:
    """A Spark of the build's own, with a catalog of its own, on this machine or a cluster: both end with the build.

    `place` is what errors call it; `schema` holds the tables, `folder` their files; `remote` is what a builder of
    sessions has to be told to find this one. `log` is the file that Spark logs to. Whoever starts it has seen to it
    that there is a Java.
    """

    schema = "main"
    remote: Mapping[str, str] = {}

    def __init__(self, master: str, memory: str, temporary: Path, log: Path):
        self._master = master
        self._memory = memory
        self.folder = temporary / "spark"
        self.place = f"The Spark of SPARK_MASTER={master}"
        self.log = str(log)
        self.shares_our_disk = master.startswith("local")

    def start(self) -> SparkSession:
        """Raises ClvError where Spark does not start."""
        prepare()
        from pyspark import SparkConf, SparkContext
        from pyspark.java_gateway import launch_gateway
        from pyspark.sql import SparkSession

        conf = SparkConf().setAll(list(self._configuration().items())).setMaster(self._master)
        conf.setAppName("customer-lifetime-value")
        gateway = None
        try:
            with open(self.log, "w") as output:
                gateway = launch_gateway(conf, {"stdout": output, "stderr": output})
            context = SparkContext(conf=conf, gateway=gateway)
            # Where Java ends, the build says so: its thread for sums would print a traceback beside that.
            context._accumulatorServer.handle_error = lambda request, address: None
            session = SparkSession(context)
        except Exception as error:
            if gateway:
                gateway.proc.kill()
                gateway.proc.wait()
            why = str(error).splitlines()[0]
            raise ClvError(f"Spark does not start with SPARK_MASTER={self._master}: {why} See {self.log}.") from None
        predictor.import_on_executors_from(session, str(ROOT) if self.shares_our_disk else UNPACKED)
        return session

    def _configuration(self) -> dict[str, str]:
        given = OF_EVERY_SESSION | {
            "spark.driver.defaultJavaOptions": _COMPILING,
            "spark.driver.memory": f"{in_megabytes(self._memory)}m",
            "spark.executor.defaultJavaOptions": _COMPILING,
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.warehouse.dir": str(self.folder),
            "spark.ui.enabled": "false",
        }
        if not self.shares_our_disk:
            return given | {"spark.archives": f"{packed(self.folder).as_uri()}#{UNPACKED}"}
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        given |= {
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.sql.shuffle.partitions": str(4 * cores),  # 200 are for a cluster
        }
        if "," not in str(self.folder):  # which would make two folders of it, to Spark
            # What Spark spills fills the warehouse's disk then, as what DuckDB spills does, and goes with the build.
            given["spark.local.dir"] = str(self.folder / "local")
        return given

    def stop_where_gone(self, session: SparkSession) -> None:
        """Raises ClvError where Java has ended."""
        with suppress(subprocess.TimeoutExpired):
            session.sparkContext._gateway.proc.wait(1)  # its connections are closed before it is gone
            raise ClvError(f"Spark's Java has ended, perhaps for want of memory (MEMORY=). See {self.log}.")

    def end(self, session: SparkSession) -> None:
        session.stop()


def prepare() -> None:
    """What has to be so before anything of Spark's is imported."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # of the executors: one that has pyarrow, numpy and dill
    os.environ.pop("SPARK_REMOTE", None)  # which pyspark reads too, even where it is empty: what counts is the settings
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)  # only Arrow is used
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)  # a hundred lines for each refused statement


def packed(folder: Path) -> Path:
    """An archive of the package predictor for executors, which need not have this project's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "predictor.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted((ROOT / "predictor").rglob("*.py")):
            file.write(path, path.relative_to(ROOT))
    return archive


def stop_without_java() -> None:
    """Raises ClvError with what to type where no Java is found, or too old a one."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if java:
        said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
        version = re.search(r'version "(?:1\.)?(\d+)', said)
        if version and int(version[1]) >= LOWEST_JAVA:
            return
        found = f"{java} is Java {version[1]}" if version else f"{java} does not say its version"
    else:
        found = f"there is none in JAVA_HOME={home}" if home else "there is none on this machine's PATH"
    raise ClvError(
        f"ENGINE=spark needs Java {LOWEST_JAVA} or newer, and {found}. On Debian and Ubuntu, type this and try again: "
        f"apt-get install openjdk-{LOWEST_JAVA}-jre-headless"
    )


def let_dbt_use(session: SparkSession, remote: Mapping[str, str]) -> None:
    """Has dbt-spark 1.11 run Python models in this session, and leave Spark's ANSI mode as it is.

    It knows Python models on Databricks only, turns ANSI mode off in each session that it is given, and asks for the
    session that there is, for which `remote` has to tell the builder that it is a server's.
    """
    from dbt.adapters.base import PythonJobHelper
    from dbt.adapters.spark import SparkCredentials
    from dbt.adapters.spark.impl import SparkAdapter

    class InThisSession(PythonJobHelper):
        def __init__(self, parsed_model: dict[str, Any], credentials: SparkCredentials):
            self._name = parsed_model["name"]

        def submit(self, compiled_code: str) -> None:
            try:
                exec(compile(compiled_code, f"{self._name}.py", "exec"), {"spark": session, "__name__": self._name})
            except Exception as error:
                predictor.tell_errors_of_executors(str(error))
                raise

    def with_ansi(credentials: SparkCredentials) -> None:
        post_init(credentials)
        credentials.server_side_parameters |= {"spark.sql.ansi.enabled": "true", **remote}

    post_init = SparkCredentials.__post_init__
    SparkCredentials.__post_init__ = with_ansi
    SparkAdapter.python_submission_helpers = property(lambda adapter: {"session": InThisSession})
    SparkAdapter.default_python_submission_method = property(lambda adapter: "session")
