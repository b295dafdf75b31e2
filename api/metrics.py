"""What is counted and timed, in Prometheus' terms."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from datetime import datetime

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.log import LogWriter
from api.places import Places
from api.store.publication import NotPublished, Publication
from pipeline.jobs import Jobs

METHODS = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"}
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """A registry of its own per app, and one histogram that counts and times the requests."""

    def __init__(self, publication: Publication, places: Places, log: LogWriter, jobs: Jobs) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(SnapshotCollector(publication))
        self.registry.register(ServerCollector(places, log))
        self.registry.register(BuildsCollector(jobs))
        labels = ("route", "method", "status")
        self._seconds = Histogram(
            "clv_request_seconds", "Time to answer.", labels, registry=self.registry, buckets=SECONDS
        )
        self._children: dict[tuple[str, str, int], Histogram] = {}  # labels() checks its arguments at every call

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        if method not in METHODS:  # anyone can think of another one, and each would stay in memory
            method = "OTHER"
        child = self._children.get((route, method, status))
        if child is None:
            child = self._children[route, method, status] = self._seconds.labels(route, method, status)
        child.observe(seconds)


class BuildsCollector(Collector):
    """What the worker has made of the builds that it was asked for."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def collect(self) -> list[Metric]:
        running = GaugeMetricFamily(
            "clv_worker_running", "1 if a worker runs on the warehouse.", self._jobs.has_worker()
        )
        with suppress(sqlite3.Error):  # a damaged ledger: /health says so, and the other metrics stay
            return [running, *self._of_the_ledger()]
        return [running]

    def _of_the_ledger(self) -> list[Metric]:
        ledger = self._jobs.ledger
        builds = GaugeMetricFamily("clv_builds", "The builds that are remembered, by state.", labels=["state"])
        for state, number in ledger.by_state().items():
            builds.add_metric([state], number)
        last = ledger.last_published()
        if last is None or last.ended_at is None:
            return [builds]
        seconds = GaugeMetricFamily("clv_step_seconds", "Of the last build that was published.", labels=["step"])
        for step, took in self._jobs.progress(last).seconds.items():
            seconds.add_metric([step], took)
        when = datetime.fromisoformat(last.ended_at).timestamp()
        name = "clv_last_success_timestamp_seconds"
        return [builds, seconds, GaugeMetricFamily(name, "When the worker last published, Unix time.", when)]


class ServerCollector(Collector):
    """The places for requests, and the log."""

    def __init__(self, places: Places, log: LogWriter) -> None:
        self._places = places
        self._log = log

    def collect(self) -> list[Metric]:
        taken = GaugeMetricFamily("clv_places_taken", "Requests of a kind that are being answered.", labels=["kind"])
        limits = GaugeMetricFamily("clv_places", "Requests of a kind that may be answered at once.", labels=["kind"])
        for limit, number in self._places.taken().items():
            taken.add_metric([limit.name], number)
            limits.add_metric([limit.name], limit.at_once)
        lost = CounterMetricFamily("clv_log_lines_lost", "Lines that stderr did not take.", self._log.lost)
        return [taken, limits, lost]


class SnapshotCollector(Collector):
    """What is served now."""

    def __init__(self, publication: Publication) -> None:
        self._publication = publication

    def collect(self) -> list[Metric]:
        publication = self._publication
        try:
            snapshot = publication.snapshot
        except NotPublished:
            return [GaugeMetricFamily("clv_snapshot_ready", "1 if there is a build to answer from.", 0)]
        return [
            GaugeMetricFamily("clv_snapshot_ready", "1 if there is a build to answer from.", 1),
            GaugeMetricFamily(
                "clv_snapshot_problem", "1 if the next build cannot be loaded.", bool(publication.problem)
            ),
            GaugeMetricFamily("clv_snapshot_customers", "Customers in the build.", len(snapshot.columns)),
            GaugeMetricFamily("clv_snapshot_warnings", "Warnings of the build.", len(snapshot.warnings)),
            GaugeMetricFamily("clv_snapshot_loaded_seconds", "When it was loaded, Unix time.", publication.loaded_at),
            GaugeMetricFamily("clv_snapshot_switches", "Builds loaded since the start.", publication.switches),
            GaugeMetricFamily(
                "clv_snapshot_built_seconds", "When it was made, Unix time.", snapshot.built_at.timestamp()
            ),
        ]
