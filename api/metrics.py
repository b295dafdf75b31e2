"""GET /metrics: requests and the snapshot, in Prometheus' format."""

from __future__ import annotations

from flask import Response, current_app
from flask_openapi3 import APIBlueprint
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.publication import NotPublished, Publication
from api.schemas import problems

routes = APIBlueprint("metrics", __name__)

METHODS = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"}
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """A registry of its own per app, and one histogram that counts and times the requests."""

    def __init__(self, publication: Publication) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(SnapshotCollector(publication))
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
        gauges = [
            GaugeMetricFamily("clv_snapshot_ready", "1 if there is a build to answer from.", 1),
            GaugeMetricFamily(
                "clv_snapshot_problem", "1 if the next build cannot be loaded.", bool(publication.problem)
            ),
            GaugeMetricFamily("clv_snapshot_customers", "Customers in the build.", len(snapshot.columns)),
            GaugeMetricFamily("clv_snapshot_loaded_seconds", "When it was loaded, Unix time.", publication.loaded_at),
            GaugeMetricFamily("clv_snapshot_switches", "Builds loaded since the start.", publication.switches),
        ]
        if snapshot.built_at:
            built = snapshot.built_at.timestamp()
            gauges.append(GaugeMetricFamily("clv_snapshot_built_seconds", "When it was made, Unix time.", built))
        return gauges


@routes.get("/metrics", responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(401)})
def metrics() -> Response:
    """Requests, latencies and the snapshot, in Prometheus' format"""
    registry = current_app.extensions["metrics"].registry
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
