"""Numbers for Prometheus: what workers count, and what the database knows.

Imported in workers only: where PROMETHEUS_MULTIPROC_DIR is set, prometheus_client counts in files
of that folder, which the workers share, and it looks at that variable once.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from datetime import datetime

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from server.db import Database
from server.pools import services as pools
from server.work import services as work

NOWHERE = "none"
"""The route of a request that no route matches: its address is anybody's to invent."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = logging.getLogger("server.access")
_registry = CollectorRegistry()
_requests = Counter(
    "dva_requests", "Requests answered.", ["method", "route", "status"], registry=_registry
)
_seconds = Histogram(
    "dva_request_seconds",
    "Seconds until an answer was made; sending it is not in it.",
    ["route"],
    registry=_registry,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def init_app(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_count)


def _begin() -> None:
    g.began = time.monotonic()


def _count(response: Response) -> Response:
    seconds = time.monotonic() - g.began
    route = request.url_rule.rule if request.url_rule else NOWHERE
    method = request.method if request.method in METHODS else "other"
    _requests.labels(method, route, str(response.status_code)).inc()
    _seconds.labels(route).observe(seconds)
    log.info(
        "%s %s %d",
        request.method,
        request.path,
        response.status_code,
        extra={
            "fields": {
                "method": request.method,
                "path": request.path,
                "route": route,
                "status": response.status_code,
                "seconds": round(seconds, 6),
            }
        },
    )
    return response


def exposition(database: Database, at: datetime) -> bytes:
    """Everything, in Prometheus's text format."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    else:
        counted = _registry
    stored = CollectorRegistry(auto_describe=False)
    stored.register(_Stored(database, at))
    return bytes(generate_latest(counted) + generate_latest(stored))


class _Stored(Collector):
    """What the database knows: right across workers and restarts."""

    def __init__(self, database: Database, at: datetime) -> None:
        self._database = database
        self._at = at

    def collect(self) -> Iterable[Metric]:
        with self._database.read() as session:
            leased = work.count_leased(session, self._at)
            ended = work.count_ended(session)
            statuses = pools.statuses(session, leased)
        units = GaugeMetricFamily("dva_units", "Units, by state.", labels=["pool", "state"])
        # No counters: what audits reject is given out anew, and they fall.
        results = GaugeMetricFamily("dva_results", "Units with a result.", labels=["pool"])
        pairs = GaugeMetricFamily("dva_pairs", "Pairs of these units.", labels=["pool"])
        for pool in statuses:
            open_units = pool.units - pool.units_done - pool.units_leased
            for state, count in (
                ("open", open_units),
                ("leased", pool.units_leased),
                ("done", pool.units_done),
            ):
                units.add_metric([pool.pool, state], count)
            results.add_metric([pool.pool], pool.units_done)
            pairs.add_metric([pool.pool], pool.pairs_done)
        leases = GaugeMetricFamily(
            "dva_leases",
            "Leases, by state; of those that came to nothing, the last day's.",
            labels=["state"],
        )
        leases.add_metric(["held"], sum(leased.values()))
        leases.add_metric(["done"], sum(pool.units_done for pool in statuses))
        for state, count in ended.items():
            leases.add_metric([state], count)
        yield from (units, results, pairs, leases)
