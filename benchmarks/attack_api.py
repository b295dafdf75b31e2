"""Everything that once took the API down, all of it at once for ten minutes: what other clients notice, and its memory.

`python -m benchmarks.attack_api` starts a server whose log nobody reads, attacks it without a token, publishes builds
meanwhile, and asks what every client asks all the while. It ends with status 1 where one of these was not answered, or
where a route does not come back to itself afterwards. Linux only.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import duckdb

from benchmarks.api.published import publish
from benchmarks.bench_api import get, memory

ROOT = Path(__file__).resolve().parents[1]
ROUTES = ("/summary", "/predictions", "/predictions.csv", "/docs", "/openapi.json", "/")
PATIENCE = 5  # seconds that an honest client waits at most, on a machine that is busy with the attack too
DEMO = {"ORDERS": "", "MODEL": "", "MAPPING": ""}
Attack = Callable[[int, threading.Event], None]


class Minute(NamedTuple):
    """What an honest client saw in a minute: seconds of each answer, how many were none; MB of the API at its end."""

    answers: list[float]
    failed: int
    megabytes: float


def forge_cursors(port: int, stop: threading.Event) -> None:
    """Cursors that no page has given."""
    builds = ("\ud800", "x\r\nSet-Cookie: a=b", "x" * 5_000, "one")
    cursors = [base64.urlsafe_b64encode(json.dumps([b, "id", 1.0, "\ud800"]).encode()).decode() for b in builds]
    for cursor in cycle([*cursors, base64.urlsafe_b64encode(b"[" * 5_000).decode(), "AAAA", "%20"]):
        if stop.is_set():
            return
        get(port, f"/predictions?order=id&cursor={cursor}")


def crawl(port: int, stop: threading.Event) -> None:
    """200 clients that take large files a few bytes a second, in segments as from another machine."""
    paths = cycle(["/docs/assets/js/swagger-ui-bundle.js", "/predictions.csv", "/static/page.js", "/openapi.json"])
    with ExitStack() as stack:
        clients: list[socket.socket] = []
        while not stop.wait(1):
            clients = [client for client in clients if _took(client, 5)]
            while len(clients) < 200:
                request = f"GET {next(paths)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
                clients.append(stack.enter_context(_connected(port, request)))


def send_halves(port: int, stop: threading.Event) -> None:
    """Heads and bodies that never end, until the server ends them."""
    body = b"POST /predictions/lookup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    halves = cycle([b"GET /health HTTP/1.1\r\nHost: loc", body + b'Content-Length: 1000\r\n\r\n{"user_ids"'])
    with ExitStack() as stack:
        clients: list[socket.socket] = []
        while not stop.wait(1):
            clients = [client for client in clients if _took(client, 100)]
            clients += [stack.enter_context(_connected(port, next(halves))) for _ in range(60 - len(clients))]


def send_nonsense(port: int, stop: threading.Event) -> None:
    """Addresses, heads and bodies that no client sends, and clients that are gone before the answer."""
    post = b"POST /predictions/lookup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    deep = b"[" * 100_000
    nonsense = cycle(
        [
            b"GET /predictions/%ff%00%0d%0a HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /customers/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET /predictions?limit=" + b"9" * 4_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 500) for n in range(200)) + b"\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50,
            post + b"5000000\r\n\r\n",
            post + b"%d\r\n\r\n" % len(deep) + deep,
            b"GET /summary HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ]
    )
    for sent in nonsense:
        if stop.is_set():
            return
        with suppress(OSError), _connected(port, sent) as client:
            client.settimeout(0.05)
            client.recv(100)


ATTACKS: tuple[Attack, ...] = (forge_cursors, forge_cursors, crawl, send_halves, send_nonsense)


def _connected(port: int, sent: bytes) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1448)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.settimeout(PATIENCE)
    with suppress(OSError):
        client.connect(("127.0.0.1", port))
        client.sendall(sent)
    client.setblocking(False)
    return client


def _took(client: socket.socket, size: int) -> bool:
    """Whether the connection still stands, of which so many bytes were taken where there were any."""
    try:
        if client.recv(size):
            return True
    except BlockingIOError:
        return True
    except OSError:
        pass
    client.close()
    return False


def build(warehouse: Path, as_of: str) -> str:
    """A real build of the demo data; returns its id."""
    command = [sys.executable, "-m", "pipeline", "build", "--as-of", as_of, "--warehouse", str(warehouse)]
    subprocess.run(command, cwd=ROOT, env=os.environ | DEMO, check=True, capture_output=True)
    return os.readlink(warehouse / "current").rpartition("/")[2]


@contextmanager
def server(warehouse: Path) -> Iterator[tuple[int, int]]:
    """The real one, whose log goes into a pipe that nobody empties; gives its port and the process that answers."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "api", "--port", str(port), "--warehouse", str(warehouse)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        while get(port, "/health")[0] != 200:
            if process.poll() is not None:
                raise RuntimeError(f"{command} does not answer")
            time.sleep(0.1)
        yield port, int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def observe(port: int, process: int, asked: Sequence[str], seconds: float) -> Minute:
    """Asks one of these paths after the other, twice a second."""
    answers, failed, end = [], 0, time.monotonic() + seconds
    for path in cycle(asked):
        began = time.monotonic()
        status = 0
        with suppress(OSError, http.client.HTTPException):
            status, _ = get(port, path)
        answers.append(time.monotonic() - began)
        failed += status != 200 or answers[-1] > PATIENCE
        if time.monotonic() > end:
            return Minute(answers, failed, memory(process))
        time.sleep(0.5)
    raise AssertionError("a cycle has no end")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=int, default=10)
    minutes: int = parser.parse_args().minutes
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        warehouse = Path(folder) / "warehouse"
        builds = [build(warehouse, day) for day in ("2017-10-16", "2017-10-17")]
        with duckdb.connect(warehouse / "clv.duckdb", read_only=True) as file:
            ((customer,),) = file.execute("select min(customer_id) from customer_value").fetchall()
        asked = ("/health", f"/predictions/{customer}")
        port, process = stack.enter_context(server(warehouse))

        def publish_builds() -> None:
            for build_id in cycle(builds):
                if stop.wait(10):
                    return
                publish(warehouse, build_id)

        dead = [path for path in (*asked, *ROUTES) if get(port, path)[0] != 200]
        assert not dead, f"{dead} do not answer before anything is attacked"
        print(f"before: {memory(process):.0f} MB")
        threads = [threading.Thread(target=attack, args=(port, stop)) for attack in ATTACKS]
        threads.append(threading.Thread(target=publish_builds))
        for thread in threads:
            thread.start()
        seen = []
        try:
            for minute in range(1, minutes + 1):
                seen.append(observe(port, process, asked, 60))
                median, slowest = statistics.median(seen[-1].answers), max(seen[-1].answers)
                print(
                    f"minute {minute}: {seen[-1].megabytes:.0f} MB; {len(seen[-1].answers)} answers to others, "
                    f"{seen[-1].failed} failed, median {median * 1000:.0f} ms, slowest {slowest * 1000:.0f} ms",
                    flush=True,
                )
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        away = [path for path in (*asked, *ROUTES) if not _comes_back(port, path)]
        print(f"afterwards: {memory(process):.0f} MB; " + (f"dead: {', '.join(away)}" if away else "all routes answer"))
        same = os.path.exists(f"/proc/{process}")
        return int(bool(away) or not same or any(minute.failed for minute in seen))


def _comes_back(port: int, path: str) -> bool:
    """Within a minute, in which the server has noticed that the attackers are gone."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status, body = get(port, path)
        if status == 200 and (path != "/health" or json.loads(body)["status"] == "ok"):
            return True
        time.sleep(0.5)
    return False


if __name__ == "__main__":
    sys.exit(main())
