"""A warehouse with a server that takes uploads and, where a test wants one, a worker: real processes on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Answer, Server
from tests.pipeline.conftest import ROOT, Shop, typed

__all__ = ["typed"]

HEADER = "customer_id,order_id,order_item_id,num_items,revenue,created_at_date"
ORDERS = f"{HEADER}\na,a1,1,1,10,2017-10-01\nb,b1,1,1,20,2017-10-01\nc,c1,1,1,30,2017-10-01\n".encode()


class Desk(Shop):
    """A shop whose orders come in over HTTP."""

    def __init__(self, folder: Path, **environment: str):
        super().__init__(folder)
        self._environment = environment
        self.server = Server(self.warehouse, folder / "server.log", **{"UPLOADS": "1"} | environment)
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def jobs(self) -> Path:
        return self.warehouse / ".clv-jobs"

    def upload(self, body: bytes = ORDERS, query: str = "", **headers: str) -> Answer:
        return self.server.request("POST", f"/orders{query}", body, **headers)

    def queue(self, body: bytes = ORDERS, query: str = "", **headers: str) -> str:
        """Uploads what has to be taken, and returns the build's id."""
        answer = self.upload(body, query, **headers)
        assert answer.status == 202, answer.body
        assert answer.headers["location"] == f"/builds/{answer.json['id']}"
        return answer.json["id"]

    def build(self, build_id: str) -> dict[str, Any]:
        return self.server.get(f"/builds/{build_id}").json

    def builds(self) -> list[dict[str, Any]]:
        """The oldest first."""
        return self.server.get("/builds").json["builds"][::-1]

    def work(self, **given: str) -> subprocess.Popen[bytes]:
        clean = {name: value for name, value in os.environ.items() if name not in ("AS_OF", "MODEL", "STRICT")}
        own = {"WAREHOUSE": str(self.warehouse), "TMPDIR": str(self.temporary)} | self._environment
        with (self.folder / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "pipeline", "work"],
                cwd=ROOT,
                env=clean | own | given,
                stdout=log,
                stderr=log,
            )
        self.workers.append(worker)
        return worker

    def log(self) -> str:
        return (self.folder / "worker.log").read_text()

    def until(self, holds: Callable[[], Any], seconds: float = 180) -> Any:
        """What `holds` gives as soon as it is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := holds():
                return found
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {json.dumps(self.builds(), indent=1)}\n{self.log()}")

    def ended(self, build_id: str) -> dict[str, Any]:
        """The build, as soon as it has ended."""
        states = ("published", "failed", "cancelled")
        return self.until(lambda: found if (found := self.build(build_id))["state"] in states else None)

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.server.stop()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """One without a server, that has orders and has built nothing."""
    shop = Shop(tmp_path)
    shop.write_orders({"a": 10, "b": 20})
    return shop


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


@pytest.fixture
def open_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Opens one whose server and worker are given these variables."""
    desks: list[Desk] = []

    def open_desk(**environment: str) -> Desk:
        desks.append(Desk(tmp_path, **environment))
        return desks[-1]

    yield open_desk
    for desk in desks:
        desk.close()
