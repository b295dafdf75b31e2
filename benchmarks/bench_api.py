"""`make bench-api`: the API beside a constant answer and beside the 2018 server, under load from wrk, in one run."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import duckdb

from api.server import BUFFER, THREADS
from benchmarks.api.published import make, publish

ROOT = Path(__file__).resolve().parents[1]
CONNECTIONS = 8


class Load(NamedTuple):
    """One run of wrk."""

    requests: float  # answered a second
    p99: float  # milliseconds
    failed: int
    processor: float = 0.0  # microseconds that the server spent on a request


def wrk(port: int, path: str, seconds: int, ids: Path | None = None) -> Load:
    script = ["-s", str(ROOT / "benchmarks" / "api" / "ids.lua")] if ids else []
    command = [
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "--latency",
        *script,
        f"http://127.0.0.1:{port}{path}",
    ]
    said = subprocess.run(
        command, env=os.environ | {"IDS": str(ids)}, capture_output=True, text=True, check=True
    ).stdout
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", said).groups()
    errors = re.findall(r"(?:Non-2xx or 3xx responses: |connect |read |write |timeout )(\d+)", said)
    requests = float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))
    return Load(requests, float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit], sum(map(int, errors)))


@contextmanager
def server(command: Callable[[int], list[str]], path: str, **environment: str) -> Iterator[tuple[int, int]]:
    """A server process, from its first answer on `path` to its end; gives its port and the process that answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        command(port), cwd=ROOT, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while get(port, path)[0] != 200:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command(port)} does not answer")
            time.sleep(0.05)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield port, int(children[0]) if children else process.pid
    finally:
        process.terminate()
        process.wait()


def granian(target: str) -> Callable[[int], list[str]]:
    """The command that serves `target` with the settings of `python -m api`."""
    options = ["--factory", "--interface", "wsgi", "--http", "1", "--no-ws", "--blocking-threads", str(THREADS)]
    options += ["--http1-buffer-size", str(BUFFER)]
    return lambda port: [sys.executable, "-m", "granian", *options, "--port", str(port), target]


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with suppress(OSError):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    return 0, b""


