"""Every request to the API is metered, but for bundles and shards: those are files."""

from __future__ import annotations

import hashlib

from flask import Flask, request

from server.config import Settings
from server.limits.meter import Meter
from server.limits.rate import Rate, network_of
from server.refusals import RateLimited
from server.refusing import is_api

BURST_S = 10.0
"""So many seconds' worth may come at once."""
FILES = "pools"
"""The blueprint of bundles and shards."""


def init_app(app: Flask, settings: Settings) -> None:
    devices = _meter(settings.requests_per_second)
    networks = _meter(settings.network_requests_per_second)

    def check() -> None:
        if not is_api(request.path) or request.blueprint == FILES:
            return
        network = network_of(request.remote_addr)
        if networks and network:
            _require(networks, network, "network")
        # A made-up token gets a meter of its own, but has passed its network's.
        token = request.headers.get("Authorization")
        if devices and token:
            _require(
                devices, hashlib.sha256(token.encode("utf-8", "replace")).hexdigest(), "device"
            )

    app.before_request(check)


def _meter(per_second: float) -> Meter | None:
    if not per_second:
        return None
    return Meter(Rate(per_s=per_second, burst=max(per_second * BURST_S, 1.0)))


def _require(meter: Meter, client: str, what: str) -> None:
    wait = meter.take(client)
    if wait:
        raise RateLimited(f"Too many requests come from this {what}.", retry_after_s=wait)
