"""A build on a cluster of Spark's own: a master and two workers on loopback, one of which dies while it predicts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import dill
import duckdb
import pytest

from tests.pipeline.conftest import Shop
from tests.spark.test_builds import rows_that_differ

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a session of Spark is slow to start on a busy machine

Found = TypeVar("Found")
SLOW_FOR_MANY = """
class Model:
    def predict(self, x):
        import time

        time.sleep(6 if len(x) > 50 else 0)
        return x[:, 2] * 2
"""


@pytest.fixture
def master(tmp_path: Path) -> Iterator[str]:
    """The address of a cluster with two workers of one core each."""
    import pyspark

    home = Path(pyspark.__file__).parent
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"spark://127.0.0.1:{port}"
    worker = ["org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--cores", "1", "--memory", "1g", address]
    ports = ["--port", str(port), "--webui-port", "0"]
    with ExitStack() as stack, (tmp_path / "cluster.log").open("w") as log:

        def start(*words: str) -> None:
            command = [str(home / "bin" / "spark-class"), *words]
            environment = os.environ | {"SPARK_HOME": str(home), "SPARK_WORKER_DIR": str(tmp_path / "work")}
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)

        start("org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", *ports)
        until(lambda: "I have been elected leader" in (tmp_path / "cluster.log").read_text())
        for _ in range(2):
            start(*worker, "--webui-port", "0")
        until(lambda: (tmp_path / "cluster.log").read_text().count("Successfully registered with master") == 2)
        yield address


def until(condition: Callable[[], Found]) -> Found:
    ends = time.monotonic() + 600
    while not (found := condition()):
        assert time.monotonic() < ends
        time.sleep(0.1)
    return found


def test_the_tables_are_the_same_though_an_executor_dies_while_it_predicts(master: str, tmp_path: Path) -> None:
    on_duckdb, on_spark = Shop(tmp_path / "duckdb"), Shop(tmp_path / "spark")
    model = tmp_path / "model.dill"
    notebook: dict[str, Any] = {"__name__": "__main__"}
    exec(SLOW_FOR_MANY, notebook)
    model.write_bytes(dill.dumps(notebook["Model"](), recurse=True))
    given: dict[str, Any] = {"MODEL": str(model), "MODEL_MANIFESTS": str(tmp_path / "manifests")}
    on_duckdb.run("register", **given)
    on_duckdb.write_orders({f"c{number:03}": number for number in range(1, 200)})
    (tmp_path / "lines").mkdir()
    file = tmp_path / "lines" / "orders.parquet"
    duckdb.sql(f"copy (from read_csv('{on_duckdb.orders}', all_varchar = true)) to '{file}' (format parquet)")
    on_duckdb.run(**given, ORDERS=str(file))

    given["ORDERS"] = f"table:parquet.`{file.parent}`"
    build = on_spark.start(ENGINE="spark", SPARK_MASTER=master, SPARK_LOCAL_IP="127.0.0.1", **given)
    until(lambda: executor_that_predicts(tmp_path / "work") or build.poll() is not None)
    executor = executor_that_predicts(tmp_path / "work")
    assert executor, build.communicate()[0]
    os.kill(executor, signal.SIGKILL)
    printed = build.communicate(timeout=900)[0]
    assert build.returncode == 0, printed
    assert "ExecutorLostFailure" in (on_spark.warehouse / "logs" / "spark.log").read_text()
    assert list((tmp_path / "work").glob("*/*/project/predictor/spark.py"))  # shipped: none of this folder is read
    on_spark.assert_whole()
    assert rows_that_differ(on_duckdb, on_spark) == {}


def executor_that_predicts(work: Path) -> int:
    """The pid of the Java that a model's worker descends from and that works in this folder; 0 where there is none."""
    parents, commands, folders = {}, {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            pid = int(entry.name)
            parents[pid] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            commands[pid] = (entry / "cmdline").read_text()
            folders[pid] = os.readlink(entry / "cwd")
    for pid, command in commands.items():
        while "sandbox/worker.py" in command and pid in parents:
            if "CoarseGrainedExecutorBackend" in commands.get(pid, "") and folders.get(pid, "").startswith(str(work)):
                return pid
            pid = parents[pid]
    return 0
