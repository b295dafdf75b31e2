"""A session on a server of Spark Connect, which has its own Spark, catalogs and log, and outlives the build."""

from __future__ import annotations

import os
import re
import uuid
import warnings
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import predictor
from pipeline.engines.spark_messages import plain
from pipeline.errors import ClvError
from pipeline.runners.spark_session import OF_EVERY_SESSION, UNPACKED, packed, prepare
from pipeline.runners.spark_tables import plain_errors

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_USUAL_PORT = 15002
# A server that is back after longer has lost the session, and a build with it: pyspark itself goes on for ten minutes.
_PATIENCE = {"max_retries": 12, "max_backoff": 4000}  # milliseconds; half a minute in all


class SparkServer:
    """As OwnSpark. The tables have a schema of their own in the server's catalog, which others use meanwhile.

    Neither it nor the folder is ever used twice: what a build that was killed has begun, the server still does.
    `name_file` keeps what the warehouse's schemas are known by: a path may be that of another machine's, too.
    """

    shares_our_disk = False

    def __init__(self, address: str, temporary: Path, name_file: Path):
        self._address = address
        self._name_file = name_file
        self._of_this_build = uuid.uuid4().hex[:12]
        self.folder = temporary / f"clv_{self._of_this_build}"
        self.place = f"The Spark at SPARK_REMOTE={address}"
        self.log = f"the log of {address}"
        self.remote: Mapping[str, str] = {"spark.remote": address}

    @cached_property
    def schema(self) -> str:
        """Only for the holder of the warehouse's lock."""
        name = self._name_file.read_text() if self._name_file.exists() else ""
        if not re.fullmatch("[0-9a-f]{12}", name):
            name = uuid.uuid4().hex[:12]
            self._name_file.write_text(name)
        return f"clv_{name}_{self._of_this_build}"

    def start(self) -> SparkSession:
        """Raises ClvError where no server answers, or one that cannot be used."""
        prepare()
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # it writes to the terminal, beside what the build says
        warnings.filterwarnings("ignore", r"\[RETRIES_EXCEEDED\]")
        warnings.filterwarnings("ignore", ".*CANNOT_MODIFY_(STATIC_)?CONFIG")  # dbt asks for Hive, whatever there is
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
        from pyspark.sql.connect.client.retries import DefaultPolicy

        session = None
        try:
            session = SparkSession.builder.remote(self._address).create()
            session.client.set_retry_policies([])
            self._stop_at_another_version(session.version)
            session.client.set_retry_policies([DefaultPolicy(**_PATIENCE)])
            python = {"spark.sql.execution.pyspark.python": os.environ["PYSPARK_PYTHON"]}
            for name, value in (OF_EVERY_SESSION | python).items():
                session.conf.set(name, value)
            session.addArtifacts(f"{packed(self.folder).as_uri()}#{UNPACKED}", archive=True)
            predictor.import_on_executors_from(session, UNPACKED)
            self._drop_schemas(session)
        except BaseException as error:
            if session:
                session.client.set_retry_policies([])
                session.stop()
            if not isinstance(error, PySparkException):
                raise
            raise ClvError(
                f"SPARK_REMOTE={self._address} is no server of Spark Connect that can be used: {plain(error)} "
                f"To start one, type on its machine: {self._command()}"
            ) from None
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

        port = urlsplit(self._address).port or _USUAL_PORT
        other = f" --conf spark.connect.grpc.binding.port={port}" if port != _USUAL_PORT else ""
        return f"{pyspark.__path__[0]}/sbin/start-connect-server.sh{other}"

    def stop_where_gone(self, session: SparkSession) -> None:
        """Raises ClvError where the server no longer knows the session."""
        session.client.set_retry_policies([])
        try:
            session.conf.get("spark.sql.ansi.enabled")
        except Exception as error:
            raise ClvError(
                f"{self.place} is gone, or has ended the session: {plain(error)} "
                f"See its log. To start it again, type on its machine: {self._command()}"
            ) from None

    def end(self, session: SparkSession) -> None:
        try:
            self._drop_schemas(session)
        finally:
            session.stop()

    def _drop_schemas(self, session: SparkSession) -> None:
        """Those of this warehouse, where one was ever named."""
        if not self._name_file.exists():
            return
        of_this_warehouse = self.schema.removesuffix(self._of_this_build)
        with plain_errors(f"{self.place} refuses to drop the schemas {of_this_warehouse}*", self.log):
            for (name,) in session.sql(f"show schemas like '{of_this_warehouse}*'").collect():
                session.sql(f"drop schema if exists {name} cascade")
