"""A session on a server of Spark Connect, which has its own Spark, catalogs and log, and outlives the build."""

from __future__ import annotations

import hashlib
import os
import uuid
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import predictor
from pipeline.engines.spark_messages import plain
from pipeline.errors import ClvError
from pipeline.runners.spark_session import OF_EVERY_SESSION, UNPACKED, packed, prepare

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_USUAL_PORT = 15002
# A server that is back after longer has lost the session, and a build with it: pyspark itself goes on for ten minutes.
_PATIENCE = {"max_retries": 12, "max_backoff": 4000}  # milliseconds; half a minute in all


class SparkServer:
    """As OwnSpark. The tables have a schema of their own in the server's catalog, which others use meanwhile.

    Neither it nor the folder is ever used twice: what a build that was killed has begun, the server still does.
    """

    shares_our_disk = False

    def __init__(self, address: str, warehouse: Path, temporary: Path):
        self._address = address
        self._of_this_warehouse = f"clv_{hashlib.sha256(bytes(warehouse)).hexdigest()[:12]}_"
        self.schema = self._of_this_warehouse + uuid.uuid4().hex[:12]
        self.folder = temporary / self.schema
        self.log = f"the log of {address}"
        self.remote: Mapping[str, str] = {"spark.remote": address}

    def start(self) -> SparkSession:
        """Raises ClvError where no server answers, or one that cannot be used."""
        prepare()
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # it writes to the terminal, beside what the build says
        warnings.filterwarnings("ignore", r"\[RETRIES_EXCEEDED\]")
        warnings.filterwarnings("ignore", ".*CANNOT_MODIFY_(STATIC_)?CONFIG")  # dbt asks for Hive, whatever there is
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
        from pyspark.sql.connect.client.retries import DefaultPolicy

        try:
            session = SparkSession.builder.remote(self._address).create()
            session.client.set_retry_policies([])
            self._stop_at_another_version(session.version)
            session.client.set_retry_policies([DefaultPolicy(**_PATIENCE)])
            python = {"spark.sql.execution.pyspark.python": os.environ["PYSPARK_PYTHON"]}
            for name, value in (OF_EVERY_SESSION | python).items():
                session.conf.set(name, value)
            session.addArtifacts(f"{packed(self.folder).as_uri()}#{UNPACKED}", archive=True)
        except PySparkException as error:
            raise ClvError(
                f"SPARK_REMOTE={self._address} is no server of Spark Connect that can be used: {plain(error)} "
                f"To start one, type on its machine: {self._command()}"
            ) from None
        predictor.import_on_executors_from(session, UNPACKED)
        self._drop(session, f"{self._of_this_warehouse}*")
        return session

    def _stop_at_another_version(self, version: str) -> None:
        import pyspark

        ours = pyspark.__version__
        minor = ".".join(ours.split(".")[:2])
        if not version.startswith(f"{minor}."):
            raise ClvError(
                f"SPARK_REMOTE={self._address} is Spark {version}, and what is sent to it is made with {ours}: both "
                f"have to be {minor}. To start such a server, type on its machine: {self._command()}"
            )

    def _command(self) -> str:
        import pyspark

        _, colon, port = self._address.removeprefix("sc://").partition("/")[0].rpartition(":")
        other = f" --conf spark.connect.grpc.binding.port={port}" if colon and port != str(_USUAL_PORT) else ""
        return f"{pyspark.__path__[0]}/sbin/start-connect-server.sh{other}"

    def stop_where_gone(self, session: SparkSession) -> None:
        """Raises ClvError where the server no longer knows the session."""
        session.client.set_retry_policies([])
        try:
            session.conf.get("spark.sql.ansi.enabled")
        except Exception as error:
            raise ClvError(
                f"The Spark at SPARK_REMOTE={self._address} is gone, or has ended the session: {plain(error)} "
                f"See its log. To start it again, type on its machine: {self._command()}"
            ) from None

    def end(self, session: SparkSession) -> None:
        try:
            self._drop(session, self.schema)
        finally:
            session.stop()

    def _drop(self, session: SparkSession, schemas: str) -> None:
        for (name,) in session.sql(f"show schemas like '{schemas}'").collect():
            session.sql(f"drop schema if exists {name} cascade")
