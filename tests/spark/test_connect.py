"""A build on a server of Spark Connect, which goes on after it: on loopback, started and ended by the test."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dill
import pytest

from pipeline.runners.spark_connect import SparkServer
from tests.pipeline.conftest import Shop
from tests.spark.test_builds import RAISES_ON_ONE, rows_that_differ
from tests.spark.test_cluster import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a session of Spark is slow to start on a busy machine

SCHEMAS = """
import sys
from pyspark.sql import SparkSession
print(*(name for (name,) in SparkSession.builder.remote(sys.argv[1]).create().sql("show schemas").collect()))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Its address and its Java."""
    import pyspark

    home = Path(pyspark.__file__).parent
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "8",
        "spark.sql.warehouse.dir": str(tmp_path / "of-the-server"),
    }
    command = [
        *(str(home / "bin" / "spark-class"), "org.apache.spark.deploy.SparkSubmit", "--master", "local[2]"),
        *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        *(word for name, value in given.items() for word in ("--conf", f"{name}={value}")),
        "spark-internal",
    ]
    environment = os.environ | {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"}
    log = tmp_path / "server.log"
    with log.open("wb") as output:
        java = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=output)
    try:
        until(lambda: "Spark Connect server started" in log.read_text() or java.poll() is not None)
        yield f"sc://127.0.0.1:{port}", java
    finally:
        java.terminate()
        java.wait()


def test_a_server_makes_the_same_tables_and_keeps_nothing_of_a_build_even_of_one_that_was_killed(
    server: tuple[str, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    remote, java = server
    on_duckdb, on_spark = Shop(tmp_path / "duckdb"), Shop(tmp_path / "spark")
    on_server: dict[str, Any] = {"ENGINE": "spark", "SPARK_REMOTE": remote, "JAVA_HOME": str(tmp_path / "no-java")}
    for shop in (on_duckdb, on_spark):
        shop.write_orders({"a": 10, "b": 20, "c": 30})

    without_packages = tmp_path / "python"
    without_packages.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    without_packages.chmod(0o755)
    printed = on_spark.run(status=1, **on_server, PYSPARK_PYTHON=str(without_packages))
    assert re.match("Spark cannot run the project's Python on its executors: ModuleNotFoundError: .*pyarrow", printed)
    assert "export PYSPARK_PYTHON=" in printed

    notebook: dict[str, Any] = {"__name__": "__main__"}
    exec(RAISES_ON_ONE, notebook)
    model = tmp_path / "model.dill"
    model.write_bytes(dill.dumps(notebook["Model"](), recurse=True))
    given: dict[str, Any] = {"MODEL": str(model), "MODEL_MANIFESTS": str(tmp_path / "manifests")}
    on_duckdb.run("register", **given)
    told = [on_duckdb.run(status=1, **given), on_spark.run(status=1, **on_server, **given)]
    assert "no value for one who spent 20\nIt does so for customer 'b'." in told[0]
    assert told[0].replace(str(on_duckdb.folder), "") == told[1].replace(str(on_spark.folder), "")
    assert schemas_at(remote) == "default"

    log = on_spark.warehouse / "logs" / "dbt.log"
    log.unlink()
    killed = on_spark.start(ORDERS="", AS_OF="2017-10-17", **on_server)
    until(lambda: (log.exists() and ".int_customer_orders" in log.read_text()) or killed.poll() is not None)
    killed.kill()
    killed.communicate()
    name = (log.parent / "spark.server").read_text()
    assert re.fullmatch(f"clv_{name}_[0-9a-f]{{12}} default", schemas_at(remote))
    on_duckdb.run(ORDERS="", AS_OF="2017-10-17")
    on_spark.run(ORDERS="", AS_OF="2017-10-17", **on_server)
    assert rows_that_differ(on_duckdb, on_spark) == {}
    assert on_spark.query("select engine like 'spark 4%' from build_info") == [(True,)]
    on_spark.assert_whole()
    on_spark.assert_tidy()
    assert schemas_at(remote) == "default"

    published = on_spark.build_id()
    log.unlink()
    in_the_midst = on_spark.start(ORDERS="", AS_OF="2017-10-17", **on_server)
    until(lambda: (log.exists() and ".int_customer_orders" in log.read_text()) or in_the_midst.poll() is not None)
    java.send_signal(signal.SIGKILL)
    java.wait()
    printed = in_the_midst.communicate()[0]
    assert in_the_midst.returncode == 1
    assert re.fullmatch(rf"The Spark at SPARK_REMOTE={remote} is gone, or has ended the session: .*\n", printed)
    assert on_spark.assert_whole() == published
    printed = on_spark.run(status=1, **on_server)
    assert printed.startswith(f"SPARK_REMOTE={remote} is no server of Spark Connect that can be used: ")
    typed = printed.strip().rpartition(" type on its machine: ")[2].split()
    assert Path(typed[0]).exists() and typed[-1].endswith(remote.rpartition(":")[2])
    at_usual_port = SparkServer("sc://[::1]", tmp_path, tmp_path / "name")._command()
    assert at_usual_port.endswith("/start-connect-server.sh")


def schemas_at(remote: str) -> str:
    """In a process of its own: pyspark speaks to a server for good once it has."""
    asked = subprocess.run([sys.executable, "-c", SCHEMAS, remote], capture_output=True, text=True, check=True)
    return asked.stdout.strip()
