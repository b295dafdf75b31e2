"""/health says when the worker last published, whatever has become of its ledger since."""

from __future__ import annotations

from pathlib import Path

from werkzeug.test import Client

from api import create_app
from api.settings import Settings
from pipeline.jobs.ledger import Ledger
from tests.api.conftest import publish


def test_the_last_success_is_the_one_that_ended_last_whichever_was_queued_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for number in range(4):
        ledger.add(f"build-{number}", "upload", "orders.csv", {})
    builds = [ledger.claim() for _ in range(4)]
    for number in (2, 1, 0):
        ledger.end(builds[number], "published", None)
        assert ledger.last_published() == ledger.get(f"build-{number}")
    ledger.end(builds[3], "failed", None)
    ledger.remove_all_but(1)
    assert ledger.ids() == {"build-0", "build-3"}


def test_the_last_success_outlives_failures_and_a_damaged_ledger_is_told(tmp_path: Path) -> None:
    publish(tmp_path, "one", {"a": 1.0})
    client = Client(create_app(Settings(tmp_path)).wsgi_app)
    assert not {"last_success_at", "last_success_age_seconds"} & set(client.get("/health").json)

    (tmp_path / ".clv-jobs").mkdir()
    ledger = Ledger(tmp_path / ".clv-jobs" / "ledger.sqlite")
    for number, state in enumerate(("published", "published", "failed", "failed", "cancelled")):
        ledger.add(f"build-{number}", "upload", "orders.csv", {})
        ledger.end(ledger.claim(), state, None)
    assert ledger.last_published() == ledger.get("build-1")
    ledger.remove_all_but(2)
    assert ledger.ids() == {"build-1", "build-3", "build-4"}
    health = client.get("/health").json
    assert health["last_success_at"] == ledger.get("build-1").ended_at
    assert (health["status"], 0 <= health["last_success_age_seconds"] < 60) == ("ok", True)

    ledger.file.write_bytes(b"no ledger" * 1000)
    answer = client.get("/health")
    assert (answer.status_code, answer.json["status"], answer.json["customers"]) == (200, "degraded", 1)
    assert ".clv-jobs/ledger.sqlite cannot be read" in answer.json["problem"]
    metrics = client.get("/metrics")
    assert (metrics.status_code, "clv_worker_running 0.0" in metrics.text, "clv_builds" in metrics.text) == (
        200,
        True,
        False,
    )
    builds = client.get("/builds")
    assert (builds.status_code, builds.json["detail"]) == (
        503,
        "What became of the builds cannot be read here. /health says more.",
    )