def processor(process: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process: int) -> float:
    """MB that a process holds of its own."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text()
    return sum(int(kb) for kb in re.findall(r"^Private_\w+:\s+(\d+) kB", lines, re.M)) / 1000


def compare(warehouse: Path, ids: Path, sqlite: Path, rounds: int, seconds: int) -> None:
    """Alternate between what is compared, so that other work on the machine disturbs each alike."""
    loads: dict[str, list[Load]] = {}
    app = granian("benchmarks.api.constant:with_constant")
    empty = granian("benchmarks.api.constant:only_constant")

    def flask(port: int) -> list[str]:
        return [sys.executable, "-m", "flask", "--app", "benchmarks.api.server_2018", "run", "--port", str(port)]

    one = "/predictions/" + ids.read_text().partition("\n")[0]
    with (
        server(app, "/constant", WAREHOUSE=str(warehouse)) as (ours, api),
        server(empty, "/constant") as (bare, constant),
        server(flask, one, SQLITE=str(sqlite)) as (old, first),
    ):
        runs = {
            "GET /predictions/<id>": (api, ours, "", ids),
            "constant JSON, same app": (api, ours, "/constant", None),
            "constant JSON, empty Flask app": (constant, bare, "/constant", None),
            "2018: flask run, SQLAlchemy, sqlite": (first, old, "", ids),
        }
        for _ in range(rounds):
            for name, (process, port, path, asked) in runs.items():
                before = processor(process)
                load = wrk(port, path, seconds, asked)
                spent = (processor(process) - before) / (load.requests * seconds) * 1e6
                loads.setdefault(name, []).append(load._replace(processor=spent))
    ours_best = _best(loads["GET /predictions/<id>"])
    heads = ("requests/s", "ours is", "p99 ms", "ours is", "processor µs", "ours is", "failed")
    print(f"\n{'best of ' + str(rounds):36}" + "".join(f"{head:>13}" for head in heads))
    for name, found in loads.items():
        best = _best(found)
        cells = [f"{best.requests:,.0f}", f"{ours_best.requests / best.requests:.2f}x"]
        cells += [f"{best.p99:.2f}", f"{ours_best.p99 / best.p99:.2f}x"]
        cells += [f"{best.processor:.0f}", f"{ours_best.processor / best.processor:.2f}x", f"{best.failed}"]
        print(f"{name:36}" + "".join(f"{cell:>13}" for cell in cells))


def _best(loads: list[Load]) -> Load:
    """The best of each figure: what other work on the machine disturbed least."""
    failed = sum(load.failed for load in loads)
    least = (min(load.p99 for load in loads), failed, min(load.processor for load in loads))
    return Load(max(load.requests for load in loads), *least)


def switch(warehouse: Path, small: Path, customers: int, seconds: int) -> None:
    """Memory per customer; publish to first answer; a minute of load while builds go on."""

    def api(port: int) -> list[str]:
        return [sys.executable, "-m", "api", "--port", str(port)]

    with server(api, "/health", WAREHOUSE=str(small)) as (_, process):
        base = memory(process)
    with server(api, "/health", WAREHOUSE=str(warehouse)) as (port, process):
        start = memory(process)
        took = []
        for build in ("two", "one", "two", "one"):
            began = time.perf_counter()
            publish(warehouse, build)
            while json.loads(get(port, "/health")[1])["build_id"] != build:
                time.sleep(0.005)
            took.append(time.perf_counter() - began)
            time.sleep(0.5)
        print(
            f"\nmemory per customer, {customers:,} of them: {(start - base) * 1e6 / customers:.0f} bytes at the start, "
            f"{(memory(process) - base) * 1e6 / customers:.0f} after {len(took)} switches"
        )
        print(f"publish to first answer of the new build: {min(took):.2f} to {max(took):.2f} s")
        stop, sizes = threading.Event(), []

        def publishing() -> None:
            n = 0
            while not stop.wait(2):
                publish(warehouse, ("two", "one")[n % 2])
                n += 1
                sizes.append(memory(process))

        thread = threading.Thread(target=publishing)
        thread.start()
        load = wrk(port, "", seconds, warehouse / "ids.txt")
        stop.set()
        thread.join()
        print(
            f"{seconds} s of full load, a publish every 2 s ({len(sizes)}): {load.requests:,.0f} requests/s, "
            f"p99 {load.p99:.1f} ms, {load.failed} failed; memory {sizes[0]:.0f} to {sizes[-1]:.0f} MB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each run")
    parser.add_argument("--load-seconds", type=int, default=60)
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("The load comes from wrk, which is not here. Debian and Ubuntu: apt-get install wrk.")
    with tempfile.TemporaryDirectory() as folder:
        warehouse, small = Path(folder) / "warehouse", Path(folder) / "small"
        ids, sqlite = warehouse / "ids.txt", Path(folder) / "old.sqlite"
        for build, shift in (("one", 0), ("two", 5000)):
            make(warehouse, build, arguments.customers, shift)
        publish(warehouse, "one")
        make(small, "small", 10)
        publish(small, "small")
        with duckdb.connect(warehouse / "builds" / "two" / "clv.duckdb", read_only=True) as db:
            rows = db.execute(
                "select customer_id, predicted_clv from customer_value using sample 200000 rows"
            ).fetchall()
        ids.write_text("".join(f"{customer_id}\n" for customer_id, _ in rows))
        with sqlite3.connect(sqlite) as old:
            old.execute("create table predictions (customer_id varchar primary key, predicted_clv float)")
            old.executemany("insert into predictions values (?, ?)", rows)
        compare(warehouse, ids, sqlite, arguments.rounds, arguments.seconds)
        switch(warehouse, small, arguments.customers, arguments.load_seconds)


if __name__ == "__main__":
    main()
